"""RDS: what it refuses, what it fills in, and parameter groups that know their parameters."""

from local_cloud.shims.rds import (
    instances,
    parameter_groups,
    states,
    storage,
    subnet_groups,
    versions,
    windows,
)

__all__ = ["instances", "parameter_groups", "states", "storage", "subnet_groups", "versions", "windows"]

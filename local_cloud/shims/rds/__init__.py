"""RDS: its refusals, its defaults, and parameter groups with their parameters."""

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

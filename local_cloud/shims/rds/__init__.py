"""RDS: its refusals, its defaults, and parameter groups with their parameters."""

from local_cloud.shims.rds import (
    instances,
    maintenance,
    parameter_groups,
    states,
    storage,
    subnet_groups,
    versions,
    windows,
)

__all__ = [
    "instances",
    "maintenance",
    "parameter_groups",
    "states",
    "storage",
    "subnet_groups",
    "versions",
    "windows",
]

"""RDS: its refusals, its defaults, and parameter groups with their parameters."""

from local_cloud.shims.rds import (
    automated_backups,
    changes,
    classes,
    instances,
    maintenance,
    parameter_groups,
    restores,
    states,
    storage,
    subnet_groups,
    versions,
    windows,
)

__all__ = [
    "automated_backups",
    "changes",
    "classes",
    "instances",
    "maintenance",
    "parameter_groups",
    "restores",
    "states",
    "storage",
    "subnet_groups",
    "versions",
    "windows",
]

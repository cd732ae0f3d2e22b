"""RDS: restores make a new instance, with few settings of its source."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue
from moto.rds.models import DBInstance, RDSBackend

from local_cloud.patching import Original, around
from local_cloud.shims.rds.automated_backups import restore_point
from local_cloud.shims.rds.storage import SMALLEST_TUNABLE_GP3
from local_cloud.shims.rds.windows import check_windows

# What a new instance takes over from its source unless the request sets it, by moto's names (R1).
CARRIED = (
    "allocated_storage",
    "backup_retention_period",
    "db_instance_class",
    "db_name",
    "enable_iam_database_authentication",
    "engine",
    "engine_version",
    "kms_key_id",
    "license_model",
    "master_username",
    "port",
    "storage_encrypted",
)
# What a request may set (R2). All else is lost: a second ModifyDBInstance brings it back (R3).
SETTABLE = (
    "allocated_storage",
    "auto_minor_version_upgrade",
    "availability_zone",
    "backup_retention_period",
    "ca_certificate_identifier",
    "copy_tags_to_snapshot",
    "db_instance_class",
    "db_parameter_group_name",
    "db_subnet_group_name",
    "deletion_protection",
    "enable_cloudwatch_logs_exports",
    "enable_iam_database_authentication",
    "iops",
    "license_model",
    "max_allocated_storage",
    "multi_az",
    "port",
    "preferred_backup_window",
    "publicly_accessible",
    "storage_throughput",
    "storage_type",
    "tags",
    "vpc_security_group_ids",
)
MAINTENANCE_WINDOWS = ("sat:18:07-sat:18:37", "sat:09:07-sat:09:37")
BACKUP_WINDOW = "16:11-16:41"


# AWS: only this is carried over; the rest has defaults: subnet group, security group and parameter group, one zone, no protection,
# no monitoring, no exports, other windows (R1, R3, R14; moto copies most of the source).
def restore(backend: RDSBackend, source: DBInstance, values: dict[str, Any]) -> DBInstance:
    """Create an instance from a source, an instance or the copy of one in a snapshot. Raises AWS's errors."""
    carried = {
        name: value
        for name in CARRIED
        if (value := source.__dict__.get(f"_{name}", source.__dict__.get(name)))
    }
    given = {name: values[name] for name in SETTABLE if values.get(name) is not None}
    _refuse_storage(source, given)
    backup = given.get("preferred_backup_window", BACKUP_WINDOW)
    window = next(one for one in MAINTENANCE_WINDOWS if check_windows(None, one, backup) is None)
    return backend.create_db_instance(
        {
            **carried,
            "master_user_password": source._master_user_password,
            "storage_type": "gp3",
            **given,
            "db_instance_identifier": values["target"],
            "preferred_backup_window": backup,
            "preferred_maintenance_window": window,
        }
    )


# AWS: the storage is not smaller, and the type gp3 comes with its IOPS, which a small one refuses (R4, R24).
def _refuse_storage(source: DBInstance, given: dict[str, Any]) -> None:
    size = given.get("allocated_storage", source.allocated_storage)
    if size < source.allocated_storage:
        raise InvalidParameterValue(
            "The allocated storage size can't be less than the source snapshot or backup size."
        )
    if given.get("storage_type") == "gp3" and not given.get("iops") and size < SMALLEST_TUNABLE_GP3:
        raise InvalidParameterCombination("The storage type gp3 requires iops to be specified.")


@around(RDSBackend, "restore_db_instance_from_db_snapshot")
def restore_snapshot(
    _original: Original, backend: RDSBackend, name: str, values: dict[str, Any]
) -> DBInstance:
    """Restore a snapshot; without tags in the request, the source's tags are copied (R8)."""
    snapshot = backend.describe_db_snapshots(None, name.rpartition(":snapshot:")[2])[0]
    given = {**values, "target": values["db_instance_identifier"]}
    if not given.get("tags"):
        given["tags"] = list(snapshot.database.tags)
    given.pop("max_allocated_storage", None)
    return restore(backend, snapshot.database, given)


@around(RDSBackend, "restore_db_instance_to_point_in_time")
def restore_time(
    _original: Original, backend: RDSBackend, _source: str | None, target: str, values: dict[str, Any]
) -> DBInstance:
    """Restore a point in time, also of a deleted instance whose backups are retained (R10)."""
    backup, _ = restore_point(backend, values)
    return restore(backend, backup.instance, {**values, "target": target})

"""RDS: automated backups, their windows of restorable times, and those that stay when an instance is deleted."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
import string
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import (
    DBInstanceNotFoundError,
    InvalidParameterCombination,
    RDSClientError,
)
from moto.rds.models import DBInstance, RDSBackend
from moto.rds.responses import RDSResponse

from local_cloud.patching import Original, around

# Called when the backups of a deleted instance are deleted.
FORGOTTEN: list[Callable[[Backup], None]] = []
# Seconds between two uploads of an instance's log.
log_interval: Callable[[], float] = lambda: 300.0  # noqa: E731 - a cloud with settings puts its own here


def now() -> datetime.datetime:
    """The present, in whole seconds as the API shows times."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


@dataclasses.dataclass
class Backup:
    """The automated backups of an instance: from `since` (None: none yet) to the last upload, or to `end` once it is deleted."""

    instance: DBInstance
    arn: str
    since: datetime.datetime | None
    end: datetime.datetime | None = None
    in_deletion: bool = False

    @property
    def status(self) -> str:
        """The state that the API reports; "retained" once the instance is gone."""
        if self.since is None:
            return "creating"
        return "retained" if self.end and not self.in_deletion else "active"

    # AWS: the log goes to S3 every 5 minutes, so the latest restorable time trails the present (R9, R14; moto: the present).
    @property
    def latest(self) -> datetime.datetime | None:
        """The latest restorable time; None before the first backup."""
        if self.end or self.since is None:
            return self.end
        interval = log_interval()
        passed = max(0.0, (now() - self.since).total_seconds())
        return self.since + datetime.timedelta(seconds=passed // interval * interval if interval else passed)

    def ends(self) -> None:
        """The instance is deleted: nothing is added to its backups."""
        self.end = self.latest


def new_backup(instance: DBInstance) -> Backup:
    """The backups of an instance whose first backup was made just now."""
    mark = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(39))
    arn = f"arn:aws:rds:{instance.region}:{instance.account_id}:auto-backup:ab-{mark}"
    # The first restorable second is the one that begins after the backup.
    return Backup(instance, arn, now() + datetime.timedelta(seconds=1))


def backup_of(instance: DBInstance) -> Backup | None:
    """The automated backups of an instance; None if it keeps none."""
    if not instance.backup_retention_period:
        instance.__dict__.pop("automated_backup", None)
        return None
    if "automated_backup" not in instance.__dict__:
        instance.automated_backup = new_backup(instance)
    return instance.automated_backup


def retained(backend: RDSBackend) -> dict[str, Backup]:
    """The backups that outlived their instances, by resource id."""
    return backend.__dict__.setdefault("retained_backups", {})


def _latest(instance: DBInstance) -> datetime.datetime | None:
    backup = backup_of(instance)
    return backup.latest if backup else None


DBInstance.latest_restorable_time = property(_latest)


# AWS: an automated snapshot only where backups are kept (moto: always), each with a name of its own.
@around(DBInstance, "save_automated_backup")
def save_automated_backup(_original: Original, instance: DBInstance) -> None:
    """Make an automated snapshot, named after the minute."""
    if not backup_of(instance):
        return
    time = now()
    while (name := f"rds:{instance.db_instance_identifier}-{time:%Y-%m-%d-%H-%M}") in (
        instance.backend.database_snapshots
    ):
        time += datetime.timedelta(minutes=1)
    instance.backend.create_auto_snapshot(instance.db_instance_identifier, name)


# AWS: DeleteAutomatedBackups=false keeps the automated backups of a deleted instance (R10, R6; moto keeps none).
@around(RDSBackend, "delete_db_instance")
def delete_db_instance(
    original: Original,
    backend: RDSBackend,
    db_instance_identifier: str,
    final_db_snapshot_identifier: str | None = None,
    skip_final_snapshot: bool | None = False,
    delete_automated_backups: bool | None = True,
) -> DBInstance:
    """Keep the backups, or delete them with the instance."""
    instance = original(
        backend, db_instance_identifier, final_db_snapshot_identifier, skip_final_snapshot, False
    )
    backup = backup_of(instance)
    if backup and delete_automated_backups is False and backup.since:
        backup.ends()
        retained(backend)[instance.dbi_resource_id] = backup
    else:
        delete_automated_snapshots(backend, instance.dbi_resource_id)
    return instance


def delete_automated_snapshots(backend: RDSBackend, resource_id: str) -> None:
    """Delete the automated snapshots of an instance."""
    for name, snapshot in list(backend.database_snapshots.items()):
        if snapshot.dbi_resource_id == resource_id and snapshot.snapshot_type == "automated":
            backend.delete_db_snapshot(name)


def _backups(backend: RDSBackend) -> list[Backup]:
    kept = retained(backend)
    present = [one for one in backend.databases.values() if one.dbi_resource_id not in kept]
    return [*(backup for one in present if (backup := backup_of(one))), *kept.values()]


def describe_db_instance_automated_backups(response: RDSResponse) -> ActionResult:
    """DescribeDBInstanceAutomatedBackups, with its filters."""
    wanted = {one["Name"]: set(one["Values"]) for one in response.params.get("Filters") or []}
    for parameter, name in (
        ("DBInstanceIdentifier", "db-instance-id"),
        ("DbiResourceId", "dbi-resource-id"),
        ("DBInstanceAutomatedBackupsArn", "arn"),
    ):
        if response.params.get(parameter):
            wanted[name] = {response.params[parameter]}
    found = [
        backup
        for backup in _backups(response.backend)
        if all(values & _keys(backup)[name] for name, values in wanted.items())
    ]
    return ActionResult({"DBInstanceAutomatedBackups": [view(backup) for backup in found]})


def _keys(backup: Backup) -> dict[str, set[str]]:
    instance = backup.instance
    return {
        "db-instance-id": {instance.db_instance_identifier, instance.db_instance_arn},
        "dbi-resource-id": {instance.dbi_resource_id},
        "status": {backup.status},
        "arn": {backup.arn},
    }


def view(backup: Backup) -> dict[str, Any]:
    """Automated backups as the API shows them."""
    instance = backup.instance
    window = {"EarliestTime": backup.since, "LatestTime": backup.latest} if backup.since else {}
    group = getattr(instance, "db_subnet_group", None)
    return {
        "DBInstanceArn": instance.db_instance_arn,
        "DbiResourceId": instance.dbi_resource_id,
        "Region": instance.region,
        "DBInstanceIdentifier": instance.db_instance_identifier,
        "RestoreWindow": window,
        "AllocatedStorage": instance.allocated_storage,
        "Status": backup.status,
        "Port": instance.port,
        "AvailabilityZone": instance.availability_zone,
        "VpcId": group.vpc_id if group else None,
        "InstanceCreateTime": instance.instance_create_time,
        "MasterUsername": instance.master_username,
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "LicenseModel": instance.license_model,
        "StorageType": instance.storage_type,
        "Encrypted": instance.storage_encrypted,
        "KmsKeyId": instance.kms_key_id,
        "IAMDatabaseAuthenticationEnabled": bool(instance.enable_iam_database_authentication),
        "BackupRetentionPeriod": instance.backup_retention_period,
        "DBInstanceAutomatedBackupsArn": backup.arn,
        "BackupTarget": "region",
    }


RDSResponse.describe_db_instance_automated_backups = describe_db_instance_automated_backups


def not_found(name: str) -> RDSClientError:
    """AWS's error for backups that do not exist."""
    return RDSClientError("DBInstanceAutomatedBackupNotFound", f"Automated backup {name} not found.")


def delete_db_instance_automated_backup(response: RDSResponse) -> ActionResult:
    """DeleteDBInstanceAutomatedBackup, of a deleted instance (moto: 500)."""
    name = response.params.get("DbiResourceId") or response.params.get("DBInstanceAutomatedBackupsArn")
    found = [one for one in _backups(response.backend) if name in (one.arn, one.instance.dbi_resource_id)]
    if not found:
        raise not_found(name)
    if found[0].status != "retained":
        raise RDSClientError(
            "InvalidDBInstanceAutomatedBackupState",
            f"The automated backup {name} is {found[0].status}: its instance still exists.",
        )
    forget(response.backend, found[0])
    return ActionResult({"DBInstanceAutomatedBackup": {**view(found[0]), "Status": "deleting"}})


def forget(backend: RDSBackend, backup: Backup) -> None:
    """Delete the backups of a deleted instance."""
    retained(backend).pop(backup.instance.dbi_resource_id)
    delete_automated_snapshots(backend, backup.instance.dbi_resource_id)
    for tell in FORGOTTEN:
        tell(backup)


RDSResponse.delete_db_instance_automated_backup = delete_db_instance_automated_backup


def restore_point(backend: RDSBackend, values: dict[str, Any]) -> tuple[Backup, datetime.datetime]:
    """The backups and the time that a restore asks for. Raises AWS's errors."""
    backup = _source(backend, values)
    if backup is None or backup.latest is None:
        raise RDSClientError(
            "PointInTimeRestoreNotEnabled",
            "Point in time restore is not enabled for this instance: "
            "it has no backup yet, or its backup retention period is 0.",
        )
    wanted, latest = values.get("restore_time"), values.get("use_latest_restorable_time")
    if bool(wanted) == bool(latest):
        raise InvalidParameterCombination(
            "You must specify either RestoreTime or UseLatestRestorableTime, and not both."
        )
    if latest:
        return backup, backup.latest
    if isinstance(wanted, str):
        wanted = datetime.datetime.fromisoformat(wanted)
    if wanted.tzinfo is None:
        wanted = wanted.replace(tzinfo=datetime.UTC)
    if not backup.since <= wanted < backup.latest:
        raise RDSClientError(
            "InvalidRestoreFault",
            f"The specified time {wanted.isoformat()} is not restorable: "
            f"it must not be before {backup.since.isoformat()}, and must be before {backup.latest.isoformat()}.",
        )
    return backup, wanted


def _source(backend: RDSBackend, values: dict[str, Any]) -> Backup | None:
    named, resource, arn = (
        values.get(name)
        for name in (
            "source_db_instance_identifier",
            "source_dbi_resource_id",
            "source_db_instance_automated_backups_arn",
        )
    )
    if [bool(named), bool(resource), bool(arn)].count(True) != 1:
        raise InvalidParameterCombination(
            "Specify one of SourceDBInstanceIdentifier, SourceDbiResourceId and SourceDBInstanceAutomatedBackupsArn."
        )
    if named:
        instance = backend.databases.get(named.rpartition(":")[2].lower())
        if instance is None:
            raise DBInstanceNotFoundError(named)
        if instance.status in ("creating", "deleting"):
            raise RDSClientError(
                "InvalidDBInstanceState", f"The source {named} is not available ({instance.status})."
            )
        return backup_of(instance)
    for backup in _backups(backend):
        if not backup.in_deletion and (resource or arn) in (backup.instance.dbi_resource_id, backup.arn):
            return backup
    raise not_found(resource or arn)

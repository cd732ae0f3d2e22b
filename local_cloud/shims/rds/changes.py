"""RDS: the changes of an instance, and when they take effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.rds.exceptions import DBInstanceAlreadyExists
from moto.rds.models import DBInstance, RDSBackend

from local_cloud.patching import Original, around
from local_cloud.shims.rds.classes import refuse_class
from local_cloud.shims.rds.instances import (
    refuse_foreign_security_groups,
    refuse_invalid_password,
    refuse_retention,
)
from local_cloud.shims.rds.parameter_groups import refuse_foreign_parameter_family
from local_cloud.shims.rds.states import MAY_BE_CHANGED, refuse_state
from local_cloud.shims.rds.storage import refuse_storage, refuse_tuned_small_gp3
from local_cloud.shims.rds.versions import refuse_downgrade

type Values = dict[str, Any]

# Called with changes (moto's names and values) that take effect now. A hook that returns True makes them itself, by `apply`.
TAKEN: list[Callable[[RDSBackend, DBInstance, Values], bool]] = []

# AWS: these wait for the maintenance window unless ApplyImmediately is given (R15, R18). By moto's names, as
# PendingModifiedValues names them.
DEFERRED = {
    "allocated_storage": "AllocatedStorage",
    "backup_retention_period": "BackupRetentionPeriod",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "db_subnet_group_name": "DBSubnetGroupName",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "license_model": "LicenseModel",
    "multi_az": "MultiAZ",
    "new_db_instance_identifier": "DBInstanceIdentifier",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
# AWS: these take effect as soon as possible, and are pending meanwhile (R33).
SOON = {"master_user_password": "MasterUserPassword"}


@around(RDSBackend, "modify_db_instance")
def modify_db_instance(original: Original, backend: RDSBackend, identifier: str, values: Values) -> object:
    """Refuse as AWS does, and let each change take effect in its time."""
    instance = backend.describe_db_instances(identifier)[0]
    _refuse(backend, instance, values)
    if "vpc_security_group_ids" in values and not values["vpc_security_group_ids"]:
        del values["vpc_security_group_ids"]
    late = {name: values.pop(name) for name in DEFERRED if _differs(instance, name, values.get(name))}
    soon = {name: values.pop(name) for name in SOON if values.get(name) is not None}
    days = late.get("backup_retention_period")
    if days and instance.backup_retention_period:  # AWS: from one number of days to another there is no wait
        values["backup_retention_period"] = late.pop("backup_retention_period")
    deferred = instance.__dict__.setdefault("deferred", {})
    deferred |= late
    if values.get("apply_immediately"):
        # AWS: with what waits already.
        soon |= deferred
        deferred.clear()
    _show_pending(instance, deferred | soon)
    original(backend, identifier, values)
    if soon and not any(take(backend, instance, soon) for take in TAKEN):
        apply(backend, instance, soon)
    return instance


def _refuse(backend: RDSBackend, instance: DBInstance, values: Values) -> None:
    refuse_state(instance, MAY_BE_CHANGED)
    refuse_retention(values)
    refuse_foreign_security_groups(backend, values)
    if instance.engine == "postgres":
        refuse_invalid_password(values)
        refuse_class(backend, values)
        refuse_tuned_small_gp3(
            {"storage_type": instance.storage_type, "allocated_storage": instance.allocated_storage, **values}
        )
        refuse_downgrade(instance, values)
        refuse_storage(instance, values)
        refuse_foreign_parameter_family(
            backend, {"engine": "postgres", "engine_version": instance.engine_version, **values}
        )
    # AWS: the new name is free (R15; moto overwrites the other instance).
    if (values.get("new_db_instance_identifier") or "").lower() in backend.databases:
        raise DBInstanceAlreadyExists


def _differs(instance: DBInstance, name: str, wanted: object) -> bool:
    # moto keeps most values under a leading underscore.
    return wanted is not None and wanted != instance.__dict__.get(f"_{name}", instance.__dict__.get(name))


def _show_pending(instance: DBInstance, changes: Values) -> None:
    instance.pending_modified_values = {
        shown: "****" if name in SOON else changes[name]
        for name, shown in (DEFERRED | SOON).items()
        if name in changes
    }


def apply(backend: RDSBackend, instance: DBInstance, changes: Values) -> None:
    """Let changes take effect."""
    name = changes.get("new_db_instance_identifier")
    if name:
        del backend.databases[instance.db_instance_identifier]
        instance.db_instance_identifier = name
        backend.databases[instance.db_instance_identifier] = instance
    instance.update(**{key: value for key, value in changes.items() if key != "new_db_instance_identifier"})
    _show_pending(instance, instance.deferred)

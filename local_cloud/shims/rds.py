"""RDS: what it refuses, what it fills in, and parameter groups that know their parameters."""

from __future__ import annotations

import functools
import re
import secrets
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import moto.rds.models as moto_rds
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.rds.exceptions import (
    DBParameterGroupNotFoundError,
    DBSubnetGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBInstance, DBParameterGroup, DBSubnetGroup, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from local_cloud.patching import Original, around

# What RDS offers of PostgreSQL 15; the last one is what "15" stands for.
POSTGRES_VERSIONS = ("15.13", "15.14", "15.15", "15.16", "15.17", "15.18")
RESERVED_NAMES = {"admin", "rdsadmin", "rds_superuser", "rdsrepladmin", "rds_replication", "rds_password"}
RESERVED_NAMES |= {"user", "public", "none", "current_user", "session_user"}
SMALLEST_TUNABLE_GP3 = 400  # GiB; below, PostgreSQL's gp3 has a fixed performance
STRIPED_IOPS, STRIPED_THROUGHPUT = 12000, 500  # 1/s, MiB/s: the least of a gp3 of that size
# CreateDBSnapshot is accepted in these states, ModifyDBInstance and DeleteDBInstance in those.
MAY_BE_SNAPSHOTTED = {"available", "storage-optimization"}
MAY_BE_CHANGED = {
    *MAY_BE_SNAPSHOTTED,
    "storage-full",
    "incompatible-parameters",
    "incompatible-option-group",
    "insufficient-capacity",
}
# What a request, and the instance's description, show of the states that a test may order.
STATES = {
    *MAY_BE_CHANGED,
    "backing-up",
    "configuring-associated-roles",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-restore",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "restore-error",
    "starting",
    "stopped",
    "stopping",
    "storage-config-upgrade",
    "storage-initialization",
    "upgrading",
}


def _is_postgres(engine: str) -> bool:
    return engine == "postgres"


# -- creating an instance --------------------------------------------------------------------------


@around(RDSBackend, "create_db_instance")
def create_db_instance(original: Original, backend: RDSBackend, values: dict[str, Any]) -> object:
    """Refuse what AWS refuses, fill in what AWS fills in."""
    if _is_postgres(values.get("engine", "")) and not values.get("db_cluster_identifier"):
        refuse_reserved_names(values)
        refuse_invalid_password(values)
        refuse_character_set(values)
        refuse_tuned_small_gp3(values)
        values["engine_version"] = resolve_version(values.get("engine_version"))
        values.setdefault("license_model", "postgresql-license")
    refuse_retention(values)
    refuse_foreign_security_groups(backend, values)
    refuse_foreign_parameter_family(backend, values)
    complete(backend, values)
    instance = original(backend, values)
    # AWS: every instance has a resource id of its own.
    instance.dbi_resource_id = "db-" + "".join(
        secrets.choice(string.ascii_uppercase + "234567") for _ in range(26)
    )
    instance.applied_parameters = parameter_values(instance)
    return instance


# AWS: some names are reserved by the engine.
def refuse_reserved_names(values: dict[str, Any]) -> None:
    """Raise for a master user or database that PostgreSQL on RDS keeps for itself."""
    user = values.get("master_username")
    if user and (user.lower() in RESERVED_NAMES or user.lower().startswith("pg_")):
        raise InvalidParameterValue(
            f"MasterUsername {user} cannot be used as it is a reserved word used by the engine"
        )
    if user and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", user):
        raise InvalidParameterValue(
            "The parameter MasterUsername must begin with a letter and contain only alphanumeric characters."
        )
    name = values.get("db_name")
    if name and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise InvalidParameterValue(
            "DBName must begin with a letter and contain only alphanumeric characters."
        )
    if name and name.lower() in {"db", "user", "postgres_", "rdsadmin", "template0", "template1"}:
        raise InvalidParameterValue(
            f"DBName {name} cannot be used as it is a reserved word used by the engine"
        )


# AWS: a master password has 8 to 128 printable characters without / @ " and space.
def refuse_invalid_password(values: dict[str, Any]) -> None:
    """Raise for a password that RDS does not take."""
    password = values.get("master_user_password")
    if password is None:
        return
    if not 8 <= len(password) <= 128:
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password because it is "
            f"{'shorter than 8' if len(password) < 8 else 'longer than 128'} characters."
        )
    if not re.fullmatch(r"[!-~]+", password) or set(password) & set('/@" '):
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters "
            "besides '/', '@', '\"', ' ' may be used."
        )


# AWS: PostgreSQL's character set cannot be chosen; it is always UTF8.
def refuse_character_set(values: dict[str, Any]) -> None:
    """Raise when a character set is given."""
    if values.get("character_set_name"):
        raise InvalidParameterValue(
            "Character sets not supported on create for engine: postgres "
            f"and version: {values.get('engine_version')}"
        )


# AWS: IOPS and throughput of a gp3 below 400 GiB cannot be given, not even their own values.
def refuse_tuned_small_gp3(values: dict[str, Any]) -> None:
    """Raise when IOPS or throughput are given for a small gp3."""
    small = (values.get("allocated_storage") or 20) < SMALLEST_TUNABLE_GP3
    if (
        values.get("storage_type") == "gp3"
        and small
        and (values.get("iops") or values.get("storage_throughput"))
    ):
        raise InvalidParameterCombination(
            "You can't specify IOPS or storage throughput for engine postgres "
            "and a storage size less than 400."
        )


# AWS: "15" stands for the default minor version, and only known versions can be created.
def resolve_version(wanted: str | None) -> str:
    """The full version that a request stands for. Raises for one that RDS does not have."""
    if wanted in (None, "15"):
        return POSTGRES_VERSIONS[-1]
    if wanted not in POSTGRES_VERSIONS:
        raise InvalidParameterCombination(f"Cannot find version {wanted} for postgres")
    return wanted


# AWS: automated backups are kept for 0 to 35 days.
def refuse_retention(values: dict[str, Any]) -> None:
    """Raise for a retention period out of range."""
    days = values.get("backup_retention_period")
    if days is not None and not 0 <= days <= 35:
        raise InvalidParameterValue(f"Invalid backup retention period: {days}. Must be between 0 and 35.")


# AWS: the security groups exist, and they are in the VPC of the subnet group.
def refuse_foreign_security_groups(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Raise for a security group that does not exist or belongs to another VPC."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    name = values.get("db_subnet_group_name")
    vpc_id = backend.describe_db_subnet_groups(name)[0].vpc_id if name else None
    for group_id in values.get("vpc_security_group_ids") or []:
        group = ec2.get_security_group_from_id(group_id)
        if group is None:
            raise InvalidParameterValue(f"Invalid security group , groupId= {group_id}, groupName=.")
        if vpc_id and group.vpc_id != vpc_id:
            raise RDSClientError(
                "InvalidVPCNetworkStateFault",
                "The DB instance and EC2 security group are in different VPCs. "
                f"The DB instance is in {vpc_id} and the EC2 security group is in {group.vpc_id}",
            )


# AWS: a parameter group belongs to one major version.
def refuse_foreign_parameter_family(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Raise when the parameter group is of another family than the engine's version."""
    group = backend.db_parameter_groups.get(values.get("db_parameter_group_name") or "")
    if group is None or not _is_postgres(values.get("engine", "")):
        return
    family = f"postgres{values['engine_version'].partition('.')[0]}"
    if group.family != family:
        raise InvalidParameterCombination(
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} can't be used "
            f"for this instance. Please use a parameter group with DBParameterGroupFamily {family}"
        )


def complete(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Fill in AWS's defaults: a zone of the subnet group, not public, the current authority."""
    name = values.get("db_subnet_group_name")
    if name:
        zones = [subnet.availability_zone for subnet in backend.describe_db_subnet_groups(name)[0]._subnets]
        zone = values.setdefault("availability_zone", zones[0])
        if zone not in zones:
            raise RDSClientError(
                "InvalidSubnet",
                f"No subnet of the DB subnet group {name} is in the requested availability zone {zone}.",
            )
    if values.get("publicly_accessible") is None:
        values["publicly_accessible"] = False
    values.setdefault("ca_certificate_identifier", "rds-ca-rsa2048-g1")


# -- what describe shows ---------------------------------------------------------------------------


# AWS: a gp3 has its baseline performance when none was given; a large one is striped over four volumes.
def _baseline(name: str, baseline: int, striped: int) -> property:
    def value(instance: DBInstance) -> int | None:
        is_gp3 = getattr(instance, "_storage_type", None) == "gp3"
        large = (getattr(instance, "_allocated_storage", None) or 20) >= SMALLEST_TUNABLE_GP3
        return instance.__dict__.get(name) or ((striped if large else baseline) if is_gp3 else None)

    return property(value, lambda instance, given: instance.__dict__.__setitem__(name, given))


DBInstance.iops = _baseline("iops", 3000, STRIPED_IOPS)
DBInstance.storage_throughput = _baseline("storage_throughput", 125, STRIPED_THROUGHPUT)


# AWS: an instance shows "pending-reboot" as long as it runs with other parameters than its group's.
def parameter_group_status(instance: DBInstance) -> list[dict[str, str]]:
    """The instance's parameter group, and whether a reboot is due."""
    (group,) = instance.db_parameter_groups()
    due = getattr(instance, "applied_parameters", None) != parameter_values(instance)
    status = getattr(instance, "parameter_group_change", None) or ("pending-reboot" if due else "in-sync")
    return [{"DBParameterGroupName": group.name, "ParameterApplyStatus": status}]


DBInstance.db_parameter_group_status_list = property(parameter_group_status)


def parameter_values(instance: DBInstance) -> dict[str, str]:
    """The parameters that the instance's group sets: name to value."""
    (group,) = instance.db_parameter_groups()
    return {
        name: values["ParameterValue"]
        for name, values in group.parameters.items()
        if "ParameterValue" in values
    }


# AWS: an instance that is still being created has no endpoint.
DBInstance.endpoint = property(
    lambda instance: (
        None if instance.status == "creating" else {"Address": instance.address, "Port": instance.port}
    )
)


# -- modifying -------------------------------------------------------------------------------------

# AWS: these wait for the maintenance window unless ApplyImmediately is given.
DEFERRED = ("db_instance_class", "allocated_storage", "engine_version", "multi_az", "storage_type", "iops")
DEFERRED += ("storage_throughput", "master_user_password", "port", "license_model")
PENDING_NAMES = {"db_instance_class": "DBInstanceClass", "multi_az": "MultiAZ"}


@around(RDSBackend, "modify_db_instance")
def modify_db_instance(
    original: Original, backend: RDSBackend, identifier: str, values: dict[str, Any]
) -> object:
    """Refuse what AWS refuses, and defer what waits for the maintenance window."""
    instance = backend.describe_db_instances(identifier)[0]
    refuse_retention(values)
    refuse_foreign_security_groups(backend, values)
    if _is_postgres(instance.engine):
        refuse_invalid_password(values)
        refuse_tuned_small_gp3(
            {"storage_type": instance.storage_type, "allocated_storage": instance.allocated_storage, **values}
        )
        refuse_downgrade(instance, values)
        refuse_storage(instance, values)
        refuse_foreign_parameter_family(
            backend, {"engine": "postgres", "engine_version": instance.engine_version, **values}
        )
    if not hasattr(instance, "renaming"):
        refuse_state(instance, MAY_BE_CHANGED)
    if "vpc_security_group_ids" in values and not values["vpc_security_group_ids"]:
        del values["vpc_security_group_ids"]
    pending = instance.__dict__.setdefault("pending_modified_values", {})
    if values.get("apply_immediately"):
        pending.clear()
    else:
        for name in DEFERRED:
            # moto keeps most values under a leading underscore, and refuses to read the password.
            present = instance.__dict__.get(f"_{name}", instance.__dict__.get(name))
            if values.get(name) is not None and values[name] != present:
                value = "****" if name == "master_user_password" else values[name]
                pending[PENDING_NAMES.get(name, _camel(name))] = value
                instance.__dict__.setdefault("deferred", {})[name] = values[name]
            values.pop(name, None)
    return original(backend, identifier, values)


# AWS: most requests are refused while an instance is busy with something else.
def refuse_state(instance: DBInstance, accepted: set[str]) -> None:
    """Raise when the instance is in another state than the accepted ones."""
    if instance.status not in accepted:
        raise RDSClientError(
            "InvalidDBInstanceState", f"Database instance is not in available state ({instance.status})."
        )


def order_states(account: str, region: str, states: dict[str, str]) -> dict[str, str]:
    """Put instances (identifier to state) into states that a test wants to see handled. Raises ValueError."""
    databases = rds_backends[account][region].databases
    for name, state in states.items():
        if name not in databases:
            raise ValueError(f"there is no database {name}")
        if state not in STATES:
            raise ValueError(f"{state} is no state that can be ordered: {', '.join(sorted(STATES))}")
    for name, state in states.items():
        databases[name].status = state
    return {name: instance.status for name, instance in databases.items()}


# AWS: storage never shrinks, grows by 10 percent or more, and not again while the last growth is being optimized.
def refuse_storage(instance: DBInstance, values: dict[str, Any]) -> None:
    """Raise for a change of the storage that RDS refuses; round up a small one."""
    wanted, actual = values.get("allocated_storage"), instance.allocated_storage
    touched = {
        name
        for name in ("allocated_storage", "iops", "storage_throughput", "storage_type")
        if values.get(name) not in (None, getattr(instance, name))
    }
    if touched and instance.status == "storage-optimization":
        raise InvalidParameterCombination(
            "You can't currently modify the storage of this DB instance because the previous storage change is being optimized."
        )
    if wanted is None or wanted == actual:
        return
    if wanted < actual:
        raise InvalidParameterCombination(
            f"Invalid storage size for engine name postgres and storage type {instance.storage_type}: {wanted}"
        )
    values["allocated_storage"] = max(wanted, -(-actual * 11 // 10))
    if instance.storage_type == "gp3" and wanted >= SMALLEST_TUNABLE_GP3:
        if actual >= SMALLEST_TUNABLE_GP3 and not values.get("iops"):
            raise InvalidParameterCombination(
                "You must specify both the storage size and iops when modifying the storage size or iops on a DB "
                "instance that has iops."
            )
        if (values.get("iops") or STRIPED_IOPS) < STRIPED_IOPS:
            raise InvalidParameterCombination(
                f"Invalid iops value for engine name postgres and storage type gp3: {values['iops']}"
            )


# AWS: an instance that is being backed up, or changed, takes no snapshot.
@around(RDSBackend, "create_db_snapshot")
def create_db_snapshot(
    original: Original,
    backend: RDSBackend,
    db_instance_identifier: str,
    *args: object,
    **kwargs: object,
) -> object:
    """Refuse a snapshot in a state in which RDS makes none."""
    instance = backend.databases.get(db_instance_identifier)
    automated = kwargs.get("snapshot_type") == "automated"
    if instance is not None and not automated:
        refuse_state(instance, MAY_BE_SNAPSHOTTED)
    return original(backend, db_instance_identifier, *args, **kwargs)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


# AWS: the major version alone means "at least the default minor", and there is no way back.
def refuse_downgrade(instance: DBInstance, values: dict[str, Any]) -> None:
    """Resolve the wanted version; raise when it is older than the instance's."""
    wanted = values.get("engine_version")
    if wanted is None:
        return
    if wanted == instance.engine_version.partition(".")[0]:
        values["engine_version"] = max(instance.engine_version, POSTGRES_VERSIONS[-1], key=_version)
        return
    values["engine_version"] = resolve_version(wanted)
    if _version(wanted) < _version(instance.engine_version):
        raise InvalidParameterCombination(
            f"Cannot upgrade postgres from {instance.engine_version} to {wanted}"
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


# AWS: a reboot applies the parameters of the group.
@around(RDSBackend, "reboot_db_instance")
def reboot_db_instance(original: Original, backend: RDSBackend, identifier: str) -> object:
    """Note the parameters that the instance runs with from now on."""
    instance = original(backend, identifier)
    instance.parameter_group_change = None
    instance.applied_parameters = parameter_values(instance)
    return instance


# AWS: another parameter group takes effect with the next reboot.
@around(DBInstance, "update")
def note_parameter_group_change(original: Original, instance: DBInstance, **values: object) -> None:
    """Let a changed parameter group show as "pending-reboot"."""
    before = instance.db_parameter_group_name
    original(instance, **values)
    if instance.db_parameter_group_name != before:
        instance.parameter_group_change = "pending-reboot"


# AWS: deleting needs a decision about the final snapshot.
@around(RDSBackend, "delete_db_instance")
def delete_db_instance(
    original: Original,
    backend: RDSBackend,
    db_instance_identifier: str,
    final_db_snapshot_identifier: str | None = None,
    skip_final_snapshot: bool | None = False,
    delete_automated_backups: bool | None = True,
) -> object:
    """Refuse to delete without a word about the final snapshot."""
    if not skip_final_snapshot and not final_db_snapshot_identifier:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    instance = backend.databases.get(db_instance_identifier)
    if instance is not None and not skip_final_snapshot:
        refuse_state(instance, MAY_BE_SNAPSHOTTED)
    return original(
        backend,
        db_instance_identifier,
        final_db_snapshot_identifier,
        skip_final_snapshot,
        delete_automated_backups,
    )


# -- windows ---------------------------------------------------------------------------------------

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60  # minutes


# AWS: windows may touch (03:00-04:00 and Mon 04:00-05:00); only an overlap is refused.
@around(moto_rds, "valid_preferred_maintenance_window")
def check_windows(_original: Original, maintenance: str, backup: str | None) -> str | None:
    """What is wrong with a pair of windows, in AWS's words; None when nothing is."""
    match = re.fullmatch(r"([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)", (maintenance or "").lower())
    if not match or match[1] not in DAYS or match[4] not in DAYS:
        return (
            f"Invalid maintenance window format: {maintenance}. Should be specified as a range "
            "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15"
        )
    start = DAYS.index(match[1]) * DAY + int(match[2]) * 60 + int(match[3])
    length = (DAYS.index(match[4]) * DAY + int(match[5]) * 60 + int(match[6]) - start) % WEEK
    if length < 30:
        return "The maintenance window must be at least 30 minutes."
    if length > DAY:
        return "Maintenance window must be less than 24 hours."
    if backup and _daily_window_meets(backup, start, length):
        return "The backup window and maintenance window must not overlap."
    return None


def _daily_window_meets(window: str, start: int, length: int) -> bool:
    """Whether a daily window (hh:mm-hh:mm) overlaps the minutes [start, start + length) of the week."""
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in window.split("-"))
    daily = (end - begin) % DAY
    # Day -1 and day 8 stand for windows that reach over the week's ends.
    return any(
        day * DAY + begin < start + length and start < day * DAY + begin + daily for day in range(-1, 9)
    )


# -- subnet groups ---------------------------------------------------------------------------------


# AWS: a DB subnet group covers at least two zones of one VPC.
def refuse_one_zone(subnets: Iterable[Any]) -> None:
    """Raise when the subnets are all in one zone, or in several VPCs."""
    zones = sorted({subnet.availability_zone for subnet in subnets})
    if len(zones) < 2:
        raise RDSClientError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
            f"Current AZ coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs.",
        )
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise RDSClientError("InvalidSubnet", "The specified subnets are not all in the same VPC.")


@around(RDSBackend, "create_subnet_group")
def create_subnet_group(
    original: Original,
    backend: RDSBackend,
    subnet_name: str,
    description: str,
    subnets: list[Any],
    tags: Any,  # noqa: ANN401
) -> DBSubnetGroup:
    """Refuse one zone, and a name that is taken."""
    if subnet_name in backend.subnet_groups:
        raise RDSClientError(
            "DBSubnetGroupAlreadyExists", f"The DB subnet group {subnet_name} already exists."
        )
    refuse_one_zone(subnets)
    return original(backend, subnet_name, description, subnets, tags)


# AWS: a modified subnet group is still there (moto drops it).
@around(RDSBackend, "modify_db_subnet_group")
def modify_db_subnet_group(
    _original: Original, backend: RDSBackend, subnet_name: str, description: str | None, subnets: list[Any]
) -> DBSubnetGroup:
    """Change the subnets and the description."""
    refuse_one_zone(subnets)
    group = backend.subnet_groups.get(subnet_name)
    if group is None:
        raise DBSubnetGroupNotFoundError(subnet_name)
    group.subnets = subnets
    group.description = description or group.description
    return group


# AWS: a subnet group or a parameter group that an instance uses cannot be deleted.
@around(RDSBackend, "delete_subnet_group")
def refuse_used_subnet_group(original: Original, backend: RDSBackend, subnet_name: str) -> object:
    """Refuse to delete a subnet group in use."""
    for instance in backend.databases.values():
        group = getattr(instance, "db_subnet_group", None)
        if group and group.name == subnet_name.lower():
            raise RDSClientError(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: "
                f"{instance.db_instance_identifier} is still using it.",
            )
    return original(backend, subnet_name)


@around(RDSBackend, "delete_db_parameter_group")
def refuse_used_parameter_group(original: Original, backend: RDSBackend, name: str) -> object:
    """Refuse to delete a parameter group in use, or a default one."""
    if name.startswith("default."):
        raise RDSClientError(
            "InvalidDBParameterGroupState", "Default DBParameterGroup cannot be deleted: " + name
        )
    if any(instance.db_parameter_group_name == name for instance in backend.databases.values()):
        raise RDSClientError(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{name}, so the group cannot be deleted",
        )
    return original(backend, name)


# -- parameter groups ------------------------------------------------------------------------------


@functools.cache
def catalogue(family: str | None) -> dict[str, dict[str, Any]]:
    """A family's parameters as DescribeDBParameters shows them; {} for a family that is not known here."""
    if family != "postgres15":
        return {}
    known = {}
    for line in Path(__file__).with_name("postgres15_parameters.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, data_type, apply_type, modifiable, allowed = line.split(" ", 4)
        known[name] = {
            "ParameterName": name,
            "DataType": data_type,
            "ApplyType": apply_type,
            "IsModifiable": modifiable == "yes",
            "Source": "engine-default",
            "ApplyMethod": "pending-reboot",
        }
        if allowed != "-":
            known[name]["AllowedValues"] = allowed.replace("..", "-")
    known["rds.force_ssl"] |= {"ParameterValue": "1", "Source": "system"}
    return known


def allows(parameter: dict[str, Any], value: str) -> bool:
    """Whether a value is one that the parameter's type and allowed values admit."""
    allowed = parameter.get("AllowedValues")
    if parameter["DataType"] in ("integer", "float"):
        pattern = r"(-?[\d.e+]+)-([\d.e+-]+)"
        low, high = re.fullmatch(pattern, allowed).groups()
        number = r"-?\d+" if parameter["DataType"] == "integer" else r"-?\d+(\.\d+)?"
        return bool(re.fullmatch(number, value)) and float(low) <= float(value) <= float(high)
    return allowed is None or value in allowed.split(",")


# AWS: a parameter group that does not exist is an error, not an empty list.
@around(RDSBackend, "describe_db_parameter_groups")
def describe_db_parameter_groups(
    original: Original, backend: RDSBackend, values: dict[str, Any]
) -> list[DBParameterGroup]:
    """Raise for the name of a group that is not there."""
    groups = original(backend, values)
    name = values.get("db_parameter_group_name")
    if name and not groups:
        raise DBParameterGroupNotFoundError(name)
    return groups


# AWS: a group shows all parameters of its family, with their types and what may be changed.
def describe_db_parameters(response: RDSResponse) -> ActionResult:
    """DescribeDBParameters, with the family's catalogue behind the group's own values."""
    (group,) = response.backend.describe_db_parameter_groups(
        {"db_parameter_group_name": response.params.get("DBParameterGroupName")}
    )
    known = catalogue(group.family)
    own = {
        name: {**known.get(name, {}), **values, "Source": "user"} for name, values in group.parameters.items()
    }
    parameters = {**known, **own}
    source = response.params.get("Source")
    return ActionResult(
        {
            "Parameters": [
                one for _, one in sorted(parameters.items()) if not source or one["Source"] == source
            ]
        }
    )


RDSResponse.describe_db_parameters = describe_db_parameters


# AWS: a parameter is known, may be changed, and gets a value and a way to apply that it admits.
@around(RDSBackend, "modify_db_parameter_group")
def modify_db_parameter_group(
    original: Original,
    backend: RDSBackend,
    db_parameter_group_name: str,
    db_parameter_group_parameters: Iterable[dict[str, Any]],
) -> object:
    """Refuse values that AWS refuses."""
    if db_parameter_group_name.startswith("default."):
        raise RDSClientError("InvalidParameterValue", "Cannot modify a default parameter group.")
    group = backend.db_parameter_groups.get(db_parameter_group_name)
    known = catalogue(group.family) if group else {}
    parameters = list(db_parameter_group_parameters)
    for parameter in parameters if known else []:
        _check_parameter(known, parameter)
    return original(backend, db_parameter_group_name, parameters)


def _check_parameter(known: dict[str, dict[str, Any]], wanted: dict[str, Any]) -> None:
    name, value = wanted["ParameterName"], wanted.get("ParameterValue", "")
    parameter = known.get(name)
    if parameter is None:
        raise InvalidParameterValue(f"Could not find parameter with name: {name}")
    if not parameter["IsModifiable"]:
        raise InvalidParameterValue(f"The parameter {name} cannot be modified.")
    if not allows(parameter, value):
        raise InvalidParameterValue(
            f"Invalid parameter value: {value} for: {name} allowed values are: {parameter['AllowedValues']}"
        )
    if parameter["ApplyType"] == "static" and wanted.get("ApplyMethod") == "immediate":
        raise InvalidParameterCombination("cannot use immediate apply method for static parameter")


# AWS: a parameter group's family is one that RDS has.
@around(RDSBackend, "create_db_parameter_group")
def create_db_parameter_group(original: Original, backend: RDSBackend, values: dict[str, Any]) -> object:
    """Refuse a family that does not exist."""
    family = values.get("db_parameter_group_family") or ""
    if re.fullmatch(r"postgres\d+", family) and int(family[8:]) not in range(11, 19):
        raise InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")
    return original(backend, values)


# AWS: reset takes values back to the engine's defaults.
def reset_db_parameter_group(response: RDSResponse) -> ActionResult:
    """ResetDBParameterGroup, for all or for the named parameters."""
    name = response.params.get("DBParameterGroupName")
    (group,) = response.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    names = [one["ParameterName"] for one in response.params.get("Parameters", [])]
    for parameter in names or list(group.parameters):
        group.parameters.pop(parameter, None)
    return ActionResult({"DBParameterGroupName": name})


RDSResponse.reset_db_parameter_group = reset_db_parameter_group

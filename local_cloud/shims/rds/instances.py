"""RDS: refusals and defaults at the creation and deletion of an instance."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError
from moto.rds.models import DBInstance, RDSBackend

from local_cloud.patching import Original, around
from local_cloud.shims.rds.classes import refuse_class
from local_cloud.shims.rds.parameter_groups import parameter_values, refuse_foreign_parameter_family
from local_cloud.shims.rds.states import MAY_BE_SNAPSHOTTED, refuse_state
from local_cloud.shims.rds.storage import refuse_tuned_small_gp3
from local_cloud.shims.rds.versions import resolve_version

RESERVED_NAMES = {"admin", "rdsadmin", "rds_superuser", "rdsrepladmin", "rds_replication", "rds_password"}
RESERVED_NAMES |= {"user", "public", "none", "current_user", "session_user"}


@around(RDSBackend, "create_db_instance")
def create_db_instance(original: Original, backend: RDSBackend, values: dict[str, Any]) -> object:
    """Refuse as AWS does, and fill in AWS's defaults."""
    if values.get("engine") == "postgres" and not values.get("db_cluster_identifier"):
        refuse_reserved_names(values)
        refuse_invalid_password(values)
        refuse_class(backend, values)
        refuse_character_set(values)
        refuse_tuned_small_gp3(values)
        values["engine_version"] = resolve_version(values.get("engine_version"))
        values.setdefault("license_model", "postgresql-license")
    refuse_retention(values)
    refuse_foreign_security_groups(backend, values)
    refuse_foreign_parameter_family(backend, values)
    complete(backend, values)
    instance = original(backend, values)
    instance.applied_parameters = parameter_values(instance)
    return instance


# AWS: every instance has a unique resource id.
@around(DBInstance, "__init__")
def give_resource_id(original: Original, instance: DBInstance, *args: object, **kwargs: object) -> None:
    """Give a new instance its own id."""
    original(instance, *args, **kwargs)
    instance.dbi_resource_id = "db-" + "".join(
        secrets.choice(string.ascii_uppercase + "234567") for _ in range(26)
    )


# AWS: some names are reserved by the engine.
def refuse_reserved_names(values: dict[str, Any]) -> None:
    """Raise for a master user or database name reserved by PostgreSQL on RDS."""
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


def complete(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Fill in AWS's defaults: the subnet group's zone and default security group, private with one of one's own, the current CA."""
    name = values.get("db_subnet_group_name")
    if name:
        zones = [subnet.availability_zone for subnet in backend.describe_db_subnet_groups(name)[0]._subnets]
        zone = values.setdefault("availability_zone", zones[0])
        if zone not in zones:
            raise RDSClientError(
                "InvalidSubnet",
                f"No subnet of the DB subnet group {name} is in the requested availability zone {zone}.",
            )
    if name and not values.get("vpc_security_group_ids"):
        ec2 = ec2_backends[backend.account_id][backend.region_name]
        vpc_id = backend.describe_db_subnet_groups(name)[0].vpc_id
        values["vpc_security_group_ids"] = [ec2.get_default_security_group(vpc_id).id]
    if values.get("publicly_accessible") is None:
        values["publicly_accessible"] = name in (None, "default")
    values.setdefault("ca_certificate_identifier", "rds-ca-rsa2048-g1")


# AWS: an instance that is still being created has no endpoint.
DBInstance.endpoint = property(
    lambda instance: (
        None if instance.status == "creating" else {"Address": instance.address, "Port": instance.port}
    )
)


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
    """Refuse a deletion without a decision about the final snapshot."""
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

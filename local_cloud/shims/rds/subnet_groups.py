"""RDS: subnet groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.rds.exceptions import DBSubnetGroupNotFoundError, RDSClientError
from moto.rds.models import DBSubnetGroup, RDSBackend

from local_cloud.patching import Original, around


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
    """Refuse a single zone, and a name in use."""
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

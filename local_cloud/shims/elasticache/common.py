"""ElastiCache: shared parts of replication groups and clusters."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.exceptions import (
    CacheSubnetGroupNotFound,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
)
from moto.elasticache.models import ElastiCacheBackend

# Redis 7 on ElastiCache: requested and reported versions.
ENGINE_VERSIONS = {"7.0": "7.0.7", "7.1": "7.1.0"}
NEWEST = "7.1"
# ElastiCache's own short names of regions.
REGION_CODES = {"ap-northeast-1": "apne1", "ap-northeast-2": "apn2", "us-east-1": "use1", "eu-west-1": "euw1"}
MAINTENANCE_WINDOW = "sun:17:00-sun:18:00"
SNAPSHOT_WINDOW = "14:00-15:00"


def error(code: str, message: str) -> InvalidParameterValueException:
    """An ElastiCache error."""
    problem = InvalidParameterValueException(message)
    problem.code = code
    return problem


# AWS: the versions of Redis OSS 7 are 7.0 and 7.1, reported with a third number.
def resolve_version(wanted: str | None) -> str:
    """The full version of a request. Raises for a version that ElastiCache does not have."""
    version = wanted or NEWEST
    if version in ENGINE_VERSIONS.values():
        return version
    if version not in ENGINE_VERSIONS:
        raise InvalidParameterCombinationException(f"Cannot find version {version} for redis")
    return ENGINE_VERSIONS[version]


def complete(values: dict[str, Any]) -> None:
    """Fill in AWS's windows, and that minor versions are kept up to date."""
    values["snapshot_window"] = values.get("snapshot_window") or SNAPSHOT_WINDOW
    values["preferred_maintenance_window"] = (
        values.get("preferred_maintenance_window") or MAINTENANCE_WINDOW
    ).lower()
    if values.get("auto_minor_version_upgrade") is None:
        values["auto_minor_version_upgrade"] = True


def region_code(region: str) -> str:
    """ElastiCache's short name of a region, as endpoints carry it."""
    return REGION_CODES.get(region, region.replace("-", ""))


def new_mark() -> str:
    """The six characters that make the endpoints of a group or a cluster unique."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))


# AWS: the subnet group and the security groups exist.
def refuse_unknown_network(
    backend: ElastiCacheBackend, subnet_group: str | None, group_ids: list[str] | None
) -> None:
    """Raise for a missing subnet group or security group."""
    if subnet_group and subnet_group not in backend.cache_subnet_groups:
        raise CacheSubnetGroupNotFound(subnet_group)
    vpc_id = backend.cache_subnet_groups[subnet_group].vpc_id if subnet_group else None
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for group_id in group_ids or []:
        group = ec2.get_security_group_from_id(group_id)
        if group is None or (vpc_id and group.vpc_id != vpc_id):
            raise InvalidParameterValueException(f"Invalid security group ids. {group_id} is not in the VPC.")


# AWS: an AUTH token needs TLS, and has 16 to 128 characters.
def refuse_bad_token(token: str | None, tls: object) -> None:
    """Raise for a token without TLS, or of the wrong length."""
    if token is None:
        return
    if not tls:
        raise InvalidParameterCombinationException(
            "An AUTH token is only supported when encryption-in-transit is enabled "
            "(TransitEncryptionEnabled)."
        )
    if not re.fullmatch(r"[!-~]{16,128}", token) or set(token) & set('/@"'):
        raise InvalidParameterValueException(
            "Invalid AuthToken provided. It must have 16 to 128 printable characters, "
            "without '\"', '/' and '@'."
        )


def refuse_unavailable(status: str, kind: str, name: str) -> None:
    """Raise when a resource is not available."""
    if status != "available":
        code = (
            "InvalidReplicationGroupState" if kind.startswith("Replication") else "InvalidCacheClusterState"
        )
        raise error(code, f"{kind} {name} is not in available state ({status}).")


def zones(backend: ElastiCacheBackend, values: dict[str, Any]) -> list[str]:
    """The zones of the subnet group, else the region's first one."""
    subnet_group = backend.cache_subnet_groups.get(values.get("cache_subnet_group_name") or "")
    if subnet_group:
        return sorted({subnet["subnet_availability_zone"] for subnet in subnet_group.subnets})
    return [f"{backend.region_name}a"]

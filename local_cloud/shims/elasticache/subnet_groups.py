"""ElastiCache: subnet groups."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.ec2.models import ec2_backends
from moto.elasticache.models import CacheSubnetGroup, ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from local_cloud.patching import Original, around
from local_cloud.shims.elasticache.common import error


# AWS: subnets that do not exist are refused (moto invents a VPC for them).
@around(ElastiCacheBackend, "create_cache_subnet_group")
def refuse_unknown_subnets(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse unknown subnets."""
    check_subnets(backend, values["subnet_ids"])
    return original(backend, **values)


def check_subnets(backend: ElastiCacheBackend, subnet_ids: list[str]) -> None:
    """Raise for a missing subnet."""
    known = {subnet.id for subnet in ec2_backends[backend.account_id][backend.region_name].describe_subnets()}
    for subnet_id in subnet_ids:
        if subnet_id not in known:
            raise error("InvalidSubnet", f"The subnet ID '{subnet_id}' does not exist")


def modify_cache_subnet_group(response: ElastiCacheResponse) -> ActionResult:
    """ModifyCacheSubnetGroup (moto: 500)."""
    backend = response.elasticache_backend
    name = response._get_param("CacheSubnetGroupName")
    (group,) = backend.describe_cache_subnet_groups(name)
    subnet_ids = response._get_param("SubnetIds") or group.subnet_ids
    check_subnets(backend, subnet_ids)
    changed = CacheSubnetGroup(
        account_id=backend.account_id,
        region_name=backend.region_name,
        cache_subnet_group_name=name,
        cache_subnet_group_description=response._get_param("CacheSubnetGroupDescription")
        or group.cache_subnet_group_description,
        subnet_ids=subnet_ids,
        tags=group.tags,
    )
    backend.cache_subnet_groups[name] = changed
    return ActionResult({"CacheSubnetGroup": changed})


def delete_cache_subnet_group(response: ElastiCacheResponse) -> ActionResult:
    """DeleteCacheSubnetGroup (moto: 500); refused while in use, as on AWS."""
    backend = response.elasticache_backend
    name = response._get_param("CacheSubnetGroupName")
    backend.describe_cache_subnet_groups(name)
    if any(cluster.cache_subnet_group_name == name for cluster in backend.cache_clusters.values()):
        raise error(
            "CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster."
        )
    del backend.cache_subnet_groups[name]
    return ActionResult({})


ElastiCacheResponse.modify_cache_subnet_group = modify_cache_subnet_group
ElastiCacheResponse.delete_cache_subnet_group = delete_cache_subnet_group


# AWS: a subnet's zone is an object with a name (moto: the bare name, which is then lost).
@around(ElastiCacheResponse, "describe_cache_subnet_groups")
def describe_cache_subnet_groups(_original: Original, response: ElastiCacheResponse) -> ActionResult:
    """DescribeCacheSubnetGroups."""
    found = response.elasticache_backend.describe_cache_subnet_groups(
        response._get_param("CacheSubnetGroupName")
    )
    return PaginatedResult({"CacheSubnetGroups": [subnet_group_view(group) for group in found]})


def subnet_group_view(group: CacheSubnetGroup) -> dict[str, Any]:
    """A subnet group as DescribeCacheSubnetGroups shows it."""
    return {
        "CacheSubnetGroupName": group.cache_subnet_group_name,
        "CacheSubnetGroupDescription": group.cache_subnet_group_description,
        "VpcId": group.vpc_id,
        "Subnets": [
            {
                "SubnetIdentifier": subnet["subnet_identifier"],
                "SubnetAvailabilityZone": {"Name": subnet["subnet_availability_zone"]},
                "SupportedNetworkTypes": subnet["supported_network_types"],
            }
            for subnet in group.subnets
        ],
        "ARN": group.arn,
        "SupportedNetworkTypes": group.supported_network_types,
    }

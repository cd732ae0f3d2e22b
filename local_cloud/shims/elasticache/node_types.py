"""ElastiCache: node types, and from which to which a group may change."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.elasticache.exceptions import InvalidParameterValueException
from moto.elasticache.models import CacheCluster, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from local_cloud.shims import capacity
from local_cloud.shims.elasticache.common import error

# GiB of memory by size, for each kind of family.
MEMORY = {
    "t": {"micro": 0.5, "small": 1.37, "medium": 3.09},
    "m": {"large": 6.38, "xlarge": 12.93, "2xlarge": 26.04, "4xlarge": 52.26},
    "r": {"large": 13.07, "xlarge": 26.32, "2xlarge": 52.82, "4xlarge": 105.81},
}
TYPES = {
    f"cache.{family}.{size}": memory
    for family in ("t2", "t3", "t4g", "m5", "m6g", "m7g", "r5", "r6g", "r7g")
    for size, memory in MEMORY[family[0]].items()
}


# AWS: an unknown node type is refused, one without capacity too (C1; moto accepts any).
def refuse_node_type(name: str | None, zone: str) -> None:
    """Raise for a node type that ElastiCache does not have."""
    if name not in TYPES:
        raise InvalidParameterValueException(f"Invalid cache node type: {name}")
    words = capacity.refusal(name, zone)
    if words:
        raise error("InsufficientCacheClusterCapacity", words)


def allowed(present: str) -> tuple[list[str], list[str]]:
    """The types to which a node may change: up (also to the same memory), and down."""
    others = sorted(TYPES.keys() - {present})
    memory = TYPES[present]
    return [one for one in others if TYPES[one] >= memory], [one for one in others if TYPES[one] < memory]


# AWS: ListAllowedNodeTypeModifications names the types that a modification accepts (C1; moto: 500).
def list_allowed_node_type_modifications(response: ElastiCacheResponse) -> ActionResult:
    """ListAllowedNodeTypeModifications, of a replication group or a cluster."""
    backend = response.elasticache_backend
    group, cluster = response._get_param("ReplicationGroupId"), response._get_param("CacheClusterId")
    found: list[ReplicationGroup] | list[CacheCluster] = (
        backend.describe_replication_groups(group) if group else backend.describe_cache_clusters(cluster)
    )
    up, down = allowed(found[0].cache_node_type)
    return ActionResult({"ScaleUpModifications": up, "ScaleDownModifications": down})


ElastiCacheResponse.list_allowed_node_type_modifications = list_allowed_node_type_modifications


# AWS: service updates that wait for a group (C10; moto: 500). There is none here.
def describe_update_actions(_response: ElastiCacheResponse) -> ActionResult:
    """DescribeUpdateActions."""
    return ActionResult({"UpdateActions": []})


ElastiCacheResponse.describe_update_actions = describe_update_actions

"""ElastiCache: clusters, with the replication groups' members among them."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.elasticache.exceptions import (
    CacheClusterNotFound,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
)
from moto.elasticache.models import CacheCluster, ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from local_cloud.patching import Original, around
from local_cloud.shims.elasticache.changes import changes_of
from local_cloud.shims.elasticache.common import (
    SNAPSHOT_WINDOW,
    complete,
    error,
    new_mark,
    refuse_unavailable,
    refuse_unknown_network,
    region_code,
    resolve_version,
    zones,
)
from local_cloud.shims.elasticache.hooks import apply_changes, let_go
from local_cloud.shims.elasticache.node_types import refuse_node_type


@around(ElastiCacheBackend, "create_cache_cluster")
def create_cache_cluster(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse as AWS does, and set the endpoint."""
    if values.get("engine") == "redis":
        values["engine_version"] = resolve_version(values.get("engine_version"))
        values["cache_parameter_group_name"] = values.get("cache_parameter_group_name") or "default.redis7"
        if values.get("num_cache_nodes") not in (None, 1):
            raise InvalidParameterValueException(
                "Cannot create a Redis cluster with a NumCacheNodes parameter greater than 1."
            )
        if values.get("transit_encryption_enabled") or values.get("auth_token"):
            raise InvalidParameterCombinationException(
                "Encryption feature is not supported for engine REDIS."
            )
    elif values.get("engine") not in ("memcached", None):
        raise InvalidParameterValueException(
            f"The parameter Engine must be memcached or redis, not {values['engine']}."
        )
    refuse_node_type(values.get("cache_node_type"), zones(backend, values)[0])
    refuse_unknown_network(backend, values.get("cache_subnet_group_name"), values.get("security_group_ids"))
    values["preferred_availability_zone"] = (
        values.get("preferred_availability_zone") or zones(backend, values)[0]
    )
    complete(values)
    cluster = original(backend, **values)
    code = region_code(backend.region_name)
    cluster.endpoint = {
        "address": f"{cluster.cache_cluster_id}.{new_mark()}.0001.{code}.cache.amazonaws.com",
        "port": int(cluster.port),
    }
    return cluster


# AWS: describe shows nodes (when asked), groups, zone, windows; moto leaves most of it out.
def cluster_view(cluster: CacheCluster, *, show_nodes: bool) -> dict[str, Any]:
    """A cluster as DescribeCacheClusters shows it."""
    ready = cluster.cache_cluster_status not in ("creating",)
    view = {
        "CacheClusterId": cluster.cache_cluster_id,
        "CacheNodeType": cluster.cache_node_type,
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "CacheClusterStatus": cluster.cache_cluster_status,
        "NumCacheNodes": cluster.num_cache_nodes,
        "PreferredAvailabilityZone": cluster.preferred_availability_zone,
        "CacheClusterCreateTime": cluster.cache_cluster_create_time,
        "PreferredMaintenanceWindow": cluster.preferred_maintenance_window,
        "PendingModifiedValues": getattr(cluster, "pending_modified_values", {}),
        "CacheSecurityGroups": [],
        "CacheParameterGroup": {
            "CacheParameterGroupName": cluster.cache_parameter_group_name,
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": cluster.cache_subnet_group_name,
        "AutoMinorVersionUpgrade": cluster.auto_minor_version_upgrade,
        "SecurityGroups": [
            {"SecurityGroupId": group_id, "Status": "active"} for group_id in cluster.security_group_ids
        ],
        "SnapshotRetentionLimit": cluster.snapshot_retention_limit,
        "SnapshotWindow": getattr(cluster, "snapshot_window", SNAPSHOT_WINDOW),
        "AuthTokenEnabled": cluster.auth_token_enabled,
        "TransitEncryptionEnabled": bool(cluster.transit_encryption_enabled),
        "AtRestEncryptionEnabled": bool(getattr(cluster, "at_rest_encryption_enabled", False)),
        "ARN": cluster.arn,
        "ReplicationGroupLogDeliveryEnabled": False,
        "LogDeliveryConfigurations": [],
        "NetworkType": cluster.network_type or "ipv4",
        "IpDiscovery": cluster.ip_discovery or "ipv4",
    }
    if getattr(cluster, "replication_group_id", None):
        view["ReplicationGroupId"] = cluster.replication_group_id
    if show_nodes and ready:
        view["CacheNodes"] = [
            {
                "CacheNodeId": f"{number:04}",
                "CacheNodeStatus": "available",
                "CacheNodeCreateTime": cluster.cache_cluster_create_time,
                "Endpoint": cluster.endpoint,
                "ParameterGroupStatus": "in-sync",
                "CustomerAvailabilityZone": cluster.preferred_availability_zone,
            }
            for number in range(1, cluster.num_cache_nodes + 1)
        ]
    return view


def describe_cache_clusters(response: ElastiCacheResponse) -> ActionResult:
    """DescribeCacheClusters."""
    found = response.elasticache_backend.describe_cache_clusters(response._get_param("CacheClusterId"))
    show_nodes = bool(response._get_bool_param("ShowCacheNodeInfo"))
    if response._get_bool_param("ShowCacheClustersNotInReplicationGroups"):
        found = [one for one in found if not getattr(one, "replication_group_id", None)]
    return PaginatedResult({"CacheClusters": [cluster_view(one, show_nodes=show_nodes) for one in found]})


ElastiCacheResponse.describe_cache_clusters = describe_cache_clusters


# AWS: ModifyCacheCluster changes a cluster in place (moto: 500).
def modify_cache_cluster(response: ElastiCacheResponse) -> ActionResult:
    """ModifyCacheCluster."""
    backend = response.elasticache_backend
    values = response._get_params()
    cluster = backend.cache_clusters.get(values["CacheClusterId"])
    if cluster is None:
        raise CacheClusterNotFound(values["CacheClusterId"])
    refuse_unavailable(cluster.cache_cluster_status, "Cache cluster", cluster.cache_cluster_id)
    apply_changes(backend, cluster, changes_of(backend, values, cluster), [])
    return ActionResult({"CacheCluster": cluster_view(cluster, show_nodes=False)})


ElastiCacheResponse.modify_cache_cluster = modify_cache_cluster


# AWS: a deleted cluster disappears (moto keeps it as "deleting" for ever).
@around(ElastiCacheBackend, "delete_cache_cluster")
def delete_cache_cluster(
    _original: Original, backend: ElastiCacheBackend, cache_cluster_id: str
) -> CacheCluster:
    """Mark the cluster as deleting, then let it go."""
    (cluster,) = backend.describe_cache_clusters(cache_cluster_id)
    refuse_unavailable(cluster.cache_cluster_status, "Cache cluster", cache_cluster_id)
    if getattr(cluster, "replication_group_id", None):
        raise error(
            "InvalidCacheClusterState",
            f"Cache cluster {cache_cluster_id} is serving as primary of a replication group, "
            "and cannot be deleted alone.",
        )
    cluster.cache_cluster_status = "deleting"
    let_go(backend, cluster, lambda: backend.cache_clusters.pop(cache_cluster_id, None))
    return cluster

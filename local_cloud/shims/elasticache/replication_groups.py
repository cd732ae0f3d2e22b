"""ElastiCache: replication groups, their endpoints and their members."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache.exceptions import InvalidParameterCombinationException
from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from local_cloud.patching import Original, around
from local_cloud.shims.elasticache.changes import changes_of
from local_cloud.shims.elasticache.common import (
    complete,
    new_mark,
    refuse_bad_token,
    refuse_unavailable,
    refuse_unknown_network,
    region_code,
    resolve_version,
    zones,
)
from local_cloud.shims.elasticache.hooks import apply_changes, let_go
from local_cloud.shims.elasticache.node_types import refuse_node_type


@around(ElastiCacheBackend, "create_replication_group")
def create_replication_group(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse as AWS does; add the group's endpoints and member clusters."""
    values["engine"] = values.get("engine") or "redis"
    values["engine_version"] = resolve_version(values.get("engine_version"))
    values["cache_parameter_group_name"] = values.get("cache_parameter_group_name") or "default.redis7"
    complete(values)
    refuse_unknown_network(backend, values.get("cache_subnet_group_name"), values.get("security_group_ids"))
    refuse_node_type(values.get("cache_node_type"), zones(backend, values)[0])
    refuse_bad_token(values.get("auth_token"), values.get("transit_encryption_enabled"))
    count = values.get("num_cache_clusters") or 1 + (values.get("replicas_per_node_group") or 0)
    if values.get("automatic_failover_enabled") and count < 2:
        raise InvalidParameterCombinationException(
            "Replication group with specified parameters should have at least one replica "
            "to enable automatic failover."
        )
    values["replicas_per_node_group"] = count - 1
    values["preferred_cache_cluster_azs"] = values.get("preferred_cache_cluster_azs") or zones(
        backend, values
    )
    group = original(backend, **values)
    group.auth_token = values.get("auth_token")
    if group.transit_encryption_enabled and not group.transit_encryption_mode:
        group.transit_encryption_mode = "required"
    group.endpoint_region = backend.region_name
    group.endpoint_mark = new_mark()
    name_endpoints(group)
    for member in group.node_groups[0]["node_group_members"]:
        add_member(backend, group, member)
    return group


# AWS: names of endpoints carry the region's short name, and differ with and without TLS.
def endpoint_names(group: ReplicationGroup, *, tls: bool) -> tuple[str, str, dict[str, str]]:
    """The host names of the primary, of the readers, and of each member by its cluster's id."""
    code = region_code(group.endpoint_region)
    mark, own = group.endpoint_mark, group.replication_group_id
    ids = [member["cache_cluster_id"] for member in group.node_groups[0]["node_group_members"]]
    if tls:
        domain = f"{own}.{mark}.{code}.cache.amazonaws.com"
        return f"master.{domain}", f"replica.{domain}", {name: f"{name}.{domain}" for name in ids}
    domain = f"{mark}.ng.0001.{code}.cache.amazonaws.com"
    nodes = {name: f"{name}.{mark}.0001.{code}.cache.amazonaws.com" for name in ids}
    return f"{own}.{domain}", f"{own}-ro.{domain}", nodes


def name_endpoints(group: ReplicationGroup) -> None:
    """Set the host names of the group's primary, reader and members for its encryption."""
    primary, reader, nodes = endpoint_names(group, tls=bool(group.transit_encryption_enabled))
    node_group = group.node_groups[0]
    node_group["primary_endpoint"] = {"address": primary, "port": group.port}
    node_group["reader_endpoint"] = {"address": reader, "port": group.port}
    for member in node_group["node_group_members"]:
        member["read_endpoint"] = {"address": nodes[member["cache_cluster_id"]], "port": group.port}
        member["cache_node_id"] = "0001"


# Attributes that a member shares with its group.
INHERITED = (
    "auth_token",
    "auto_minor_version_upgrade",
    "cache_node_type",
    "cache_parameter_group_name",
    "cache_security_group_names",
    "cache_subnet_group_name",
    "engine",
    "engine_version",
    "ip_discovery",
    "log_delivery_configurations",
    "network_type",
    "notification_topic_arn",
    "port",
    "preferred_maintenance_window",
    "replication_group_id",
    "security_group_ids",
    "snapshot_arns",
    "snapshot_name",
    "snapshot_retention_limit",
    "snapshot_window",
    "tags",
    "transit_encryption_enabled",
)


# AWS: DescribeCacheClusters lists the members of a replication group as separate clusters.
def add_member(backend: ElastiCacheBackend, group: ReplicationGroup, member: dict[str, Any]) -> None:
    """Record a member of the group as a cluster."""
    cluster = CacheCluster(
        account_id=backend.account_id,
        region_name=backend.region_name,
        cache_cluster_id=member["cache_cluster_id"],
        preferred_availability_zone=member["preferred_availability_zone"],
        num_cache_nodes=1,
        cache_node_ids_to_remove=None,
        cache_node_ids_to_reboot=None,
        az_mode=None,
        outpost_mode=None,
        preferred_outpost_arn=None,
        preferred_outpost_arns=None,
        preferred_availability_zones=None,
        **{name: getattr(group, name) for name in INHERITED},
    )
    cluster.endpoint = member["read_endpoint"]
    backend.cache_clusters[cluster.cache_cluster_id] = cluster
    backend.tagging_service.tag_resource(cluster.arn, group.tags)


def members(backend: ElastiCacheBackend, group: ReplicationGroup) -> list[CacheCluster]:
    """The clusters of a group."""
    return [backend.cache_clusters[name] for name in group.member_clusters if name in backend.cache_clusters]


def modify_replication_group(response: ElastiCacheResponse) -> ActionResult:
    """ModifyReplicationGroup."""
    backend = response.elasticache_backend
    values = response._get_params()
    (group,) = backend.describe_replication_groups(values["ReplicationGroupId"])
    refuse_unavailable(group.status, "Replication group", group.replication_group_id)
    changes = changes_of(backend, values, group)
    if values.get("AutomaticFailoverEnabled") is not None:
        enabled = str(values["AutomaticFailoverEnabled"]).lower() == "true"
        if enabled and len(group.member_clusters) < 2:
            raise InvalidParameterCombinationException(
                "Automatic failover needs at least one replica in the replication group."
            )
        group.automatic_failover = "enabled" if enabled else "disabled"
    if values.get("MultiAZEnabled") is not None:
        group.multi_az = "enabled" if str(values["MultiAZEnabled"]).lower() == "true" else "disabled"
    apply_changes(backend, group, changes, members(backend, group))
    if "transit_encryption_enabled" in changes:
        name_endpoints(group)
        for member in group.node_groups[0]["node_group_members"]:
            backend.cache_clusters[member["cache_cluster_id"]].endpoint = member["read_endpoint"]
    return ActionResult({"ReplicationGroup": group})


ElastiCacheResponse.modify_replication_group = modify_replication_group


# AWS: a deleted group disappears, and its members with it.
@around(ElastiCacheBackend, "delete_replication_group")
def delete_replication_group(
    _original: Original, backend: ElastiCacheBackend, replication_group_id: str, **_: object
) -> ReplicationGroup:
    """Mark the group as deleting, then let it go."""
    (group,) = backend.describe_replication_groups(replication_group_id)
    refuse_unavailable(group.status, "Replication group", replication_group_id)
    gone = members(backend, group)
    group.status = "deleting"
    for cluster in gone:
        cluster.cache_cluster_status = "deleting"

    def forget() -> None:
        backend.replication_groups.pop(replication_group_id, None)
        for cluster in gone:
            backend.cache_clusters.pop(cluster.cache_cluster_id, None)

    let_go(backend, group, forget)
    return group

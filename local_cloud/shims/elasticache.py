"""ElastiCache: endpoints of the right region, members that are described, changes that are made."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.ec2.models import ec2_backends
from moto.elasticache.exceptions import (
    CacheClusterNotFound,
    CacheSubnetGroupNotFound,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
)
from moto.elasticache.models import CacheCluster, CacheSubnetGroup, ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from local_cloud.patching import Original, around

# Redis 7 on ElastiCache: what can be asked for, and what it is reported as.
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
    """The full version that a request stands for. Raises for one that ElastiCache does not have."""
    version = wanted or NEWEST
    if version in ENGINE_VERSIONS.values():
        return version
    if version not in ENGINE_VERSIONS:
        raise InvalidParameterCombinationException(f"Cannot find version {version} for redis")
    return ENGINE_VERSIONS[version]


# AWS: the subnet group and the security groups exist.
def refuse_unknown_network(
    backend: ElastiCacheBackend, subnet_group: str | None, group_ids: list[str] | None
) -> None:
    """Raise for a subnet group or a security group that is not there."""
    if subnet_group and subnet_group not in backend.cache_subnet_groups:
        raise CacheSubnetGroupNotFound(subnet_group)
    vpc_id = backend.cache_subnet_groups[subnet_group].vpc_id if subnet_group else None
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for group_id in group_ids or []:
        group = ec2.get_security_group_from_id(group_id)
        if group is None or (vpc_id and group.vpc_id != vpc_id):
            raise InvalidParameterValueException(f"Invalid security group ids. {group_id} is not in the VPC.")


def refuse_bad_node_type(node_type: str | None) -> None:
    """Raise for what is no cache node type."""
    if not re.fullmatch(r"cache\.[a-z0-9]+\.[a-z0-9]+", node_type or ""):
        raise InvalidParameterValueException(f"Invalid cache node type: {node_type}")


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


# -- replication groups ----------------------------------------------------------------------------


@around(ElastiCacheBackend, "create_replication_group")
def create_replication_group(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse what AWS refuses; give the group its endpoints and its member clusters."""
    values["engine"] = values.get("engine") or "redis"
    values["engine_version"] = resolve_version(values.get("engine_version"))
    values["cache_parameter_group_name"] = values.get("cache_parameter_group_name") or "default.redis7"
    values["snapshot_window"] = values.get("snapshot_window") or SNAPSHOT_WINDOW
    values["preferred_maintenance_window"] = (
        values.get("preferred_maintenance_window") or MAINTENANCE_WINDOW
    ).lower()
    if values.get("auto_minor_version_upgrade") is None:
        values["auto_minor_version_upgrade"] = True
    refuse_unknown_network(backend, values.get("cache_subnet_group_name"), values.get("security_group_ids"))
    refuse_bad_node_type(values.get("cache_node_type"))
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
    group.endpoint_mark = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
    name_endpoints(group)
    for member in group.node_groups[0]["node_group_members"]:
        add_member(backend, group, member)
    return group


def zones(backend: ElastiCacheBackend, values: dict[str, Any]) -> list[str]:
    """The zones of the subnet group, else the region's first one."""
    subnet_group = backend.cache_subnet_groups.get(values.get("cache_subnet_group_name") or "")
    if subnet_group:
        return sorted({subnet["subnet_availability_zone"] for subnet in subnet_group.subnets})
    return [f"{backend.region_name}a"]


# AWS: names of endpoints carry the region's short name, and differ with and without TLS.
def endpoint_names(group: ReplicationGroup, *, tls: bool) -> tuple[str, str, dict[str, str]]:
    """The host names of the primary, of the readers, and of each member by its cluster's id."""
    code = REGION_CODES.get(group.endpoint_region, group.endpoint_region.replace("-", ""))
    mark, own = group.endpoint_mark, group.replication_group_id
    ids = [member["cache_cluster_id"] for member in group.node_groups[0]["node_group_members"]]
    if tls:
        domain = f"{own}.{mark}.{code}.cache.amazonaws.com"
        return f"master.{domain}", f"replica.{domain}", {name: f"{name}.{domain}" for name in ids}
    domain = f"{mark}.ng.0001.{code}.cache.amazonaws.com"
    nodes = {name: f"{name}.{mark}.0001.{code}.cache.amazonaws.com" for name in ids}
    return f"{own}.{domain}", f"{own}-ro.{domain}", nodes


def name_endpoints(group: ReplicationGroup) -> None:
    """Give the group's primary, reader and members the host names that go with its encryption."""
    primary, reader, nodes = endpoint_names(group, tls=bool(group.transit_encryption_enabled))
    node_group = group.node_groups[0]
    node_group["primary_endpoint"] = {"address": primary, "port": group.port}
    node_group["reader_endpoint"] = {"address": reader, "port": group.port}
    for member in node_group["node_group_members"]:
        member["read_endpoint"] = {"address": nodes[member["cache_cluster_id"]], "port": group.port}
        member["cache_node_id"] = "0001"


# What a member shares with its group.
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


# AWS: the members of a replication group are clusters of their own in DescribeCacheClusters.
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


# AWS: ModifyReplicationGroup changes all of these, the members with the group.
CHANGEABLE = {
    "ReplicationGroupDescription": "description",
    "CacheNodeType": "cache_node_type",
    "CacheParameterGroupName": "cache_parameter_group_name",
    "PreferredMaintenanceWindow": "preferred_maintenance_window",
    "SnapshotRetentionLimit": "snapshot_retention_limit",
    "SnapshotWindow": "snapshot_window",
    "NotificationTopicArn": "notification_topic_arn",
    "SecurityGroupIds": "security_group_ids",
}


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
    backend.apply_cache_changes(group, [group, *members(backend, group)], changes)
    if "transit_encryption_enabled" in changes:
        name_endpoints(group)
        for member in group.node_groups[0]["node_group_members"]:
            backend.cache_clusters[member["cache_cluster_id"]].endpoint = member["read_endpoint"]
    return ActionResult({"ReplicationGroup": group})


def changes_of(backend: ElastiCacheBackend, values: dict[str, Any], current: Any) -> dict[str, Any]:  # noqa: ANN401
    """The attributes that a modify request changes. Raises for what AWS refuses."""
    changes = {name: values[key] for key, name in CHANGEABLE.items() if values.get(key) is not None}
    if "AutoMinorVersionUpgrade" in values:
        changes["auto_minor_version_upgrade"] = str(values["AutoMinorVersionUpgrade"]).lower() == "true"
    if "snapshot_retention_limit" in changes:
        changes["snapshot_retention_limit"] = int(changes["snapshot_retention_limit"])
    if "preferred_maintenance_window" in changes:
        changes["preferred_maintenance_window"] = changes["preferred_maintenance_window"].lower()
    if values.get("EngineVersion"):
        version = resolve_version(values["EngineVersion"])
        if version < current.engine_version:
            raise InvalidParameterCombinationException(
                f"Downgrading from {current.engine_version} to {version} is not supported."
            )
        changes["engine_version"] = version
    if "cache_node_type" in changes:
        refuse_bad_node_type(changes["cache_node_type"])
    refuse_unknown_network(backend, current.cache_subnet_group_name, changes.get("security_group_ids"))
    return changes | tls_changes(values, current) | token_changes(values, current)


# AWS: from plain to TLS by way of "preferred", and back the same way; not while a password is asked for.
def tls_changes(values: dict[str, Any], current: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a modify request changes about encryption in transit. Raises for what AWS refuses."""
    wanted, mode = values.get("TransitEncryptionEnabled"), values.get("TransitEncryptionMode")
    if wanted is None and mode is None:
        return {}
    enabled = bool(current.transit_encryption_enabled)
    present_mode = getattr(current, "transit_encryption_mode", None)
    after = enabled if wanted is None else str(wanted).lower() == "true"
    refusal = ""
    if getattr(current, "auth_token_enabled", False):
        refusal = "Modification of transit encryption is not supported for access control enabled clusters."
    elif mode and not after:
        refusal = "To modify transit encryption mode, set encryption-in-transit as enabled."
    elif after and not enabled and mode != "preferred":
        refusal = "To enable encryption-in-transit on an existing cluster, set transit encryption mode as preferred."
    elif enabled and not after and present_mode != "preferred":
        refusal = "To disable encryption-in-transit, set transit encryption mode as preferred first."
    if refusal:
        raise InvalidParameterCombinationException(refusal)
    return {
        "transit_encryption_enabled": after,
        "transit_encryption_mode": (mode or present_mode) if after else None,
    }


# AWS: ROTATE adds a token beside the old one (beside none: without one is still let in), SET leaves only the new one and
# follows a ROTATE, DELETE leaves none.
def token_changes(values: dict[str, Any], current: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a modify request changes about the AUTH token."""
    strategy = values.get("AuthTokenUpdateStrategy", "ROTATE")
    if strategy == "DELETE":
        return {
            "auth_token": None,
            "auth_token_enabled": False,
            "auth_token_strategy": strategy,
            "auth_open": False,
        }
    if not values.get("AuthToken"):
        return {}
    refuse_bad_token(values["AuthToken"], current.transit_encryption_enabled)
    enabled = bool(current.auth_token_enabled)
    if strategy == "SET" and not enabled:
        raise InvalidParameterCombinationException(
            "The AUTH token can be set only after it was rotated with the strategy ROTATE."
        )
    return {
        "auth_token": values["AuthToken"],
        "auth_token_enabled": True,
        "auth_token_strategy": strategy,
        "auth_open": strategy == "ROTATE" and (not enabled or getattr(current, "auth_open", False)),
    }


def apply_cache_changes(
    _backend: ElastiCacheBackend, _resource: object, targets: list[Any], changes: dict[str, Any]
) -> None:
    """Change the attributes; whoever backs caches replaces this to change servers too."""
    for target in targets:
        for name, value in changes.items():
            setattr(target, name, value)


ElastiCacheBackend.apply_cache_changes = apply_cache_changes
ElastiCacheResponse.modify_replication_group = modify_replication_group


def refuse_unavailable(status: str, kind: str, name: str) -> None:
    """Raise when a resource is not available."""
    if status != "available":
        code = (
            "InvalidReplicationGroupState" if kind.startswith("Replication") else "InvalidCacheClusterState"
        )
        raise error(code, f"{kind} {name} is not in available state ({status}).")


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

    backend.let_go(group, forget)
    return group


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
    backend.let_go(cluster, lambda: backend.cache_clusters.pop(cache_cluster_id, None))
    return cluster


def let_go(_backend: ElastiCacheBackend, _resource: object, forget: Callable[[], None]) -> None:
    """Forget a deleted resource; whoever backs caches replaces this to remove the server first."""
    forget()


ElastiCacheBackend.let_go = let_go


# -- clusters --------------------------------------------------------------------------------------


@around(ElastiCacheBackend, "create_cache_cluster")
def create_cache_cluster(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse what AWS refuses, and name the endpoint."""
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
    refuse_bad_node_type(values.get("cache_node_type"))
    refuse_unknown_network(backend, values.get("cache_subnet_group_name"), values.get("security_group_ids"))
    values["preferred_availability_zone"] = (
        values.get("preferred_availability_zone") or zones(backend, values)[0]
    )
    values["preferred_maintenance_window"] = (
        values.get("preferred_maintenance_window") or MAINTENANCE_WINDOW
    ).lower()
    if values.get("auto_minor_version_upgrade") is None:
        values["auto_minor_version_upgrade"] = True
    values["snapshot_window"] = values.get("snapshot_window") or SNAPSHOT_WINDOW
    cluster = original(backend, **values)
    code = REGION_CODES.get(backend.region_name, backend.region_name.replace("-", ""))
    mark = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
    cluster.endpoint = {
        "address": f"{cluster.cache_cluster_id}.{mark}.0001.{code}.cache.amazonaws.com",
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
        "PendingModifiedValues": {},
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
    backend.apply_cache_changes(cluster, [cluster], changes_of(backend, values, cluster))
    return ActionResult({"CacheCluster": cluster_view(cluster, show_nodes=False)})


ElastiCacheResponse.modify_cache_cluster = modify_cache_cluster


# -- subnet groups ---------------------------------------------------------------------------------


# AWS: subnets that do not exist are refused (moto invents a VPC for them).
@around(ElastiCacheBackend, "create_cache_subnet_group")
def refuse_unknown_subnets(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
    """Refuse unknown subnets."""
    check_subnets(backend, values["subnet_ids"])
    return original(backend, **values)


def check_subnets(backend: ElastiCacheBackend, subnet_ids: list[str]) -> None:
    """Raise for a subnet that is not there."""
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
    """DeleteCacheSubnetGroup (moto: 500); refused while something uses it, as on AWS."""
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

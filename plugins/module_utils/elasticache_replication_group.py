# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""AWS's report on a replication group, with the names of the module's options.

Shared by `elasticache_replication_group` and `elasticache_replication_group_info`, so that both
return the same dictionary and the former can compare it with its options key by key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

if TYPE_CHECKING:
    from botocore.client import BaseClient

# AWS refuses to list the tags of a group that is being created or deleted.
_TAGS_NOT_READABLE_YET = [
    "CacheClusterNotFound",
    "InvalidReplicationGroupState",
    "ReplicationGroupNotFoundFault",
]
_SWITCHED_ON = ("enabled", "enabling")


def describe_group(client: BaseClient, group_id: str) -> dict[str, Any] | None:
    """Return the group, flattened by `_flatten`, or None if no group has that name."""
    try:
        answer = client.describe_replication_groups(ReplicationGroupId=group_id, aws_retry=True)
    except is_boto3_error_code("ReplicationGroupNotFoundFault"):
        return None
    return _complete(client, answer["ReplicationGroups"][0])


def describe_all_groups(client: BaseClient) -> list[dict[str, Any]]:
    """Return every group of the account and region, flattened by `_flatten`."""
    pages = client.get_paginator("describe_replication_groups").paginate()
    return [_complete(client, group) for page in pages for group in page["ReplicationGroups"]]


def _complete(client: BaseClient, group: dict[str, Any]) -> dict[str, Any]:
    return _flatten(group, _first_member(client, group), _tags(client, group["ARN"]))


def _first_member(client: BaseClient, group: dict[str, Any]) -> dict[str, Any]:
    """Return the first member cluster, {} while it does not exist.

    Engine version, security groups, parameter group, subnet group and maintenance window are
    reported by the member clusters only, and are the same for all of them.
    """
    if not group.get("MemberClusters"):
        return {}
    try:
        answer = client.describe_cache_clusters(CacheClusterId=group["MemberClusters"][0], aws_retry=True)
    except is_boto3_error_code("CacheClusterNotFound"):
        return {}
    return answer["CacheClusters"][0]


def _tags(client: BaseClient, arn: str) -> dict[str, str]:
    try:
        answer = client.list_tags_for_resource(ResourceName=arn, aws_retry=True)
    except is_boto3_error_code(_TAGS_NOT_READABLE_YET):
        return {}
    return boto3_tag_list_to_ansible_dict(answer["TagList"])


def _flatten(group: dict[str, Any], member: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """Return one level of plain values, None for a value that AWS does not report (yet)."""
    # Cluster mode disabled means exactly one node group, and none yet while it is created.
    node_group = (group.get("NodeGroups") or [{}])[0]
    nodes = node_group.get("NodeGroupMembers", [])
    primary = _endpoint(node_group.get("PrimaryEndpoint"))
    security_groups = member.get("SecurityGroups")
    return {
        "replication_group_id": group["ReplicationGroupId"],
        "arn": group["ARN"],
        "status": group["Status"],
        "description": group.get("Description"),
        "engine": group.get("Engine") or member.get("Engine"),
        "engine_version": member.get("EngineVersion"),
        "node_type": group.get("CacheNodeType"),
        "num_cache_clusters": len(group.get("MemberClusters", [])),
        "member_clusters": group.get("MemberClusters", []),
        "primary_endpoint": primary,
        "reader_endpoint": _endpoint(node_group.get("ReaderEndpoint")),
        "port": primary["port"] if primary else None,
        "preferred_availability_zones": [
            node["PreferredAvailabilityZone"] for node in nodes if node.get("PreferredAvailabilityZone")
        ]
        or None,
        "subnet_group": member.get("CacheSubnetGroupName"),
        "security_group_ids": (
            None if security_groups is None else sorted(item["SecurityGroupId"] for item in security_groups)
        ),
        "parameter_group": (member.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
        "snapshot_retention_limit": group.get("SnapshotRetentionLimit"),
        "snapshot_window": group.get("SnapshotWindow"),
        "maintenance_window": member.get("PreferredMaintenanceWindow"),
        "auto_minor_version_upgrade": group.get("AutoMinorVersionUpgrade"),
        "transit_encryption": group.get("TransitEncryptionEnabled"),
        "transit_encryption_mode": group.get("TransitEncryptionMode"),
        "at_rest_encryption": group.get("AtRestEncryptionEnabled"),
        "auth_token_enabled": group.get("AuthTokenEnabled"),
        "automatic_failover": _switch(group.get("AutomaticFailover")),
        "multi_az": _switch(group.get("MultiAZ")),
        "pending": _pending(group.get("PendingModifiedValues", {}), member.get("PendingModifiedValues", {})),
        "tags": tags,
    }


def _pending(group: dict[str, Any], member: dict[str, Any]) -> dict[str, Any]:
    """Return the changes that wait for the maintenance window, by option name."""
    values = {
        "automatic_failover": _switch(group.get("AutomaticFailoverStatus")),
        "transit_encryption": group.get("TransitEncryptionEnabled"),
        "transit_encryption_mode": group.get("TransitEncryptionMode"),
        "engine_version": member.get("EngineVersion"),
        "node_type": member.get("CacheNodeType"),
    }
    return {name: value for name, value in values.items() if value is not None}


def _endpoint(endpoint: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"address": endpoint["Address"], "port": endpoint["Port"]} if endpoint else None


def _switch(status: str | None) -> bool | None:
    return None if status is None else status in _SWITCHED_ON

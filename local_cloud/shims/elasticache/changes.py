"""ElastiCache: the changes of a modify request."""

from __future__ import annotations

from typing import Any

from moto.elasticache.exceptions import InvalidParameterCombinationException
from moto.elasticache.models import ElastiCacheBackend

from local_cloud.shims.elasticache.common import (
    refuse_bad_token,
    refuse_unknown_network,
    resolve_version,
)
from local_cloud.shims.elasticache.node_types import refuse_node_type

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


def changes_of(backend: ElastiCacheBackend, values: dict[str, Any], current: Any) -> dict[str, Any]:  # noqa: ANN401
    """The attributes of moto's object that a modify request changes, with their values. Raises AWS's errors."""
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
        refuse_node_type(changes["cache_node_type"], f"{backend.region_name}a")
    refuse_unknown_network(backend, current.cache_subnet_group_name, changes.get("security_group_ids"))
    wait_for_window(values, changes, current)
    return changes | tls_changes(values, current) | token_changes(values, current)


# AWS: another node type or version waits for the maintenance window unless ApplyImmediately is given (C1).
def wait_for_window(values: dict[str, Any], changes: dict[str, Any], current: Any) -> None:  # noqa: ANN401
    """Move changes that wait from `changes` to the pending values of moto's object, or add what waited before."""
    waiting = current.__dict__.setdefault("waiting", {})
    for name in ("cache_node_type", "engine_version"):
        if name in changes and changes[name] != getattr(current, name):
            waiting[name] = changes.pop(name)
    if str(values.get("ApplyImmediately", False)).lower() == "true":
        changes |= waiting
        waiting.clear()
    names = {"cache_node_type": "CacheNodeType", "engine_version": "EngineVersion"}
    current.pending_modified_values = {names[name]: value for name, value in waiting.items()}


# AWS: from plain to TLS by way of "preferred", and back the same way; not while a password is required.
def tls_changes(values: dict[str, Any], current: Any) -> dict[str, Any]:  # noqa: ANN401
    """The changes of a modify request to encryption in transit. Raises AWS's errors."""
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
    """The changes of a modify request to the AUTH token."""
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

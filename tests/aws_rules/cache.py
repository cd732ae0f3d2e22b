"""The cache."""

import re

from tests.aws_rules.recording import Calls
from tests.aws_rules.registry import Problems, rule

CLUSTER = "elasticache:CreateCacheCluster"
GROUP = "elasticache:CreateReplicationGroup"
MODIFY = "elasticache:ModifyReplicationGroup"
REDIS_VERSIONS = {"7.0", "7.1"}


@rule
def a_single_cluster_has_no_encryption_nor_replicas(calls: Calls) -> Problems:
    """InvalidParameterCombination: Encryption feature is not supported for engine REDIS."""
    for call in calls.of(CLUSTER):
        if call.get("TransitEncryptionEnabled") and call.get("Engine") == "redis":
            yield call, "TransitEncryptionEnabled needs a replication group"
        if call.get("Engine") == "valkey":
            yield call, "Valkey needs a replication group"
        if call.get("Engine") == "redis" and call.get("NumCacheNodes", 1) != 1:
            yield call, f"NumCacheNodes is {call.get('NumCacheNodes')}"


@rule
def the_redis_version_exists(calls: Calls) -> Problems:
    """InvalidParameterCombination: Cannot find version 7.x for redis"""
    for call in calls.of(CLUSTER, GROUP):
        if call.get("Engine") == "redis" and call.get("EngineVersion") not in REDIS_VERSIONS:
            yield call, f"EngineVersion is {call.get('EngineVersion')}"


@rule
def the_parameter_group_is_for_redis_7(calls: Calls) -> Problems:
    """InvalidParameterCombination: Expected a parameter group of family redis7 but found one of family
    redis6.x
    """
    for call in calls.of(CLUSTER, GROUP):
        name = call.get("CacheParameterGroupName", "default.redis7")
        if name.startswith("default.") and name != "default.redis7":
            yield call, f"CacheParameterGroupName is {name}"


@rule
def a_password_needs_tls(calls: Calls) -> Problems:
    """InvalidParameterCombination: The AUTH token is only supported when encryption-in-transit is
    enabled.
    """
    for call in calls.of(CLUSTER, GROUP):
        if call.get("AuthToken") and not call.get("TransitEncryptionEnabled"):
            yield call, "AuthToken without TransitEncryptionEnabled"


@rule
def failover_needs_a_replica(calls: Calls) -> Problems:
    """InvalidParameterValue: If AutomaticFailoverEnabled is true, NumCacheClusters must be at least 2."""
    for call in calls.of(GROUP):
        if call.get("AutomaticFailoverEnabled") and call.get("NumCacheClusters", 1) < 2:
            yield call, f"AutomaticFailoverEnabled with NumCacheClusters {call.get('NumCacheClusters')}"


@rule
def the_cache_is_pinned_to_its_zones(calls: Calls) -> Problems:
    """Nothing refuses it: left out, AWS chooses among the subnet group's zones, and the server then pays
    for traffic between zones and waits for it.
    """
    for call in calls.of(GROUP):
        zones = call.get("PreferredCacheClusterAZs", [])
        if len(zones) != call.get("NumCacheClusters", 1):
            yield call, f"PreferredCacheClusterAZs is {zones} for {call.get('NumCacheClusters', 1)} nodes"


@rule
def the_group_s_name_is_legal(calls: Calls) -> Problems:
    """InvalidParameterValue: The parameter ReplicationGroupId must be 1 to 40 letters, digits or hyphens."""
    for call in calls.of(GROUP):
        name = call.get("ReplicationGroupId", "")
        if not re.match(r"^[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,39}(?<!-)$", name):
            yield call, f"ReplicationGroupId is '{name}'"


@rule
def a_rerun_does_not_touch_the_redis_version(calls: Calls) -> Problems:
    """Nothing refuses it: AWS reports 7.1.0, and comparing it with 7.1 modifies the group every run."""
    for call in calls.of(MODIFY, "elasticache:ModifyCacheCluster"):
        if call.get("EngineVersion") in REDIS_VERSIONS:
            yield call, f"EngineVersion is {call.get('EngineVersion')}"

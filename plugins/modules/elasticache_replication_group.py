#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Create, change and delete an ElastiCache replication group (cluster mode disabled)."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_replication_group
short_description: Manage an ElastiCache replication group of Redis or Valkey
description:
  - Creates, changes and deletes a replication group with cluster mode disabled, that is one primary node and
    up to five replicas. A group of one node replaces a stand-alone cluster, because encryption in transit,
    AUTH and replicas need a group.
  - Compares and changes only the given options. All other settings stay unchanged.
  - Refuses a setting that AWS cannot change in place before any change, with the old and the new value.
options:
  replication_group_id:
    description:
      - Name of the group, 1 to 40 letters, digits and hyphens. AWS stores it in lower case.
    type: str
    required: true
  state:
    description:
      - V(present) creates the group or changes it to the given options, V(absent) deletes it with its data.
    type: str
    choices: [present, absent]
    default: present
  description:
    description:
      - Description of the group. Required to create a group.
    type: str
  engine:
    description:
      - The engine, V(redis) for a new group unless given. V(redis) becomes V(valkey) in place, never back.
    type: str
    choices: [redis, valkey]
  engine_version:
    description:
      - Version as AWS names it, for instance V(7.1). V(7.x) is not a version.
      - Compared by the given parts, so V(7.1) equals V(7.1.0). A newer version, as after an automatic upgrade,
        stays, because AWS does not downgrade.
    type: str
  node_type:
    description:
      - Size of the nodes, for instance V(cache.t3.micro). A change happens in place. Required to create a group.
    type: str
  num_cache_clusters:
    description:
      - Number of nodes, the primary included, 1 to 6. A new group has 1 unless given.
      - Replicas are added and removed at once, whatever O(apply_immediately) says. AWS offers no other way.
    type: int
  port:
    description:
      - Port of the nodes, 6379 for a new group unless given. Cannot be changed.
    type: int
  subnet_group:
    description:
      - Name of the cache subnet group. Cannot be changed.
    type: str
  security_group_ids:
    description:
      - Ids of the security groups, the whole list.
    type: list
    elements: str
  parameter_group:
    description:
      - Name of the cache parameter group, for instance V(default.redis7).
    type: str
  preferred_availability_zones:
    description:
      - The zone of each node, the primary's first. Zones of existing nodes cannot be changed.
    type: list
    elements: str
    aliases: [availability_zones]
  snapshot_retention_limit:
    description:
      - Days to keep automatic snapshots, V(0) for none.
    type: int
  snapshot_window:
    description:
      - Daily time of the snapshots in UTC, C(hh:mm-hh:mm).
    type: str
  maintenance_window:
    description:
      - Weekly time of maintenance in UTC, C(ddd:hh:mm-ddd:hh:mm). AWS stores it in lower case.
    type: str
  auto_minor_version_upgrade:
    description:
      - Whether AWS may install new minor versions in the maintenance window.
    type: bool
  transit_encryption:
    description:
      - Whether clients use TLS. On an existing group enable it with O(transit_encryption_mode=preferred), and
        disable it from that mode.
    type: bool
  transit_encryption_mode:
    description:
      - V(required) refuses clients without TLS, V(preferred) accepts clients with and without TLS during a migration.
      - On an existing group AWS changes it only while no AUTH token is set, and never from plain to V(required).
    type: str
    choices: [preferred, required]
  at_rest_encryption:
    description:
      - Whether the disks are encrypted. Cannot be changed.
    type: bool
  auth_token:
    description:
      - The password of Redis AUTH, 16 to 128 of letters, digits and C(!&#$^<>-).
      - Needs O(transit_encryption=true).
      - AWS never returns the token, so an existing group's token is B(not) compared, and a different value alone
        changes nothing. To change the token, also set O(auth_token_update_strategy).
    type: str
  auth_token_update_strategy:
    description:
      - If set, each run sends O(auth_token) to the existing group, and reports a change.
      - V(rotate) adds the new token beside the old one, V(set) then removes the old one.
      - A new group takes O(auth_token) at its creation and does not use this option.
    type: str
    choices: [rotate, set]
  automatic_failover:
    description:
      - Whether a replica takes over from a failed primary. Needs at least two nodes.
    type: bool
  multi_az:
    description:
      - Whether the nodes are spread over zones. Needs O(automatic_failover=true).
    type: bool
  apply_immediately:
    description:
      - Whether changes that interrupt the service (node type, engine version, parameter group) happen now
        rather than in the maintenance window.
      - With V(false) a change that already waits for its window counts as done.
    type: bool
    default: false
  allow_replace:
    description:
      - Names of options for which the module may delete and recreate the group, losing its data, if AWS cannot
        change them in place. The new group takes over tags and all options not given. The module always waits for
        the deletion.
    type: list
    elements: str
    default: []
  final_snapshot_identifier:
    description:
      - Name of a snapshot to take before the group is deleted.
    type: str
  wait:
    description:
      - Whether to wait until the group is available, or deleted.
      - With V(false) the module starts the creation and returns. It then reports a group that is not yet available
        as unchanged. A later run with V(true) waits for the group and makes the remaining changes.
      - The module always waits between dependent changes (replicas before failover).
    type: bool
    default: true
  wait_timeout:
    description:
      - Timeout of the wait, in seconds. AWS continues, and the next run waits again.
    type: int
    default: 1800
notes:
  - In check mode the module only reads. It reports a group in creation or modification as unchanged.
  - Cluster mode, user groups, log delivery and global data stores are not managed and stay as they are.
attributes:
  check_mode:
    description: Reports the changes without making them.
    support: full
  diff_mode:
    description: Returns the different options, before and after, without secrets.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Start the creation of a single node
  table_order.infra.elasticache_replication_group:
    replication_group_id: table-order-redis
    description: Order events of table-order
    engine: redis
    engine_version: "7.1"
    node_type: cache.t3.micro
    num_cache_clusters: 1
    port: 6379
    subnet_group: table-order-redis-subnet-group
    security_group_ids: [sg-0123456789abcdef0]
    parameter_group: default.redis7
    preferred_availability_zones: [ap-northeast-2a]
    snapshot_retention_limit: 0
    tags:
      Name: table-order-redis
    wait: false

- name: Resize the cache now, and wait
  table_order.infra.elasticache_replication_group:
    replication_group_id: table-order-redis
    node_type: cache.t3.small
    apply_immediately: true

- name: Add a replica in another zone that takes over when the primary fails
  table_order.infra.elasticache_replication_group:
    replication_group_id: table-order-redis
    num_cache_clusters: 2
    preferred_availability_zones: [ap-northeast-2a, ap-northeast-2c]
    automatic_failover: true
    multi_az: true
    apply_immediately: true

- name: Add a new AUTH token beside the old one
  table_order.infra.elasticache_replication_group:
    replication_group_id: table-order-redis
    auth_token: "{{ new_token }}"
    auth_token_update_strategy: rotate
    apply_immediately: true
  no_log: true

- name: Delete the cache
  table_order.infra.elasticache_replication_group:
    replication_group_id: table-order-redis
    state: absent
"""

RETURN = r"""
replication_group:
  description:
    - The group as AWS reports it. Empty without a group, as in check mode before the creation.
    - A value is null if AWS does not report it, as during the creation of the group.
  returned: always
  type: dict
  contains:
    replication_group_id:
      description: Name of the group.
      type: str
      sample: table-order-redis
    arn:
      description: The group's ARN.
      type: str
      sample: arn:aws:elasticache:ap-northeast-2:123456789012:replicationgroup:table-order-redis
    status:
      description: One of creating, available, modifying, deleting, create-failed, snapshotting.
      type: str
      sample: available
    primary_endpoint:
      description: Endpoint of the primary, null until the group is available.
      type: dict
      sample: {address: table-order-redis.xxxxxx.ng.0001.apn2.cache.amazonaws.com, port: 6379}
    reader_endpoint:
      description: Endpoint for reading only.
      type: dict
      sample: {address: table-order-redis-ro.xxxxxx.ng.0001.apn2.cache.amazonaws.com, port: 6379}
    member_clusters:
      description: Names of the nodes. These are the CacheClusterId of CloudWatch metrics.
      type: list
      elements: str
      sample: [table-order-redis-001]
    auth_token_enabled:
      description: Whether clients need a password.
      type: bool
    pending:
      description: Options with a change that waits for the maintenance window, with their new values.
      type: dict
      sample: {node_type: cache.t3.small}
    tags:
      description: The group's tags.
      type: dict
    engine_version:
      description: Version. Every other option that describes the group is returned under its name as well.
      type: str
      sample: 7.1.0
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    compare_aws_tags,
)
from ansible_collections.table_order.infra.plugins.module_utils.elasticache_replication_group import (
    describe_group,
)

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "replication_group_id": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "description": {"type": "str"},
    "engine": {"type": "str", "choices": ["redis", "valkey"]},
    "engine_version": {"type": "str"},
    "node_type": {"type": "str"},
    "num_cache_clusters": {"type": "int"},
    "port": {"type": "int"},
    "subnet_group": {"type": "str"},
    "security_group_ids": {"type": "list", "elements": "str"},
    "parameter_group": {"type": "str"},
    "preferred_availability_zones": {"type": "list", "elements": "str", "aliases": ["availability_zones"]},
    "snapshot_retention_limit": {"type": "int"},
    "snapshot_window": {"type": "str"},
    "maintenance_window": {"type": "str"},
    "auto_minor_version_upgrade": {"type": "bool"},
    "transit_encryption": {"type": "bool"},
    "transit_encryption_mode": {"type": "str", "choices": ["preferred", "required"]},
    "at_rest_encryption": {"type": "bool"},
    "auth_token": {"type": "str", "no_log": True},
    "auth_token_update_strategy": {"type": "str", "choices": ["rotate", "set"], "no_log": False},
    "automatic_failover": {"type": "bool"},
    "multi_az": {"type": "bool"},
    "apply_immediately": {"type": "bool", "default": False},
    "allow_replace": {"type": "list", "elements": "str", "default": []},
    "final_snapshot_identifier": {"type": "str"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 1800},
}

# Option -> name in CreateReplicationGroup, and in ModifyReplicationGroup for those not FIXED or REPLICAS.
API_NAMES = {
    "description": "ReplicationGroupDescription",
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "node_type": "CacheNodeType",
    "num_cache_clusters": "NumCacheClusters",
    "port": "Port",
    "subnet_group": "CacheSubnetGroupName",
    "security_group_ids": "SecurityGroupIds",
    "parameter_group": "CacheParameterGroupName",
    "preferred_availability_zones": "PreferredCacheClusterAZs",
    "snapshot_retention_limit": "SnapshotRetentionLimit",
    "snapshot_window": "SnapshotWindow",
    "maintenance_window": "PreferredMaintenanceWindow",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "transit_encryption": "TransitEncryptionEnabled",
    "transit_encryption_mode": "TransitEncryptionMode",
    "at_rest_encryption": "AtRestEncryptionEnabled",
    "automatic_failover": "AutomaticFailoverEnabled",
    "multi_az": "MultiAZEnabled",
}
FIXED = ("port", "subnet_group", "preferred_availability_zones", "at_rest_encryption")
REPLICAS = "num_cache_clusters"

# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
ID_FORM = re.compile(r"^[a-z](?!.*--)[a-z0-9-]{0,39}(?<!-)$")
VERSION_FORM = re.compile(r"^\d+\.\d+(\.\d+)?$")
TOKEN_FORM = re.compile(r"^[A-Za-z0-9!&#$^<>-]{16,128}$")

Setting = Any  # str, int, bool or list[str]; a union of them needs Python 3.10
Changes = dict[str, tuple[Setting, Setting]]  # option -> (what AWS reports, what is wanted)


def input_errors(params: dict[str, Any]) -> list[str]:
    """Return the invalid options as sentences with the fix."""
    errors = []
    if not ID_FORM.match(params["replication_group_id"].lower()):
        errors.append(
            f"replication_group_id '{params['replication_group_id']}' is not legal: 1 to 40 letters, digits "
            "and single hyphens, a letter first, no hyphen last"
        )
    if params["engine_version"] and not VERSION_FORM.match(params["engine_version"]):
        errors.append(
            f"engine_version '{params['engine_version']}' is not a version of ElastiCache, 7.1 is one"
        )
    nodes = params[REPLICAS]
    if nodes is not None and not 1 <= nodes <= 6:
        errors.append(f"num_cache_clusters {nodes} is not between 1 and 6")
    if nodes == 1 and params["automatic_failover"]:
        errors.append("automatic_failover needs num_cache_clusters of at least 2")
    if params["multi_az"] and params["automatic_failover"] is False:
        errors.append("multi_az needs automatic_failover")
    zones = params["preferred_availability_zones"]
    if zones and nodes and len(zones) != nodes:
        errors.append(
            f"preferred_availability_zones names {len(zones)} zones for {nodes} nodes, it takes one for each"
        )
    if params["auth_token"] and not TOKEN_FORM.match(params["auth_token"]):
        errors.append("auth_token must be 16 to 128 of letters, digits and !&#$^<>-")
    if params["auth_token"] and params["transit_encryption"] is False:
        errors.append(
            "auth_token needs transit_encryption: true, AWS takes no password over a plain connection"
        )
    return errors


def wanted_settings(params: dict[str, Any]) -> dict[str, Any]:
    """Return the options given that describe the group, as AWS stores them."""
    wanted = {name: params[name] for name in API_NAMES if params[name] is not None}
    if "maintenance_window" in wanted:
        wanted["maintenance_window"] = wanted["maintenance_window"].lower()
    if "security_group_ids" in wanted:
        wanted["security_group_ids"] = sorted(set(wanted["security_group_ids"]))
    return wanted


def differences(wanted: dict[str, Any], group: dict[str, Any], apply_immediately: bool) -> Changes:
    """Return the wanted settings that AWS reports otherwise; what it does not report is no difference."""
    reported = group if apply_immediately else group | group["pending"]
    return {
        name: (reported[name], value)
        for name, value in wanted.items()
        if reported[name] is not None and not _same(name, value, reported[name])
    }


def _same(name: str, wanted: Setting, reported: Setting) -> bool:
    if name == "engine_version":
        return _version(reported) >= _version(wanted)  # 7.1.0 is 7.1, and newer stays
    if name == "preferred_availability_zones":
        # The order changes with every failover, the number with num_cache_clusters.
        return len(wanted) != len(reported) or sorted(wanted) == sorted(reported)
    if name == "maintenance_window":
        return wanted == reported.lower()
    return wanted == reported


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def refusals(changes: Changes, wanted: dict[str, Any], group: dict[str, Any]) -> dict[str, str]:
    """Return the changes that AWS does not make in place, each with the reason and the fix."""
    refused = {name: "is fixed when the group is created" for name in FIXED if name in changes}
    if changes.get("engine", (None, None))[1] == "redis":
        refused["engine"] = "AWS does not go back from Valkey to Redis"
    if changes.get("transit_encryption", (None, None))[1] is True:
        if wanted.get("transit_encryption_mode") != "preferred":
            refused["transit_encryption"] = (
                "it is switched on in two steps: transit_encryption_mode preferred, then, once every client "
                "uses TLS, required"
            )
    elif "transit_encryption" in changes and group["transit_encryption_mode"] != "preferred":
        refused["transit_encryption"] = (
            "it is switched off from transit_encryption_mode preferred: set that first"
        )
    for name in ("transit_encryption", "transit_encryption_mode"):
        if name in changes and group["auth_token_enabled"]:
            refused[name] = "AWS changes nothing about TLS while a password is asked for"
    return refused


def successor(wanted: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a replacement group: the wanted ones, and the old group's for options not given."""
    kept = {name: group[name] for name in API_NAMES if group[name] is not None}
    if "engine_version" in kept:  # Reported as 7.1.0, and asked for as 7.1.
        kept["engine_version"] = ".".join(kept["engine_version"].split(".")[:2])
    if wanted.get("engine", group["engine"]) != group["engine"]:
        kept = {name: kept[name] for name in kept if name not in ("engine_version", "parameter_group")}
    settings = kept | wanted
    if not settings.get("transit_encryption"):
        settings.pop("transit_encryption_mode", None)
    if len(settings.get("preferred_availability_zones", [])) != settings[REPLICAS]:
        settings.pop("preferred_availability_zones", None)
    return settings


def pauses() -> Iterator[float]:
    """Yield the seconds between two status checks: 2, 3, 4.5 and so on up to 30."""
    pause = 2.0
    while True:
        yield pause
        pause = min(pause * 1.5, 30.0)


class ReplicationGroup:
    """One group in AWS, and a task's options for it."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        """Take the options, and connect."""
        self.module = module
        self.params = module.params
        self.id = self.params["replication_group_id"].lower()
        self.wanted = wanted_settings(self.params)
        self.client = module.client("elasticache", retry_decorator=AWSRetry.jittered_backoff(retries=8))

    def find(self) -> dict[str, Any] | None:
        """Return the group as AWS reports it, None when there is none."""
        return describe_group(self.client, self.id)

    def fail(self, message: str) -> NoReturn:
        """End the task with a message that begins with the group's name."""
        self.module.fail_json(msg=f"Replication group {self.id} {message}")

    def present(self) -> NoReturn:
        """Create the group, or bring it to the wanted settings."""
        group = self.find()
        if group and group["status"] == "deleting" and not self.module.check_mode:
            if not self.params["wait"]:
                self.fail(
                    "is being deleted. With wait: true the task waits for the deletion and recreates the group."
                )
            self._wait_until_gone()
            group = None
        if group is None or group["status"] == "deleting":
            self._create(before={})
        if group["status"] == "create-failed":
            self._fail_creation()
        if group["status"] != "available":
            if not self.params["wait"] or (self.module.check_mode and group["status"] != "snapshotting"):
                self._exit(False, group)
            if not self.module.check_mode:
                group = self._wait_until_available()
        self._update(group)

    def absent(self) -> NoReturn:
        """Delete the group."""
        group = self.find()
        if group is None:
            self._exit(False, None)
        if self.module.check_mode:
            self._exit(group["status"] != "deleting", None, {"state": "present"}, {"state": "absent"})
        changed = group["status"] != "deleting"
        if changed:
            self._delete(group)
        if self.params["wait"]:
            self._wait_until_gone()
        self._exit(changed, self.find(), {"state": "present"}, {"state": "absent"})

    def _create(self, before: dict[str, Any]) -> NoReturn:
        self._check_that_it_can_be_created()
        after = self.wanted | self._tags_of(self.params["tags"])
        if self.module.check_mode:
            self._exit(True, None, before, after)
        request = {API_NAMES[name]: value for name, value in self.wanted.items()}
        request.setdefault("Engine", "redis")
        request.setdefault("NumCacheClusters", 1)
        if self.params["auth_token"]:
            request["AuthToken"] = self.params["auth_token"]
        if self.params["tags"]:
            request["Tags"] = ansible_dict_to_boto3_tag_list(self.params["tags"])
        self.client.create_replication_group(ReplicationGroupId=self.id, aws_retry=True, **request)
        group = self._wait_until_available() if self.params["wait"] else self.find()
        self._exit(True, group, before, after)

    def _check_that_it_can_be_created(self) -> None:
        missing = [name for name in ("description", "node_type") if name not in self.wanted]
        if missing:
            self.fail(f"is to be created, and for that {' and '.join(missing)} must be given.")
        if self.params["auth_token"] and not self.wanted.get("transit_encryption"):
            self.fail("cannot have an auth_token without transit_encryption: true.")

    def _update(self, group: dict[str, Any]) -> NoReturn:
        changes = differences(self.wanted, group, self.params["apply_immediately"])
        self._replace_or_refuse(changes, group)
        set_tags, remove_tags = self._tag_changes(group)
        strategy = self.params["auth_token_update_strategy"]
        if self.params["auth_token"] and group["auth_token_enabled"] is False and not strategy:
            self.fail(
                "has no AUTH token. It is switched on with auth_token_update_strategy: rotate, which still "
                "lets clients in without one, and then set."
            )
        if not (changes or set_tags or remove_tags or strategy):
            self._exit(False, group)

        before = {name: old for name, (old, _new) in changes.items()}
        after = {name: new for name, (_old, new) in changes.items()}
        if set_tags or remove_tags:
            kept = {key: value for key, value in group["tags"].items() if key not in remove_tags}
            before |= self._tags_of(group["tags"])
            after |= self._tags_of(kept | set_tags)
        if strategy:
            after["auth_token_update_strategy"] = strategy
        if self.module.check_mode:
            self._exit(True, group, before, after)

        self._retag(group["arn"], set_tags, remove_tags)
        self._apply(changes)
        if self.params["wait"]:
            self._wait_until_available(applied=self.params["apply_immediately"])
        self._exit(True, self.find(), before, after)

    def _replace_or_refuse(self, changes: Changes, group: dict[str, Any]) -> None:
        refused = refusals(changes, self.wanted, group)
        if not refused:
            return
        if set(refused) <= set(self.params["allow_replace"]):
            self._replace(group)
        reasons = "; ".join(
            f"{name}: {changes[name][0]} -> {changes[name][1]} ({reason})" for name, reason in refused.items()
        )
        self.fail(
            f"cannot be changed in place: {reasons}. Restore the old value, or, if its data may be lost, allow a "
            f"replacement with allow_replace: [{', '.join(refused)}]."
        )

    def _replace(self, group: dict[str, Any]) -> NoReturn:
        """Delete and recreate the group, with its old settings except for the wanted ones."""
        self.wanted = successor(self.wanted, group)
        tags = group["tags"] if self.params["purge_tags"] is False or self.params["tags"] is None else {}
        self.params["tags"] = tags | (self.params["tags"] or {})
        if (
            group["auth_token_enabled"]
            and self.wanted["transit_encryption"]
            and not self.params["auth_token"]
        ):
            self.fail(
                "has an AUTH token, which AWS does not tell: give auth_token for the group in its place."
            )
        self._check_that_it_can_be_created()
        if not self.module.check_mode:
            self._delete(group)
            self._wait_until_gone()
        self._create(before={name: group[name] for name in self.wanted} | self._tags_of(group["tags"]))

    def _apply(self, changes: Changes) -> None:
        """Send the changes in the order that AWS asks for: failover is never on without a replica."""
        settings = {name: change for name, change in changes.items() if name != REPLICAS}
        steps: list[Callable[[], None]] = []
        if settings:
            steps.append(
                lambda: self._modify({API_NAMES[name]: new for name, (_old, new) in settings.items()})
            )
        if REPLICAS in changes:
            old, new = changes[REPLICAS]
            steps.insert(0 if new > old else len(steps), lambda: self._scale(old, new))
        if self.params["auth_token_update_strategy"]:
            steps.append(self._send_token)
        for number, step in enumerate(steps):
            if number:
                self._wait_until_available()
            step()

    def _modify(self, request: dict[str, Any]) -> None:
        if "TransitEncryptionEnabled" in request and "transit_encryption_mode" in self.wanted:
            request["TransitEncryptionMode"] = self.wanted["transit_encryption_mode"]
        self.client.modify_replication_group(
            ReplicationGroupId=self.id,
            ApplyImmediately=self.params["apply_immediately"],
            aws_retry=True,
            **request,
        )

    def _scale(self, old: int, new: int) -> None:
        call = self.client.increase_replica_count if new > old else self.client.decrease_replica_count
        replicas: dict[str, Any] = {"NewReplicaCount": new - 1}
        zones = self.wanted.get("preferred_availability_zones")
        if zones:
            # With cluster mode disabled the only node group is always 0001.
            shard = {"NodeGroupId": "0001", "NewReplicaCount": new - 1, "PreferredAvailabilityZones": zones}
            replicas = {"ReplicaConfiguration": [shard]}
        call(ReplicationGroupId=self.id, ApplyImmediately=True, aws_retry=True, **replicas)

    def _send_token(self) -> None:
        self._modify(
            {
                "AuthToken": self.params["auth_token"],
                "AuthTokenUpdateStrategy": self.params["auth_token_update_strategy"].upper(),
            }
        )

    def _delete(self, group: dict[str, Any]) -> None:
        if group["status"] not in ("available", "create-failed"):
            if not self.params["wait"]:
                self.fail(
                    f"is {group['status']}, and AWS deletes only an available group. With wait: true the task waits."
                )
            self._wait_until_available()
        request: dict[str, Any] = {"RetainPrimaryCluster": False}
        if self.params["final_snapshot_identifier"]:
            request["FinalSnapshotIdentifier"] = self.params["final_snapshot_identifier"]
        self.client.delete_replication_group(ReplicationGroupId=self.id, aws_retry=True, **request)

    def _tag_changes(self, group: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
        if self.params["tags"] is None:
            return {}, []
        return compare_aws_tags(group["tags"], self.params["tags"], self.params["purge_tags"])

    def _retag(self, arn: str, set_tags: dict[str, str], remove_tags: list[str]) -> None:
        if remove_tags:
            self.client.remove_tags_from_resource(ResourceName=arn, TagKeys=remove_tags, aws_retry=True)
        if set_tags:
            tags = ansible_dict_to_boto3_tag_list(set_tags)
            self.client.add_tags_to_resource(ResourceName=arn, Tags=tags, aws_retry=True)

    @staticmethod
    def _tags_of(tags: dict[str, str] | None) -> dict[str, Any]:
        return {"tags": tags} if tags else {}

    def _wait_until_available(self, applied: bool = False) -> dict[str, Any]:
        """Return the group once it is available and, with `applied`, reports every wanted setting."""

        def is_ready(group: dict[str, Any] | None) -> bool:
            if group is None:  # Not visible yet, shortly after its creation.
                return False
            if group["status"] == "create-failed":
                self._fail_creation()
            if group["status"] == "deleting":
                self.fail("was deleted by another program while this task waited for it.")
            if group["status"] != "available":
                return False
            return not (applied and differences(self.wanted, group, apply_immediately=True))

        return self._wait("available with all its settings", is_ready)

    def _wait_until_gone(self) -> None:
        self._wait("gone", lambda group: group is None)

    def _wait(self, goal: str, is_done: Callable[[dict[str, Any] | None], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + self.params["wait_timeout"]
        for pause in pauses():
            group = self.find()
            if is_done(group):
                break
            left = deadline - time.monotonic()
            if left <= 0:
                self.fail(
                    f"is not {goal} after {self.params['wait_timeout']} s: {self._state_of(group)}. AWS goes on "
                    "with the change: run the play again to continue the wait, or raise wait_timeout."
                )
            time.sleep(min(pause, left))
        return group or {}

    def _state_of(self, group: dict[str, Any] | None) -> str:
        if group is None:
            return "it does not exist"
        missing = (
            differences(self.wanted, group, apply_immediately=True) if group["status"] == "available" else {}
        )
        settings = [f"{name} is still {old}, not {new}" for name, (old, new) in missing.items()]
        return ", ".join([f"its status is '{group['status']}'", *settings])

    def _fail_creation(self) -> NoReturn:
        self.fail(
            "could not be created by AWS (status 'create-failed'). The reason is among its events: aws "
            "elasticache describe-events --source-type replication-group --duration 1440 "
            f"--source-identifier {self.id}. Remove the cause, delete the group with "
            "state: absent, and run the play again."
        )

    def _exit(
        self,
        changed: bool,
        group: dict[str, Any] | None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> NoReturn:
        result: dict[str, Any] = {"changed": changed, "replication_group": group or {}}
        if changed:
            result["diff"] = {"before": before or {}, "after": after or {}}
        self.module.exit_json(**result)


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC,
        required_by={"auth_token_update_strategy": ["auth_token"]},
        supports_check_mode=True,
    )
    errors = input_errors(module.params)
    if errors:
        module.fail_json(
            msg=f"Replication group {module.params['replication_group_id']}: {'; '.join(errors)}."
        )
    try:
        group = ReplicationGroup(module)
        if module.params["state"] == "present":
            group.present()
        group.absent()
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Replication group {module.params['replication_group_id']}")


if __name__ == "__main__":
    main()

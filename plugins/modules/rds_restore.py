#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Restore an RDS instance from its backups."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_restore
short_description: Restore an RDS instance from its backups
description:
  - Starts the restoration of a new instance to a time, to the latest restorable time, or from a snapshot, and does not wait for
    it. The source may be an instance, or the automated backups that RDS has retained of a deleted one.
  - RDS resets what a restoration does not name to defaults. What the request can name are options here; exported logs, the
    certificate's authority, IAM authentication, the enrolment in Extended Support and the limit of storage autoscaling follow the
    source, if it is there. Monitoring,
    Performance Insights, the maintenance window and the master user's password need M(amazon.aws.rds_instance) afterwards.
  - M(amazon.aws.rds_instance) restores from no deleted instance, fails with tags, and ignores the source of an existing instance.
  - Leaves the tags C(RestoredFrom) and C(RestoredTo) on the new instance. An instance with the name that has not the same
    C(RestoredFrom) is refused.
options:
  db_instance_identifier:
    description: The new instance.
    type: str
    required: true
  source_db_instance_identifier:
    description: The instance, there or deleted, whose backups are restored.
    type: str
    required: true
  to:
    description:
      - V(latest) restores the newest data. Of a deleted instance this is the end of its retained backups or its newest snapshot
        that RDS, a removal or a deployment of this project took. Only its name restores any other snapshot.
      - A time in UTC such as V(2026-11-28T12:00:00Z), or the name of a snapshot.
    type: str
    default: latest
  db_instance_class:
    description: Class of the new instance.
    type: str
  port:
    description: Port of the new instance.
    type: int
  availability_zone:
    description: Zone of an instance without a standby.
    type: str
  multi_az:
    description: Keep a standby in a second zone.
    type: bool
  publicly_accessible:
    description: Give the instance a public address.
    type: bool
  db_subnet_group_name:
    description: Subnet group of the new instance.
    type: str
  vpc_security_group_ids:
    description: Security groups of the new instance.
    type: list
    elements: str
  db_parameter_group_name:
    description: Parameter group of the new instance.
    type: str
  backup_retention_period:
    description: Retention of automated backups in days.
    type: int
  preferred_backup_window:
    description: Daily backup window in UTC.
    type: str
  auto_minor_version_upgrade:
    description: Upgrade the minor version in the maintenance window.
    type: bool
  copy_tags_to_snapshot:
    description: Copy the tags to snapshots.
    type: bool
  deletion_protection:
    description: Refuse to delete the new instance.
    type: bool
  tags:
    description: Tags of the new instance.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Returns what would be restored, and fails where the restoration is impossible.
    support: full
  diff_mode:
    description: Shows the request.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Restore the newest data beside the instance
  table_order.infra.rds_restore:
    db_instance_identifier: table-order-db-recovery
    source_db_instance_identifier: table-order-db
    db_subnet_group_name: table-order-db-subnet-group
    vpc_security_group_ids: [sg-0123456789abcdef0]

- name: Restore a deleted instance to a time
  table_order.infra.rds_restore:
    db_instance_identifier: table-order-db
    source_db_instance_identifier: table-order-db
    to: "2026-11-28T12:00:00Z"
"""

RETURN = r"""
restored_from:
  description: The source, such as C(instance db-ABC), C(retained backups of db-ABC) or C(snapshot NAME).
  returned: always
  type: str
  sample: instance db-ABCDEFGHIJKL
restore_point:
  description: All data up to this time (UTC) is restored.
  returned: always
  type: str
  sample: "2026-11-28T12:00:00Z"
earliest:
  description: The earliest restorable time; empty where RDS names none.
  returned: always
  type: str
  sample: "2026-11-21T03:10:00Z"
latest:
  description: The latest restorable time; empty for a snapshot.
  returned: always
  type: str
  sample: "2026-11-28T12:00:00Z"
passed_over:
  description: With V(latest), newer snapshots of the source that were taken by hand.
  returned: always
  type: list
  elements: str
  sample: []
dbi_resource_id:
  description: Resource id of the new instance, which a rename does not change; empty in check mode.
  returned: always
  type: str
  sample: db-ABCDEFGHIJKL
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

# Option: the API's member.
SETTINGS = {
    "db_instance_class": "DBInstanceClass",
    "port": "Port",
    "availability_zone": "AvailabilityZone",
    "multi_az": "MultiAZ",
    "publicly_accessible": "PubliclyAccessible",
    "db_subnet_group_name": "DBSubnetGroupName",
    "vpc_security_group_ids": "VpcSecurityGroupIds",
    "db_parameter_group_name": "DBParameterGroupName",
    "backup_retention_period": "BackupRetentionPeriod",
    "preferred_backup_window": "PreferredBackupWindow",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "deletion_protection": "DeletionProtection",
}
TYPES = {"port": "int", "backup_retention_period": "int"}
FLAGS = (
    "multi_az",
    "publicly_accessible",
    "auto_minor_version_upgrade",
    "copy_tags_to_snapshot",
    "deletion_protection",
)
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "db_instance_identifier": {"type": "str", "required": True},
    "source_db_instance_identifier": {"type": "str", "required": True},
    "to": {"type": "str", "default": "latest"},
    "tags": {"type": "dict", "default": {}},
    **{name: {"type": TYPES.get(name, "bool" if name in FLAGS else "str")} for name in SETTINGS},
    "vpc_security_group_ids": {"type": "list", "elements": "str"},
}
# As aws_database's removal and deploy.yml name their snapshots.
OWN = r"-(final|before-migration)-\d{14}"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


class RestoreError(Exception):
    """An impossible restoration; the message names what is possible."""


@dataclass(frozen=True)
class Source:
    """What is restored: the API's words for it, the time of its data, and the instance, if it is there.

    ``own`` says whether ``latest`` may choose it, ``passed_over`` names newer ones that it may not.
    """

    name: str
    point: datetime
    request: dict[str, Any]
    earliest: datetime | None = None
    latest: datetime | None = None
    instance: dict[str, Any] = field(default_factory=dict)
    own: bool = True
    passed_over: list[str] = field(default_factory=list)


def text(time: datetime | None) -> str:
    """Return a time as RDS takes it, in UTC; empty without one."""
    from datetime import UTC

    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""


def find(client: Any, identifier: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance as RDS reports it; empty without one."""
    try:
        return client.describe_db_instances(DBInstanceIdentifier=identifier, aws_retry=True)["DBInstances"][0]
    except client.exceptions.DBInstanceNotFoundFault:
        return {}


def pages(call: Any, key: str, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the entries of all pages of a Describe call."""
    found, marker = [], {}
    while True:
        answer = call(aws_retry=True, **arguments, **marker)
        found += answer[key]
        if not answer.get("Marker"):
            return found
        marker = {"Marker": answer["Marker"]}


def windows(client: Any, identifier: str, instance: dict[str, Any]) -> list[Source]:  # noqa: ANN401
    """Return the restorable windows of an instance that is there, or else of those with its name that are deleted."""
    # Asked for a name, RDS wants an instance that is there.
    backups = [
        one
        for one in pages(client.describe_db_instance_automated_backups, "DBInstanceAutomatedBackups")
        if one["DBInstanceIdentifier"] == identifier
    ]
    if instance:
        resource = instance["DbiResourceId"]
        window = next((one for one in backups if one.get("DbiResourceId") == resource), {})
        latest = instance.get("LatestRestorableTime")
        earliest = window.get("RestoreWindow", {}).get("EarliestTime")
        request = {"SourceDBInstanceIdentifier": identifier}
        return [Source(f"instance {resource}", latest, request, earliest, latest, instance)] if latest else []
    found = []
    for one in backups:
        window = one.get("RestoreWindow", {})
        if one["Status"] == "retained" and window.get("LatestTime"):
            name = f"retained backups of {one['DbiResourceId']}"
            request = {"SourceDbiResourceId": one["DbiResourceId"]}
            latest = window["LatestTime"]
            found.append(Source(name, latest, request, window.get("EarliestTime"), latest))
    return found


def snapshots(client: Any, instance: dict[str, Any], **which: str) -> list[Source]:  # noqa: ANN401
    """Return the available snapshots, of an instance or of a name."""
    try:
        found = pages(client.describe_db_snapshots, "DBSnapshots", **which)
    except client.exceptions.DBSnapshotNotFoundFault:
        return []
    return [
        Source(
            f"snapshot {one['DBSnapshotIdentifier']}",
            # Of a copy, the other time is that of the copying.
            one.get("OriginalSnapshotCreateTime") or one["SnapshotCreateTime"],
            {"DBSnapshotIdentifier": one["DBSnapshotIdentifier"]},
            instance=instance,
            own=is_own(one),
        )
        for one in found
        if one["Status"] == "available"
    ]


def is_own(snapshot: dict[str, Any]) -> bool:
    """Return whether RDS itself, a removal or a deployment took the snapshot."""
    name = re.escape(snapshot["DBInstanceIdentifier"]) + OWN
    return snapshot.get("SnapshotType") == "automated" or bool(
        re.fullmatch(name, snapshot["DBSnapshotIdentifier"], re.ASCII)
    )


def known(identifier: str, restorable: list[Source]) -> str:
    """Return a sentence about what is restorable."""
    if not restorable:
        return (
            f"There is nothing to restore of {identifier}: no instance with a restorable time (a new or restored one has none "
            "before its first automated backup), no retained backups and no snapshot."
        )
    listed = "; ".join(
        f"{one.name}: {text(one.earliest) or 'its first backup'} to {text(one.latest)}"
        if one.latest
        else f"{one.name}: {text(one.point)}"
        for one in sorted(restorable, key=lambda one: one.point, reverse=True)[:10]
    )
    return f"Restorable of {identifier}: {listed}."


def choose(client: Any, identifier: str, to: str) -> Source:  # noqa: ANN401
    """Return the source for the option ``to``. Raises RestoreError where there is none."""
    instance = find(client, identifier)
    if to != "latest" and not TIME.fullmatch(to):
        named = snapshots(client, instance, DBSnapshotIdentifier=to)
        if named:
            return named[0]
    times = windows(client, identifier, instance)
    restorable = times + snapshots(client, instance, DBInstanceIdentifier=identifier)
    if to == "latest":
        # An instance that is there has newer data than all of its snapshots.
        offered = times if instance else [one for one in restorable if one.own]
        newest = max(offered, key=lambda one: one.point, default=None)
        if newest:
            latest = {"UseLatestRestorableTime": True} if newest.latest else {}
            newer = [one.name for one in restorable if not one.own and one.point > newest.point]
            return replace(
                newest, request=newest.request | latest, passed_over=[] if instance else sorted(newer)
            )
    if TIME.fullmatch(to):
        wanted = datetime.fromisoformat(to)
        for one in times:
            if (one.earliest is None or one.earliest <= wanted) and wanted < one.latest:
                return replace(one, point=wanted, request=one.request | {"RestoreTime": wanted})
    raise RestoreError(
        f"to is {to}. Accepted: latest, a restorable time such as 2026-11-28T12:00:00Z, or an available snapshot. "
        f"{known(identifier, restorable)}"
    )


def carried(instance: dict[str, Any], from_time: bool) -> dict[str, Any]:
    """Return the source's settings that a request can name and the options do not."""
    found: dict[str, Any] = {}
    if instance.get("EnabledCloudwatchLogsExports"):
        found["EnableCloudwatchLogsExports"] = instance["EnabledCloudwatchLogsExports"]
    if instance.get("CACertificateIdentifier"):
        found["CACertificateIdentifier"] = instance["CACertificateIdentifier"]
    if instance.get("IAMDatabaseAuthenticationEnabled"):
        found["EnableIAMDatabaseAuthentication"] = True
    # Otherwise RDS enrols the new instance in Extended Support, at a multiple of its price.
    if instance.get("EngineLifecycleSupport"):
        found["EngineLifecycleSupport"] = instance["EngineLifecycleSupport"]
    if instance.get("MaxAllocatedStorage") and from_time:
        found["MaxAllocatedStorage"] = instance["MaxAllocatedStorage"]
    return found


def restore(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Start the restoration unless it has begun; returns the module's result. Raises RestoreError and botocore's errors."""
    options = module.params
    target = options["db_instance_identifier"].lower()
    there = find(client, target)
    tags = {one["Key"]: one["Value"] for one in there.get("TagList", [])}
    if there:
        begun = tags.get("RestoredFrom", "")
        # Its source may be renamed or gone by now.
        if not begun:
            raise RestoreError(
                f"{target} exists, and no restoration made it. Rename or delete it, then run the same command again."
            )
        if options["to"] not in ("latest", tags.get("RestoredTo"), begun.removeprefix("snapshot ")):
            raise RestoreError(
                f"{target} is restored from {begun} to {tags.get('RestoredTo')}, not to {options['to']}. Finish that "
                f"restoration, or delete {target}."
            )
        return {
            "changed": False,
            "restored_from": begun,
            "restore_point": tags.get("RestoredTo", ""),
            "earliest": "",
            "latest": "",
            "passed_over": [],
            "dbi_resource_id": there["DbiResourceId"],
        }
    source = choose(client, options["source_db_instance_identifier"].lower(), options["to"])
    tags = options["tags"] | {"RestoredFrom": source.name, "RestoredTo": text(source.point)}
    from_time = "DBSnapshotIdentifier" not in source.request
    wanted = {member: options[name] for name, member in SETTINGS.items() if options[name] is not None}
    wanted |= carried(source.instance, from_time) | source.request
    wanted["Tags"] = [{"Key": key, "Value": str(value)} for key, value in tags.items()]
    made: dict[str, Any] = {}
    if not module.check_mode and from_time:
        made = client.restore_db_instance_to_point_in_time(
            TargetDBInstanceIdentifier=target, aws_retry=True, **wanted
        )
    elif not module.check_mode:
        made = client.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=target, aws_retry=True, **wanted
        )
    after = wanted | ({"RestoreTime": text(source.point)} if "RestoreTime" in wanted else {})
    return {
        "changed": True,
        "restored_from": source.name,
        "restore_point": text(source.point),
        "earliest": text(source.earliest),
        "latest": text(source.latest),
        "passed_over": source.passed_over,
        "dbi_resource_id": made.get("DBInstance", {}).get("DbiResourceId", ""),
        "diff": {"before": {}, "after": after},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    name = module.params["db_instance_identifier"]
    try:
        client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = restore(module, client)
    except RestoreError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{name} cannot be restored")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Look at what a person on call wants to know of the service's AWS account."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: account_status_info
short_description: Look at what a person on call wants to know of the service's AWS account
description:
  - Reads the state of the servers, the database, its backups and its pending maintenance, the cache, the alarms, the certificates,
    and who changes the account. One process, all reads at a time, a few seconds also when AWS does not answer.
  - Reads only. A read that fails leaves the others alone, and says why it failed.
options:
  name:
    description: The service's name.
    type: str
    required: true
  environment:
    description: The value of the servers' tag C(Environment).
    type: str
    required: true
  database:
    description: The identifier of the database. Instances whose identifiers begin with it are listed beside it.
    type: str
    required: true
  cache:
    description: The identifier of the cache's replication group.
    type: str
    required: true
  topic:
    description: The name of the alarms' topic. Alarms that notify it are the service's.
    type: str
    required: true
  host_name:
    description: The service's public host name. Certificates of AWS Certificate Manager for that name are listed; empty for none.
    type: str
    default: ""
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
notes:
  - Needs C(acm:ListCertificates) if there is a host name, C(cloudwatch:DescribeAlarms), C(ec2:DescribeInstances),
    C(ec2:DescribeInstanceStatus), C(elasticache:DescribeCacheClusters), C(elasticache:DescribeReplicationGroups),
    C(rds:DescribeCertificates), C(rds:DescribeDBInstanceAutomatedBackups), C(rds:DescribeDBInstances),
    C(rds:DescribeDBSnapshots), C(rds:DescribePendingMaintenanceActions), C(ssm:GetParametersByPath) and
    C(sts:GetCallerIdentity).
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Look at the account
  table_order.infra.account_status_info:
    name: table-order
    environment: production
    database: table-order-db
    cache: table-order-redis
    topic: table-order-alarms
  register: account
"""

RETURN = r"""
region:
  description: The region.
  returned: always
  type: str
  sample: ap-northeast-2
at:
  description: When the reads began, UTC.
  returned: always
  type: str
  sample: "2026-11-28T15:00:00+00:00"
seconds:
  description: How long the reads took.
  returned: always
  type: float
  sample: 0.8
looks:
  description:
    - "Each read by its name: C(account), C(alarms), C(backups), C(cache_nodes), C(caches), C(certificates),
      C(database_authorities), C(databases), C(lock), C(maintenance), C(procedures), C(server_checks), C(servers), C(snapshots)."
    - A read has C(found), or C(error), a sentence that says why nothing is known. C(certificates) is missing without a host name.
    - Times are in ISO 8601, UTC.
  returned: always
  type: dict
  sample:
    alarms: {found: [{name: table-order-ec2-high-cpu, state: OK, reason: "", enabled: true}]}
    maintenance: {error: "AWS denied rds:DescribePendingMaintenanceActions."}
"""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.module_utils.account_forms import Call
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import (
    WORKERS,
    Client,
    Patience,
    Session,
    look,
)

try:
    from botocore.exceptions import BotoCoreError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "database": {"type": "str", "required": True},
    "cache": {"type": "str", "required": True},
    "topic": {"type": "str", "required": True},
    "host_name": {"type": "str", "default": ""},
}
PATIENCE = Patience(attempts=2, connect=2, read=4)
"""The whole screen shall come within ten seconds."""


def calls(options: Mapping[str, Any]) -> dict[str, Call]:
    """Return the reads by name."""
    name, database = options["name"], options["database"]
    tags = {"Project": "table-order", "Environment": options["environment"], "Role": "app-server"}
    found = {
        "account": Call("sts", "get_caller_identity", "Account"),
        "servers": Call(
            "ec2",
            "describe_instances",
            "Reservations[].Instances[].{id: InstanceId, state: State.Name, why: StateTransitionReason, type: InstanceType, "
            "launched: LaunchTime, address: PublicIpAddress}",
            {"Filters": [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]},
        ),
        "databases": Call(
            "rds",
            "describe_db_instances",
            f"DBInstances[?DBInstanceIdentifier == '{database}' || starts_with(DBInstanceIdentifier, '{database}-')]"
            ".{id: DBInstanceIdentifier, state: DBInstanceStatus, type: DBInstanceClass, engine: Engine, version: EngineVersion, "
            "multi_az: MultiAZ, storage: AllocatedStorage, pending: PendingModifiedValues, retention: BackupRetentionPeriod, "
            "restorable: LatestRestorableTime, authority: CertificateDetails.CAIdentifier || CACertificateIdentifier, "
            "certificate: CertificateDetails.ValidTill, made: InstanceCreateTime}",
        ),
        "database_authorities": Call(
            "rds", "describe_certificates", "Certificates[].{id: CertificateIdentifier, until: ValidTill}"
        ),
        "snapshots": Call(
            "rds",
            "describe_db_snapshots",
            "DBSnapshots[].{id: DBSnapshotIdentifier, kind: SnapshotType, state: Status, made: SnapshotCreateTime}",
            {"DBInstanceIdentifier": database},
        ),
        "backups": Call(
            "rds",
            "describe_db_instance_automated_backups",
            "DBInstanceAutomatedBackups[].{state: Status, first: RestoreWindow.EarliestTime, last: RestoreWindow.LatestTime}",
            {"DBInstanceIdentifier": database},
        ),
        "maintenance": Call(
            "rds",
            "describe_pending_maintenance_actions",
            "PendingMaintenanceActions[].PendingMaintenanceActionDetails[].{action: Action, what: Description, "
            "after: AutoAppliedAfterDate, forced: ForcedApplyDate, at: CurrentApplyDate}",
            {"Filters": [{"Name": "db-instance-id", "Values": [database]}]},
        ),
        "caches": Call(
            "elasticache",
            "describe_replication_groups",
            f"ReplicationGroups[?ReplicationGroupId == '{options['cache']}']"
            ".{id: ReplicationGroupId, state: Status, type: CacheNodeType, pending: PendingModifiedValues, "
            "failover: AutomaticFailover}",
        ),
        "cache_nodes": Call(
            "elasticache",
            "describe_cache_clusters",
            f"CacheClusters[?ReplicationGroupId == '{options['cache']}']"
            ".{id: CacheClusterId, state: CacheClusterStatus, engine: Engine, version: EngineVersion}",
        ),
        "alarms": Call(
            "cloudwatch",
            "describe_alarms",
            f"MetricAlarms[?AlarmActions[?ends_with(@, ':{options['topic']}')]]"
            ".{name: AlarmName, state: StateValue, reason: StateReason, since: StateUpdatedTimestamp, enabled: ActionsEnabled}",
        ),
        "lock": Call(
            "ssm",
            "get_parameters_by_path",
            "Parameters[].{name: Name, content: Value, modified: LastModifiedDate}",
            {"Path": f"/{name}/lock/provision"},
        ),
        # Without the values, which belong to the procedures.
        "procedures": Call(
            "ssm",
            "get_parameters_by_path",
            "Parameters[].{name: Name, modified: LastModifiedDate}",
            {"Path": f"/{name}/procedure", "Recursive": True},
        ),
    }
    if options["host_name"]:
        found["certificates"] = Call(
            "acm",
            "list_certificates",
            "CertificateSummaryList[].{id: CertificateArn, name: DomainName, names: SubjectAlternativeNameSummaries, "
            "until: NotAfter, state: Status, used: InUse}",
        )
    return found


def checks_of(servers: list[dict[str, Any]]) -> Call:
    """Return the read of EC2's checks of the servers, and of what AWS plans for them."""
    return Call(
        "ec2",
        "describe_instance_status",
        "InstanceStatuses[].{id: InstanceId, system: SystemStatus.Status, instance: InstanceStatus.Status, "
        "events: Events[].{code: Code, what: Description, after: NotBefore}}",
        {"InstanceIds": [one["id"] for one in servers], "IncludeAllInstances": True},
    )


def covers(certificate: Mapping[str, Any], host_name: str) -> bool:
    """Return whether a certificate is for a host name."""
    names = [certificate["name"], *(certificate["names"] or [])]
    return host_name in names or f"*.{host_name.partition('.')[2]}" in names


def looks(connect: Callable[[str], Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of each read by its name; ``connect`` makes a boto3 client for a service."""
    with ThreadPoolExecutor(WORKERS) as pool:
        client = Client(connect, pool)
        futures = {name: pool.submit(look, client, call) for name, call in calls(options).items()}
        servers = futures["servers"].result()
        if servers.get("found"):
            futures["server_checks"] = pool.submit(look, client, checks_of(servers["found"]))
        found = {name: future.result() for name, future in futures.items()}
    found.setdefault("server_checks", servers if "error" in servers else {"found": []})
    for one in found["lock"].get("found", []):
        one["content"] = json.loads(one["content"])
    if "found" in found.get("certificates", {}):
        listed = found["certificates"]["found"]
        found["certificates"]["found"] = [one for one in listed if covers(one, options["host_name"])]
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    from datetime import UTC  # on the controller: not the least Python of the collection

    begun, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    try:
        session = Session(module, PATIENCE)
    except BotoCoreError as error:
        module.fail_json_aws(error, msg="The account cannot be read")
    found = looks(session.client, module.params)
    seconds = round(time.monotonic() - begun, 3)
    module.exit_json(changed=False, region=session.region, at=at, seconds=seconds, looks=found)


if __name__ == "__main__":
    main()

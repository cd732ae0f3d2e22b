#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Raise the storage of an RDS instance."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_storage
short_description: Raise the storage of an RDS instance
description:
  - Raises the storage of a gp3 PostgreSQL instance to a minimum. Storage never shrinks, and larger storage stays, also if its
    growth still waits for the maintenance window.
  - M(amazon.aws.rds_instance) asks RDS to shrink larger storage, refuses to raise it to 400 GiB or more, and omits the IOPS,
    which RDS requires for a change of 400 GiB or more.
  - RDS refuses another growth while it optimizes the storage after a growth; the module then changes nothing and reports this.
options:
  db_instance_identifier:
    description: The instance. The module ignores a missing instance, and one in creation.
    type: str
    required: true
  allocated_storage:
    description: The minimum size, in GiB.
    type: int
    required: true
  apply_immediately:
    description: Raise the storage at once, not in the maintenance window. The change does not restart the database.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports the change.
    support: full
  diff_mode:
    description: Shows size, IOPS and throughput before and after.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Raise the storage to 100 GiB
  table_order.infra.rds_storage:
    db_instance_identifier: table-order-db
    allocated_storage: 100
"""

RETURN = r"""
allocated_storage:
  description: The size in GiB after the run; 0 without an instance.
  returned: always
  type: int
  sample: 100
waits_for:
  description: The reason of a delayed change; empty without one.
  returned: always
  type: str
  sample: ""
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "db_instance_identifier": {"type": "str", "required": True},
    "allocated_storage": {"type": "int", "required": True},
    "apply_immediately": {"type": "bool", "default": False},
}

# From this size on RDS stripes a gp3 storage of PostgreSQL over four volumes, with four times the minimum performance.
STRIPED_FROM = 400  # GiB
STRIPED_IOPS = 12000  # 1/s
STRIPED_THROUGHPUT = 500  # MiB/s
OPTIMIZING = "storage-optimization"


class StorageError(Exception):
    """A size that RDS refuses; the message names the accepted size."""


def present(instance: dict[str, Any], name: str) -> int:
    """Return a number of the instance, with its pending change if any; 0 without a value."""
    return instance.get("PendingModifiedValues", {}).get(name) or instance.get(name) or 0


def growth(instance: dict[str, Any], minimum: int) -> dict[str, int]:
    """Return the parameters that raise the storage to ``minimum`` GiB: empty if it is large enough. Raises StorageError."""
    actual = present(instance, "AllocatedStorage")
    if minimum <= actual:
        return {}
    least = -(-instance["AllocatedStorage"] * 11 // 10)
    if minimum < least:
        raise StorageError(
            f"The storage has {actual} GiB, and {minimum} GiB were requested. RDS raises it by 10 percent or more: "
            f"request {least} GiB or more, or keep the current size."
        )
    if minimum < STRIPED_FROM:
        return {"AllocatedStorage": minimum}
    return {
        "AllocatedStorage": minimum,
        "Iops": max(STRIPED_IOPS, present(instance, "Iops")),
        "StorageThroughput": max(STRIPED_THROUGHPUT, present(instance, "StorageThroughput")),
    }


def find(client: Any, identifier: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance as RDS reports it; empty without one."""
    try:
        return client.describe_db_instances(DBInstanceIdentifier=identifier, aws_retry=True)["DBInstances"][0]
    except client.exceptions.DBInstanceNotFoundFault:
        return {}


def raise_storage(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Raise a too small storage; returns the module's result. Raises StorageError and botocore's errors."""
    identifier = module.params["db_instance_identifier"].lower()
    instance = find(client, identifier)
    if not instance or instance["DBInstanceStatus"] == "creating":
        return {"changed": False, "allocated_storage": 0, "waits_for": ""}
    wanted = growth(instance, module.params["allocated_storage"])
    size = present(instance, "AllocatedStorage")
    if wanted and instance["DBInstanceStatus"] == OPTIMIZING:
        waits_for = (
            f"{identifier} keeps {size} GiB for now: RDS is optimizing the storage and refuses another growth "
            f"for six hours or until the optimization ends. Then run this command again, for {wanted['AllocatedStorage']} GiB."
        )
        return {"changed": False, "allocated_storage": size, "waits_for": waits_for}
    if wanted and not module.check_mode:
        client.modify_db_instance(
            DBInstanceIdentifier=identifier,
            ApplyImmediately=module.params["apply_immediately"],
            aws_retry=True,
            **wanted,
        )
    return {
        "changed": bool(wanted),
        "allocated_storage": wanted.get("AllocatedStorage", size),
        "waits_for": "",
        "diff": {"before": {name: present(instance, name) for name in wanted}, "after": wanted},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = raise_storage(module, client)
    except StorageError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"The storage of {module.params['db_instance_identifier']} cannot be raised"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Raise the storage of an RDS instance."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
---
module: rds_storage
short_description: Raise the storage of an RDS instance
description:
  - Raises the storage of a gp3 PostgreSQL instance to a minimum. Storage never shrinks, and a larger one is left as it is, also one
    that RDS has yet to make larger in the maintenance window.
  - M(amazon.aws.rds_instance) asks RDS to shrink a storage that has grown, refuses to raise it to 400 GiB or more, and leaves out
    the IOPS, without which RDS refuses a change of 400 GiB or more.
  - While RDS optimizes the storage after a growth it takes no further one; the module then changes nothing and says so.
options:
  db_instance_identifier:
    description: The instance. One that does not exist, or is still being created, is left alone.
    type: str
    required: true
  allocated_storage:
    description: The least size, in GiB.
    type: int
    required: true
  apply_immediately:
    description: Raise it at once, not in the maintenance window. Raising it does not restart the database.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what it would change.
    support: full
  diff_mode:
    description: Shows size, IOPS and throughput before and after.
    support: full
author:
  - Table Order infrastructure
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Raise the storage to 100 GiB
  rds_storage:
    db_instance_identifier: table-order-db
    allocated_storage: 100
"""

RETURN = r"""
allocated_storage:
  description: The size in GiB after the module; 0 where there is no instance yet.
  returned: always
  type: int
  sample: 100
waits_for:
  description: Why the storage is not raised now; empty when nothing is to be raised.
  returned: always
  type: str
  sample: ""
"""

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "db_instance_identifier": {"type": "str", "required": True},
    "allocated_storage": {"type": "int", "required": True},
    "apply_immediately": {"type": "bool", "default": False},
}

# From this size on a gp3 of PostgreSQL is striped over four volumes, and has four times the least performance.
STRIPED_FROM = 400  # GiB
STRIPED_IOPS, STRIPED_THROUGHPUT = 12000, 500  # 1/s, MiB/s
OPTIMIZING = "storage-optimization"


class StorageError(Exception):
    """A size that RDS refuses; the message says which one it takes."""


def present(instance: dict[str, Any], name: str) -> int:
    """Return a number of the instance as it is, or as it will be after a change that is pending; 0 when there is none."""
    return instance.get("PendingModifiedValues", {}).get(name) or instance.get(name) or 0


def growth(instance: dict[str, Any], minimum: int) -> dict[str, int]:
    """Return the parameters that raise the storage to ``minimum`` GiB: empty when it is as large. Raises StorageError."""
    actual = present(instance, "AllocatedStorage")
    if minimum <= actual:
        return {}
    least = -(-instance["AllocatedStorage"] * 11 // 10)
    if minimum < least:
        raise StorageError(
            f"The storage has {actual} GiB, and {minimum} GiB were asked for. RDS raises it by 10 percent or more: "
            f"ask for {least} GiB or more, or leave it as it is."
        )
    if minimum < STRIPED_FROM:
        return {"AllocatedStorage": minimum}
    return {
        "AllocatedStorage": minimum,
        "Iops": max(STRIPED_IOPS, present(instance, "Iops")),
        "StorageThroughput": max(STRIPED_THROUGHPUT, present(instance, "StorageThroughput")),
    }


def find(client: Any, identifier: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance as RDS shows it; empty when there is none."""
    try:
        return client.describe_db_instances(DBInstanceIdentifier=identifier, aws_retry=True)["DBInstances"][0]
    except client.exceptions.DBInstanceNotFoundFault:
        return {}


def raise_storage(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Raise the storage where it is too small; returns the module's result. Raises StorageError and botocore's errors."""
    identifier = module.params["db_instance_identifier"].lower()
    instance = find(client, identifier)
    if not instance or instance["DBInstanceStatus"] == "creating":
        return {"changed": False, "allocated_storage": 0, "waits_for": ""}
    wanted = growth(instance, module.params["allocated_storage"])
    size = present(instance, "AllocatedStorage")
    if wanted and instance["DBInstanceStatus"] == OPTIMIZING:
        waits_for = (
            f"{identifier} keeps {size} GiB for now: RDS is optimizing the storage after the last growth, and takes no further one "
            f"for six hours or until it is done. Run this again then, for {wanted['AllocatedStorage']} GiB."
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

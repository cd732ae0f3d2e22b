#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Rename an RDS instance."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_rename
short_description: Rename an RDS instance
description:
  - Renames the instance with a resource id at once, which restarts it, and does not wait. Call the module until RV(renamed) is
    true. On AWS the new endpoint works after about ten minutes.
  - Finds the instance by its resource id, which no rename changes, so that a repeated or interrupted rename continues.
    M(amazon.aws.rds_instance) fails if the instance has the new name, and may create one if it finds neither name.
  - An instance that does not serve, such as one whose storage is full, is renamed as well. One in a lasting status in which RDS
    changes nothing is refused.
options:
  dbi_resource_id:
    description: Resource id of the instance.
    type: str
    required: true
  new_db_instance_identifier:
    description: The new name. Waits while another instance has it.
    type: str
    required: true
  ignore_missing:
    description: Accept that no instance has the resource id.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports the change.
    support: full
  diff_mode:
    description: Shows the names.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Wait until the instance has its new name
  table_order.infra.rds_rename:
    dbi_resource_id: db-ABCDEFGHIJKL
    new_db_instance_identifier: table-order-db
  register: rename
  until: rename.renamed
  retries: 100
  delay: 15
"""

RETURN = r"""
found:
  description: Whether an instance has the resource id.
  returned: always
  type: bool
renamed:
  description: Whether the instance has the new name and is done with the change, or is missing.
  returned: always
  type: bool
waits_for:
  description: What the rename waits for; empty when done.
  returned: always
  type: str
  sample: table-order-db is renaming
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "dbi_resource_id": {"type": "str", "required": True},
    "new_db_instance_identifier": {"type": "str", "required": True},
    "ignore_missing": {"type": "bool", "default": False},
}
# The instance is busy, or another one still has the name.
LATER = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault", "DBInstanceAlreadyExists")
# A rename passes through these.
CHANGING = ("modifying", "rebooting", "renaming")
# In these RDS refuses a change until a person acts.
LASTING = (
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-restore",
    "restore-error",
    "stopped",
)


class RenameError(Exception):
    """An impossible rename; the message names what is to be done."""


def stuck(name: str, status: str, region: str) -> str:
    """Return why an instance cannot be renamed, and what to do."""
    where = f"--db-instance-identifier {name} --region {region}"
    if status == "stopped":
        advice = f"Start it: aws rds start-db-instance {where}"
    else:
        advice = (
            "Delete it, and keep its automated backups: aws rds delete-db-instance --skip-final-snapshot "
            f"--no-delete-automated-backups {where}"
        )
    return f"{name} is {status}: RDS renames no instance in this status. {advice}"


def rename(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Rename the instance unless it has the name; returns the module's result. Raises RenameError and botocore's errors."""
    resource, new = module.params["dbi_resource_id"], module.params["new_db_instance_identifier"].lower()
    found = client.describe_db_instances(
        Filters=[{"Name": "dbi-resource-id", "Values": [resource]}], aws_retry=True
    )["DBInstances"]
    if not found and module.params["ignore_missing"]:
        return {"changed": False, "found": False, "renamed": True, "waits_for": ""}
    if not found:
        raise RenameError(f"No instance has the resource id {resource}.")
    name, status = found[0]["DBInstanceIdentifier"], found[0]["DBInstanceStatus"]
    if name == new:
        done = status not in CHANGING
        waits_for = "" if done else f"{new} is {status}"
        return {"changed": False, "found": True, "renamed": done, "waits_for": waits_for}
    pending = found[0].get("PendingModifiedValues", {}).get("DBInstanceIdentifier")
    if pending == new and status == "renaming":
        return {"changed": False, "found": True, "renamed": False, "waits_for": f"{name} is {status}"}
    diff = {"before": {"DBInstanceIdentifier": name}, "after": {"DBInstanceIdentifier": new}}
    if module.check_mode:
        return {"changed": True, "found": True, "renamed": True, "waits_for": "", "diff": diff}
    try:
        client.modify_db_instance(
            DBInstanceIdentifier=name, NewDBInstanceIdentifier=new, ApplyImmediately=True, aws_retry=True
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in LATER:
            raise
        if status in LASTING and error.response["Error"]["Code"] != "DBInstanceAlreadyExists":
            raise RenameError(stuck(name, status, module.region)) from error
        waits_for = error.response["Error"]["Message"]
        return {"changed": False, "found": True, "renamed": False, "waits_for": waits_for}
    return {
        "changed": True,
        "found": True,
        "renamed": False,
        "waits_for": f"{name} becomes {new}",
        "diff": diff,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = rename(module, client)
    except RenameError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{module.params['dbi_resource_id']} cannot be renamed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

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
options:
  dbi_resource_id:
    description: Resource id of the instance.
    type: str
    required: true
  new_db_instance_identifier:
    description: The new name. Waits while another instance has it.
    type: str
    required: true
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
renamed:
  description: Whether the instance is available under the new name.
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
}
# The instance is busy, or another one still has the name.
LATER = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault", "DBInstanceAlreadyExists")
SERVING = ("available", "storage-optimization")


def rename(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Rename the instance unless it has the name; returns the module's result. Raises LookupError and botocore's errors."""
    resource, new = module.params["dbi_resource_id"], module.params["new_db_instance_identifier"].lower()
    found = client.describe_db_instances(
        Filters=[{"Name": "dbi-resource-id", "Values": [resource]}], aws_retry=True
    )["DBInstances"]
    if not found:
        raise LookupError(f"No instance has the resource id {resource}.")
    name, status = found[0]["DBInstanceIdentifier"], found[0]["DBInstanceStatus"]
    if name == new:
        done = status in SERVING
        return {"changed": False, "renamed": done, "waits_for": "" if done else f"{new} is {status}"}
    pending = found[0].get("PendingModifiedValues", {}).get("DBInstanceIdentifier")
    if pending == new and status == "renaming":
        return {"changed": False, "renamed": False, "waits_for": f"{name} is {status}"}
    diff = {"before": {"DBInstanceIdentifier": name}, "after": {"DBInstanceIdentifier": new}}
    if module.check_mode:
        return {"changed": True, "renamed": True, "waits_for": "", "diff": diff}
    try:
        client.modify_db_instance(
            DBInstanceIdentifier=name, NewDBInstanceIdentifier=new, ApplyImmediately=True, aws_retry=True
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in LATER:
            raise
        return {"changed": False, "renamed": False, "waits_for": error.response["Error"]["Message"]}
    return {"changed": True, "renamed": False, "waits_for": f"{name} becomes {new}", "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = rename(module, client)
    except LookupError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{module.params['dbi_resource_id']} cannot be renamed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

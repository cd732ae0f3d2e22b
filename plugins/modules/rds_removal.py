#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Delete an RDS instance, with or without its backups."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_removal
short_description: Delete an RDS instance, with or without its backups
description:
  - Starts the deletion of an instance and does not wait for it. Retains its automated backups, or deletes them, also those that RDS
    has retained of deleted instances with the same name.
  - M(amazon.aws.rds_instance) always deletes the automated backups.
options:
  db_instance_identifier:
    description: The instance. The module ignores a missing one, and one in deletion.
    type: str
    required: true
  final_db_snapshot_identifier:
    description: Name of the final snapshot. Empty takes none.
    type: str
    default: ""
  delete_automated_backups:
    description: Delete the automated backups. Otherwise RDS retains them until they expire.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports the deletion.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Delete the instance, and keep its data
  table_order.infra.rds_removal:
    db_instance_identifier: table-order-db
    final_db_snapshot_identifier: table-order-db-final-20261128120000
"""

RETURN = r"""
deleted:
  description: The instance and the retained backups whose deletion this run has requested.
  returned: always
  type: list
  elements: str
  sample: [table-order-db]
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
    "final_db_snapshot_identifier": {"type": "str", "default": ""},
    "delete_automated_backups": {"type": "bool", "default": False},
}


def deletable(client: Any, identifier: str) -> bool:  # noqa: ANN401
    """Return whether the instance is there, and not in deletion."""
    try:
        found = client.describe_db_instances(DBInstanceIdentifier=identifier, aws_retry=True)["DBInstances"]
    except client.exceptions.DBInstanceNotFoundFault:
        return False
    return found[0]["DBInstanceStatus"] != "deleting"


def retained(client: Any, identifier: str) -> list[str]:  # noqa: ANN401
    """Return the resource ids of deleted instances with this name whose backups RDS has retained."""
    found, marker = [], {}
    while True:
        # Asked for a name, RDS wants an instance that is there.
        answer = client.describe_db_instance_automated_backups(aws_retry=True, **marker)
        found += [
            one["DbiResourceId"]
            for one in answer["DBInstanceAutomatedBackups"]
            if one["Status"] == "retained" and one["DBInstanceIdentifier"] == identifier
        ]
        if not answer.get("Marker"):
            return found
        marker = {"Marker": answer["Marker"]}


def remove(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:  # noqa: ANN401
    """Request the deletions; returns the module's result. Raises botocore's errors."""
    identifier = module.params["db_instance_identifier"].lower()
    final = module.params["final_db_snapshot_identifier"]
    too = module.params["delete_automated_backups"]
    deleted = [identifier] if deletable(client, identifier) else []
    if deleted and not module.check_mode:
        snapshot = {"FinalDBSnapshotIdentifier": final} if final else {}
        client.delete_db_instance(
            DBInstanceIdentifier=identifier,
            SkipFinalSnapshot=not final,
            DeleteAutomatedBackups=too,
            aws_retry=True,
            **snapshot,
        )
    for resource in retained(client, identifier) if too else []:
        deleted.append(resource)
        if not module.check_mode:
            client.delete_db_instance_automated_backup(DbiResourceId=resource, aws_retry=True)
    return {"changed": bool(deleted), "deleted": deleted}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = remove(module, client)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"{module.params['db_instance_identifier']} cannot be deleted")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

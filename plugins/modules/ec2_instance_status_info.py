#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read the status checks of EC2 instances."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_instance_status_info
short_description: Read the status checks of EC2 instances
description:
  - Returns the results of EC2's two checks for each instance, also for an instance that EC2 does not know yet.
options:
  instance_ids:
    description:
      - The instances to read.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Wait until both checks pass
  table_order.infra.ec2_instance_status_info:
    instance_ids: [i-0123456789abcdef0]
  register: checks
  until: checks.statuses | rejectattr('passed') | length == 0
  retries: 60
  delay: 15
"""

RETURN = r"""
statuses:
  description: The two checks of each requested instance, in that order, and whether both passed.
  returned: always
  type: list
  elements: dict
  sample:
    - instance_id: i-0123456789abcdef0
      system: ok
      instance: initializing
      passed: false
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_ids": {"type": "list", "elements": "str", "required": True}
}


def statuses(found: list[dict[str, Any]], instance_ids: list[str]) -> list[dict[str, Any]]:
    """Return the checks of each instance; ``unknown`` for an instance that AWS does not report."""
    by_id = {one["InstanceId"]: one for one in found}
    rows = []
    for instance_id in instance_ids:
        one = by_id.get(instance_id, {})
        system = one.get("SystemStatus", {}).get("Status", "unknown")
        instance = one.get("InstanceStatus", {}).get("Status", "unknown")
        passed = system == instance == "ok"
        rows.append({"instance_id": instance_id, "system": system, "instance": instance, "passed": passed})
    return rows


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    instance_ids = module.params["instance_ids"]
    try:
        client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        answer = client.describe_instance_status(
            IncludeAllInstances=True,
            InstanceIds=instance_ids,
            aws_retry=True,
        )
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The status checks of {', '.join(instance_ids)} cannot be read")
    module.exit_json(changed=False, statuses=statuses(answer["InstanceStatuses"], instance_ids))


if __name__ == "__main__":
    main()

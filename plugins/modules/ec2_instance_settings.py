#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Set the detailed monitoring and the CPU credits of an existing EC2 instance."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_instance_settings
short_description: Set the detailed monitoring and the CPU credits of an existing EC2 instance
description:
  - M(amazon.aws.ec2_instance) sets both at the creation only.
options:
  instance_id:
    description: The instance.
    type: str
    required: true
  detailed_monitoring:
    description: Whether CloudWatch gets the metrics each minute, at a price, and not each five minutes.
    type: bool
    required: true
  cpu_credits:
    description: Whether a burstable instance without credits is slowed down (V(standard)), or billed for more (V(unlimited)).
    type: str
    choices: [standard, unlimited]
    required: true
attributes:
  check_mode:
    description: Reports the changes.
    support: full
  diff_mode:
    description: Shows the settings before and after.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Set the monitoring and the credits of the server
  table_order.infra.ec2_instance_settings:
    instance_id: i-0123456789abcdef0
    detailed_monitoring: false
    cpu_credits: standard
"""

RETURN = r"""
settings:
  description: The settings after the run. An instance that is not burstable has no C(cpu_credits), and gets none.
  returned: success
  type: dict
  sample: {detailed_monitoring: false, cpu_credits: standard}
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "instance_id": {"type": "str", "required": True},
    "detailed_monitoring": {"type": "bool", "required": True},
    "cpu_credits": {"type": "str", "choices": ["standard", "unlimited"], "required": True},
}


def present(ec2: Any, instance_id: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the instance's settings; without credits if it is not burstable."""
    one = {"InstanceIds": [instance_id]}
    instance = ec2.describe_instances(**one, aws_retry=True)["Reservations"][0]["Instances"][0]
    found = ec2.describe_instance_credit_specifications(**one, aws_retry=True)["InstanceCreditSpecifications"]
    # What is not yet enabled or disabled will be.
    settings = {"detailed_monitoring": instance["Monitoring"]["State"] in ("enabled", "pending")}
    return settings | ({"cpu_credits": found[0]["CpuCredits"]} if found else {})


def configure(module: AnsibleAWSModule, ec2: Any) -> dict[str, Any]:  # noqa: ANN401
    """Set what differs; returns the module's result. Raises botocore's errors."""
    instance_id = module.params["instance_id"]
    before = present(ec2, instance_id)
    after = {name: module.params[name] for name in before}
    different = {name for name in before if before[name] != after[name]}
    if "detailed_monitoring" in different and not module.check_mode:
        method = ec2.monitor_instances if after["detailed_monitoring"] else ec2.unmonitor_instances
        method(InstanceIds=[instance_id], aws_retry=True)
    if "cpu_credits" in different and not module.check_mode:
        wanted = {"InstanceId": instance_id, "CpuCredits": after["cpu_credits"]}
        answer = ec2.modify_instance_credit_specification(
            InstanceCreditSpecifications=[wanted], aws_retry=True
        )
        for refused in answer["UnsuccessfulInstanceCreditSpecifications"]:
            module.fail_json(
                msg=f"EC2 does not set the CPU credits of {instance_id}: {refused['Error']['Message']}"
            )
    return {"changed": bool(different), "settings": after, "diff": {"before": before, "after": after}}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        ec2 = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = configure(module, ec2)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(
            error, msg=f"The settings of {module.params['instance_id']} cannot be read or set"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()

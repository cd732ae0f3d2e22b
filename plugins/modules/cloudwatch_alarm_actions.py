#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Enable or disable the actions of CloudWatch alarms."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_alarm_actions
short_description: Enable or disable the actions of CloudWatch alarms
description:
  - An alarm with disabled actions changes its state, and notifies no one.
  - M(amazon.aws.cloudwatch_metric_alarm) does not compare this property of an existing alarm.
options:
  alarm_names:
    description: The alarms. The module ignores missing ones.
    type: list
    elements: str
    required: true
  enabled:
    description: Whether the alarms act.
    type: bool
    default: true
attributes:
  check_mode:
    description: Reports the change.
    support: full
  diff_mode:
    description: Shows whether each changed alarm acts, before and after.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Enable the actions of an alarm
  table_order.infra.cloudwatch_alarm_actions:
    alarm_names: [table-order-rds-low-storage]
"""

RETURN = r"""
alarm_names:
  description: The alarms that the module has changed, or would change.
  returned: success
  type: list
  elements: str
  sample: [table-order-rds-low-storage]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "alarm_names": {"type": "list", "elements": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
}
AT_ONCE = 100
"""Names that CloudWatch takes in one call."""


def switch(module: AnsibleAWSModule, cloudwatch: Any) -> dict[str, Any]:  # noqa: ANN401
    """Enable or disable the actions of the alarms that differ; returns the module's result. Raises botocore's errors."""
    names, enabled = module.params["alarm_names"], module.params["enabled"]
    parts = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    found = [
        alarm
        for part in parts
        for alarms in [cloudwatch.describe_alarms(AlarmNames=part, MaxRecords=AT_ONCE, aws_retry=True)]
        for alarm in [*alarms.get("MetricAlarms", []), *alarms.get("CompositeAlarms", [])]
    ]
    differ = sorted(alarm["AlarmName"] for alarm in found if alarm["ActionsEnabled"] != enabled)
    if differ and not module.check_mode:
        change = cloudwatch.enable_alarm_actions if enabled else cloudwatch.disable_alarm_actions
        for start in range(0, len(differ), AT_ONCE):
            change(AlarmNames=differ[start : start + AT_ONCE], aws_retry=True)
    diff = {
        side: dict.fromkeys(differ, value) for side, value in (("before", not enabled), ("after", enabled))
    }
    return {"changed": bool(differ), "alarm_names": differ, "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        cloudwatch = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        result = switch(module, cloudwatch)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="The actions of the alarms cannot be switched")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

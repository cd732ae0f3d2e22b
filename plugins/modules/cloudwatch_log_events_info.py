#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read the events of a CloudWatch log group."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_log_events_info
short_description: Read the events of a CloudWatch log group
description:
  - Returns the messages of all streams of a log group in a span of time, oldest first. No collection has a module for them.
options:
  log_group_name:
    description: The log group. A missing group has no messages.
    type: str
    required: true
  start_time:
    description: Begin of the span in UTC, such as V(2026-11-28T12:00:00Z).
    type: str
    required: true
  filter_pattern:
    description: A filter pattern of CloudWatch Logs, such as V("app.orders") with its quotation marks.
    type: str
    default: ""
  most:
    description: How many messages to read at most, the oldest; 0 for all.
    type: int
    default: 0
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Read the orders of the last hour
  table_order.infra.cloudwatch_log_events_info:
    log_group_name: /aws/ec2/table-order/fastapi
    start_time: "2026-11-28T12:00:00Z"
    filter_pattern: '"app.orders"'
"""

RETURN = r"""
messages:
  description: The messages.
  returned: always
  type: list
  elements: str
  sample: ['{"message": "order"}']
exists:
  description: Whether there is such a log group.
  returned: always
  type: bool
complete:
  description: Whether all messages were read.
  returned: always
  type: bool
"""

from datetime import datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "log_group_name": {"type": "str", "required": True},
    "start_time": {"type": "str", "required": True},
    "filter_pattern": {"type": "str", "default": ""},
    "most": {"type": "int", "default": 0},
}


def read(client: Any, group: str, start: datetime, pattern: str, most: int = 0) -> dict[str, Any]:  # noqa: ANN401
    """Return the messages since ``start``, oldest first, as the module's result. Raises botocore's errors."""
    found: list[tuple[int, str]] = []
    request = {"logGroupName": group, "startTime": int(start.timestamp() * 1000)}
    request |= {"filterPattern": pattern} if pattern else {}
    while True:
        try:
            answer = client.filter_log_events(aws_retry=True, **request)
        except client.exceptions.ResourceNotFoundException:
            return {"messages": [], "exists": False, "complete": True}
        found += [(event["timestamp"], event["message"]) for event in answer["events"]]
        enough = bool(most) and len(found) >= most
        if enough or not answer.get("nextToken"):
            messages = [message for _time, message in sorted(found, key=lambda event: event[0])]
            return {"messages": messages[: most or None], "exists": True, "complete": not enough}
        request["nextToken"] = answer["nextToken"]


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    try:
        start = datetime.fromisoformat(options["start_time"])
    except ValueError:
        module.fail_json(
            msg=f"start_time is {options['start_time']}. Accepted: a time such as 2026-11-28T12:00:00Z."
        )
    try:
        client = module.client("logs", retry_decorator=AWSRetry.jittered_backoff(retries=8))
        found = read(client, options["log_group_name"], start, options["filter_pattern"], options["most"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The log group {options['log_group_name']} cannot be read")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Read values of CloudWatch metrics."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_metrics_info
short_description: Read values of CloudWatch metrics
description:
  - Returns the values of metrics in the last days, one for each period. No module of C(amazon.aws) reads them.
options:
  metrics:
    description:
      - The metrics to read, at most 500.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A name for the result. Metrics of the same name give one list.
        type: str
        required: true
      namespace:
        description: The namespace, for example V(AWS/EC2).
        type: str
        required: true
      metric:
        description: The name of the metric in CloudWatch.
        type: str
        required: true
      dimensions:
        description: All dimensions of the metric, by name.
        type: dict
        default: {}
      statistic:
        description: What to make of the values within a period.
        type: str
        default: Average
  days:
    description: How many days to read, until now.
    type: int
    default: 14
  period:
    description: The length of a period in seconds, a multiple of 60.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
notes:
  - Needs C(cloudwatch:GetMetricData).
author: Table Order Infrastructure (@table-order)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Read the CPU of a server
  table_order.infra.cloudwatch_metrics_info:
    metrics:
      - name: cpu
        namespace: AWS/EC2
        metric: CPUUtilization
        dimensions: {InstanceId: i-0123456789abcdef0}
  register: measured
"""

RETURN = r"""
metrics:
  description:
    - The values of each metric by the name given to it, oldest first, each with the time at which its period begins (seconds since
      1970). A period without values is left out, and a metric without any has an empty list.
  returned: always
  type: dict
  sample: {cpu: [[1795824000, 12.5], [1795827600, 14.1]]}
days:
  description: How many days were read.
  returned: always
  type: int
  sample: 14
period:
  description: The length of a period in seconds.
  returned: always
  type: int
  sample: 3600
"""

from datetime import datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # AnsibleAWSModule reports it

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "metrics": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "metric": {"type": "str", "required": True},
            "dimensions": {"type": "dict", "default": {}},
            "statistic": {"type": "str", "default": "Average"},
        },
    },
    "days": {"type": "int", "default": 14},
    "period": {"type": "int", "default": 3600},
}
Values = list[tuple[int, float]]


def queries(metrics: list[dict[str, Any]], period: int) -> list[dict[str, Any]]:
    """Return the metrics as GetMetricData asks for them; an id is the place in the list."""
    return [
        {
            "Id": f"m{place}",
            "MetricStat": {
                "Metric": {
                    "Namespace": one["namespace"],
                    "MetricName": one["metric"],
                    "Dimensions": [
                        {"Name": name, "Value": str(value)} for name, value in one["dimensions"].items()
                    ],
                },
                "Period": period,
                "Stat": one["statistic"],
            },
        }
        for place, one in enumerate(metrics)
    ]


@AWSRetry.jittered_backoff(retries=8)
def read(
    client: Any,  # noqa: ANN401 - boto3 makes its classes at run time
    metrics: list[dict[str, Any]],
    days: int,
    period: int,
) -> dict[str, Values]:
    """Return the values of each metric, whole periods only."""
    from datetime import UTC

    end = int(datetime.now(tz=UTC).timestamp()) // period * period
    window = {
        "StartTime": datetime.fromtimestamp(end, tz=UTC) - timedelta(days=days),
        "EndTime": datetime.fromtimestamp(end, tz=UTC),
    }
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries(metrics, period), ScanBy="TimestampAscending", **window
    )
    found: dict[str, Values] = {one["name"]: [] for one in metrics}
    for page in pages:
        for one in page["MetricDataResults"]:
            name = metrics[int(one["Id"][1:])]["name"]
            times = (int(time.timestamp()) for time in one["Timestamps"])
            found[name] += zip(times, one["Values"], strict=True)
    return {name: sorted(values) for name, values in found.items()}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    found: dict[str, Values] = {}
    try:
        if options["metrics"]:
            found = read(module.client("cloudwatch"), options["metrics"], options["days"], options["period"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="The metrics cannot be read")
    module.exit_json(changed=False, metrics=found, days=options["days"], period=options["period"])


if __name__ == "__main__":
    main()

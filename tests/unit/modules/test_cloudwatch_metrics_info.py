"""Values of metrics are read by name, whole periods, in order, all pages, and a failure is no empty list."""

import json
from datetime import UTC, datetime

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.modules import cloudwatch_metrics_info as module
from botocore.stub import ANY, Stubber

METRICS = [
    {"name": "cpu", "namespace": "AWS/EC2", "metric": "CPUUtilization", "dimensions": {"InstanceId": "i-1"}},
    {"name": "disk", "namespace": "CWAgent", "metric": "disk_used_percent", "statistic": "Maximum"},
    {"name": "disk", "namespace": "CWAgent", "metric": "disk_used_percent", "dimensions": {"fstype": "ext4"}},
]


@pytest.fixture
def stub(monkeypatch):
    client = boto3.client(
        "cloudwatch", region_name="ap-northeast-2", aws_access_key_id="unit", aws_secret_access_key="unit"
    )
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service: client)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def read(capsys):
    def run(metrics, **options):
        with (
            patch_module_args({"region": "ap-northeast-2", "metrics": metrics, **options}),
            pytest.raises(SystemExit),
        ):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run


def result(place, *values):
    times = [datetime.fromtimestamp(time, tz=UTC) for time, _value in values]
    return {"Id": f"m{place}", "Timestamps": times, "Values": [value for _time, value in values]}


def test_values_are_those_of_all_pages_by_name_in_their_order(stub, read):
    asked = {"MetricDataQueries": ANY, "ScanBy": "TimestampAscending", "StartTime": ANY, "EndTime": ANY}
    first = {"MetricDataResults": [result(0, (3600, 1.5)), result(2, (7200, 41.0))], "NextToken": "more"}
    stub.add_response("get_metric_data", first, asked)
    last = {"MetricDataResults": [result(0, (7200, 2.0)), result(1, (3600, 40.0))]}
    stub.add_response("get_metric_data", last, asked | {"NextToken": "more"})
    found = read(METRICS)
    assert found["metrics"] == {"cpu": [[3600, 1.5], [7200, 2.0]], "disk": [[3600, 40.0], [7200, 41.0]]}
    assert (found["changed"], found["days"], found["period"]) == (False, 14, 3600)


def test_a_metric_is_asked_for_as_it_is_given():
    one = module.queries([{"statistic": "Average", **METRICS[0]}], 300)[0]["MetricStat"]
    assert one["Metric"] == {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    }
    assert (one["Period"], one["Stat"]) == (300, "Average")


def test_no_metric_needs_no_request(stub, read):
    assert read([])["metrics"] == {}


def test_a_denied_read_fails_with_its_reason(stub, read):
    stub.add_client_error(
        "get_metric_data", "AccessDenied", "not authorized to perform: cloudwatch:GetMetricData"
    )
    found = read(METRICS)
    assert found["failed"]
    assert "cloudwatch:GetMetricData" in found["msg"]

"""Alarms whose actions were disabled by hand act again."""

import pytest
from ansible_collections.table_order.infra.plugins.modules import cloudwatch_alarm_actions

from tests.unit.local_cloud.conftest import REGION, client, cloud, url
from tests.unit.roles.modules import run

__all__ = ["client", "cloud", "url"]
NAMES = ["table-order-cpu", "table-order-storage"]


@pytest.fixture
def cloudwatch(client):
    """CloudWatch with two alarms."""
    cloudwatch = client("cloudwatch")
    for name in NAMES:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=300,
            Statistic="Average",
            Threshold=80.0,
        )
    yield cloudwatch
    cloudwatch.delete_alarms(AlarmNames=NAMES)


@pytest.fixture
def switch(url, capsys):
    """A function that runs the module."""
    connection = {"endpoint_url": url, "region": REGION, "access_key": "nobody", "secret_key": "nobody"}

    def run_module(check=False, **options):
        return run(cloudwatch_alarm_actions, capsys, check=check, **options, **connection)

    return run_module


def acting(cloudwatch) -> list[str]:
    """Return the names of the alarms that act."""
    found = cloudwatch.describe_alarms(AlarmNames=NAMES)["MetricAlarms"]
    return sorted(alarm["AlarmName"] for alarm in found if alarm["ActionsEnabled"])


def test_only_the_silent_alarm_is_changed_and_a_second_run_changes_nothing(cloudwatch, switch):
    cloudwatch.disable_alarm_actions(AlarmNames=NAMES[1:])
    result = switch(alarm_names=[*NAMES, "missing"])
    assert (result["changed"], result["alarm_names"]) == (True, NAMES[1:])
    assert result["diff"] == {"before": {NAMES[1]: False}, "after": {NAMES[1]: True}}
    assert acting(cloudwatch) == NAMES
    assert not switch(alarm_names=NAMES)["changed"]


def test_check_mode_only_says_so(cloudwatch, switch):
    cloudwatch.disable_alarm_actions(AlarmNames=NAMES)
    result = switch(check=True, alarm_names=NAMES)
    assert (result["changed"], result["alarm_names"]) == (True, NAMES)
    assert acting(cloudwatch) == []


def test_alarms_are_silenced(cloudwatch, switch):
    assert switch(alarm_names=NAMES, enabled=False)["changed"]
    assert acting(cloudwatch) == []

"""Logs, metrics and alarms."""

import re

from tests.aws_rules.recording import Call, Calls
from tests.aws_rules.registry import Problems, rule

ALARM = "cloudwatch:PutMetricAlarm"
RETENTION_DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922}
RETENTION_DAYS |= {3288, 3653}
INSTANCE_STORE = {"DiskReadBytes", "DiskWriteBytes", "DiskReadOps", "DiskWriteOps"}
GIGABYTE = 10**9


def _dimensions(call: Call) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in call.get("Dimensions", [])}


@rule
def retention_is_a_legal_number_of_days(calls: Calls) -> Problems:
    """InvalidParameterException: 1 validation error detected: Value '6' at 'retentionInDays' failed to
    satisfy constraint: Member must satisfy enum value set
    """
    for call in calls.of("logs:PutRetentionPolicy"):
        if call.get("retentionInDays") not in RETENTION_DAYS:
            yield call, f"retentionInDays is {call.get('retentionInDays')}"


@rule
def every_log_group_gets_a_retention(calls: Calls) -> Problems:
    """Nothing refuses it: without one, logs are kept and paid for ever."""
    kept = {call.get("logGroupName") for call in calls.of("logs:PutRetentionPolicy")}
    for call in calls.of("logs:CreateLogGroup"):
        if call.get("logGroupName") not in kept:
            yield call, f"{call.get('logGroupName')} has no retention"


@rule
def log_groups_are_not_deleted(calls: Calls) -> Problems:
    """Nothing refuses it: overwrite deletes the group with its logs and makes it again."""
    for call in calls.of("logs:DeleteLogGroup"):
        yield call, f"{call.get('logGroupName')} is deleted"


@rule
def alarms_use_metrics_that_a_t3_has(calls: Calls) -> Problems:
    """Nothing refuses it: disk metrics are those of instance stores, and the alarm stays at
    INSUFFICIENT_DATA.
    """
    for call in calls.of(ALARM):
        if call.get("Namespace") == "AWS/EC2" and call.get("MetricName") in INSTANCE_STORE:
            yield call, f"MetricName is {call.get('MetricName')}, a t3 has EBSReadBytes and EBSWriteBytes"


@rule
def the_period_is_legal(calls: Calls) -> Problems:
    """ValidationError: Period must be 10, 20, 30 or a multiple of 60"""
    for call in calls.of(ALARM):
        period = call.get("Period", 60)
        if period not in (10, 20, 30) and (period <= 0 or period % 60):
            yield call, f"Period is {period}"


@rule
def the_period_suits_basic_monitoring(calls: Calls) -> Problems:
    """Nothing refuses it: with a value every five minutes, shorter periods are mostly missing data."""
    for call in calls.of(ALARM):
        checks = call.get("MetricName", "").startswith("StatusCheck")  # reported every minute
        if call.get("Namespace") == "AWS/EC2" and not checks and call.get("Period", 60) < 300:
            yield call, f"Period is {call.get('Period')}"


@rule
def free_storage_is_in_bytes(calls: Calls) -> Problems:
    """Nothing refuses it: a threshold of 2 is two bytes, and the alarm never fires."""
    for call in calls.of(ALARM):
        if call.get("MetricName") != "FreeStorageSpace":
            continue
        if call.get("Threshold", 0) < GIGABYTE:
            yield call, f"Threshold is {call.get('Threshold')}"
        if not call.get("ComparisonOperator", "").startswith("LessThan"):
            yield call, f"ComparisonOperator is {call.get('ComparisonOperator')}"


@rule
def alarms_give_no_unit(calls: Calls) -> Problems:
    """Nothing refuses it: with a unit that the metric is not reported in, the alarm has no data."""
    for call in calls.of(ALARM):
        if call.get("Unit") is not None:
            yield call, f"Unit is {call.get('Unit')}"


@rule
def alarms_have_dimensions_that_exist(calls: Calls) -> Problems:
    """Nothing refuses it: a replication group's metrics are those of its members, table-order-redis-001."""
    for call in calls.of(ALARM):
        dimensions = _dimensions(call)
        wanted = {
            "AWS/EC2": "InstanceId",
            "AWS/RDS": "DBInstanceIdentifier",
            "AWS/ElastiCache": "CacheClusterId",
        }
        name = wanted.get(call.get("Namespace", ""))
        if name and not dimensions.get(name):
            yield call, f"no {name} among its dimensions"
        elif name == "CacheClusterId" and not re.search(r"-\d{3}$", dimensions[name]):
            yield call, f"CacheClusterId is {dimensions[name]}"


@rule
def alarms_tell_somebody(calls: Calls) -> Problems:
    """Nothing refuses it: an alarm without an action is red in the console, without a notification."""
    for call in calls.of(ALARM):
        if not call.get("AlarmActions"):
            yield call, f"{call.get('AlarmName')} has no AlarmActions"


@rule
def alarms_notify_a_topic_of_their_region(calls: Calls) -> Problems:
    """ValidationError: Invalid region us-east-1 specified. Only ap-northeast-2 is supported."""
    created = {call.get("Name") for call in calls.of("sns:CreateTopic")}
    for call in calls.of(ALARM):
        for arn in call.get("AlarmActions", []):
            parts = arn.split(":")
            if len(parts) != 6 or parts[:3] != ["arn", "aws", "sns"] or parts[3] != call.region:
                yield call, f"AlarmActions has {arn} in {call.region}"
            elif created and parts[5] not in created:
                yield call, f"AlarmActions has {arn}, a topic that this run did not create"


@rule
def the_topic_s_key_lets_alarms_in(calls: Calls) -> Problems:
    """Nothing refuses it: alarms cannot use a topic encrypted with alias/aws/sns."""
    for call in calls.of("sns:CreateTopic", "sns:SetTopicAttributes"):
        key = call.get("Attributes", {}).get("KmsMasterKeyId")
        if call.get("AttributeName") == "KmsMasterKeyId":
            key = call.get("AttributeValue")
        if key == "alias/aws/sns":
            yield call, "KmsMasterKeyId is alias/aws/sns"


@rule
def a_failed_status_check_is_noticed_when_silent(calls: Calls) -> Problems:
    """Nothing refuses it: a server that is gone reports nothing, and missing data is no alarm by default."""
    for call in calls.of(ALARM):
        if (
            call.get("MetricName", "").startswith("StatusCheck")
            and call.get("TreatMissingData") != "breaching"
        ):
            yield call, f"TreatMissingData is {call.get('TreatMissingData')}"

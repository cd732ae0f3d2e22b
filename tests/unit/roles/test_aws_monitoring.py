"""The topic and the alarms on the local cloud: what was changed by hand is put right."""

import json

from tests.unit.roles.cloud_runs import make_inventory, role, run_plays

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:table-order-alarms"
ALARM = "table-order-rds-low-storage"
ANYONE = {"Sid": "a", "Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": TOPIC}


def test_a_topic_and_an_alarm_changed_by_hand_are_put_right(tmp_path, url, client):
    sns, alarms = client("sns"), client("cloudwatch")
    inventory = make_inventory(tmp_path, url)
    play = {"hosts": "account", "gather_facts": False, "tasks": [role("aws_monitoring", "main")]}

    def run(*options):
        done = run_plays(tmp_path, inventory, [play], *options)
        assert done.status == 0, done.output[-3000:]
        return done.changed

    def state():
        topic = sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]
        [alarm] = alarms.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        return json.loads(topic["Policy"]), alarm["OKActions"], alarm["InsufficientDataActions"]

    try:
        assert run() > 0
        wanted = state()
        assert (wanted[0]["Id"], wanted[1:]) == ("__default_policy_ID", ([], []))
        assert run() == 0
        opened = {"Version": "2012-10-17", "Statement": [*wanted[0]["Statement"], ANYONE]}
        sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(opened))
        [alarm] = alarms.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        same = ("MetricName", "Namespace", "ComparisonOperator", "Threshold", "Period", "EvaluationPeriods")
        alarms.put_metric_alarm(
            AlarmName=ALARM,
            **{
                name: alarm[name]
                for name in (*same, "Statistic", "Dimensions", "AlarmActions", "AlarmDescription")
            },
            TreatMissingData="missing",
            OKActions=[TOPIC],
            InsufficientDataActions=[TOPIC],
        )
        changed = state()
        assert changed == (opened, [TOPIC], [TOPIC])
        assert (run("--check"), state()) == (2, changed)
        assert (run(), state()) == (2, wanted)
        assert run() == 0
    finally:
        sns.delete_topic(TopicArn=TOPIC)
        names = [one["AlarmName"] for one in alarms.describe_alarms()["MetricAlarms"]]
        alarms.delete_alarms(AlarmNames=names)
        logs = client("logs")
        for one in logs.describe_log_groups()["logGroups"]:
            logs.delete_log_group(logGroupName=one["logGroupName"])

"""The role with the stand-in of the agent, and a moto server in the place of CloudWatch."""

import json
import time

import boto3
import pytest
from moto.server import ThreadedMotoServer

INSTANCE = "i-0123456789abcdef0"
LOGS = "/opt/table-order/logs"
BASE = "/opt/aws/amazon-cloudwatch-agent"
# Written into the agent's environment by prepare.yml.
PORT = 5811


@pytest.fixture(scope="module")
def cloud(host):
    """Give boto3 clients of a cloud that starts now, long after the agent."""
    gateway = host.check_output("ip -4 route show default").split()[2]
    server = ThreadedMotoServer(gateway, PORT, verbose=False)
    server.start()
    yield lambda service: boto3.client(
        service,
        region_name="ap-northeast-2",
        endpoint_url=f"http://{gateway}:{PORT}",
        **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "testing"),
    )
    server.stop()


@pytest.fixture
def write(host):
    """Append a line to a log file of the service."""

    def append(name, line):
        host.check_output("mkdir -p %s && echo %s >> %s", LOGS, line, f"{LOGS}/{name}")

    return append


@pytest.fixture
def arrived(cloud):
    """Wait until a stream ends with a text, and return all its messages."""

    def wait(group, stream, text):
        logs = cloud("logs")
        messages = []
        for _ in range(60):
            try:
                events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)[
                    "events"
                ]
            except logs.exceptions.ResourceNotFoundException:
                events = []
            messages = [event["message"] for event in events]
            if any(text in message for message in messages):
                return messages
            time.sleep(0.5)
        raise AssertionError(f"{text!r} has not arrived in {group} {stream}: {messages[-5:]}")

    return wait


@pytest.fixture
def unique():
    return f"line-{time.time_ns()}"


def test_the_service_runs_as_its_own_user(host):
    service = host.service("amazon-cloudwatch-agent")
    assert service.is_running, host.run("journalctl --unit amazon-cloudwatch-agent --no-pager").stdout
    assert service.is_enabled
    process = host.check_output("systemctl show amazon-cloudwatch-agent --property MainPID --value")
    assert host.check_output(f"ps -o user= -p {process}") == "cwagent"
    groups = host.check_output(f"ps -o supgrp= -p {process}").split(",")
    assert {"adm", "systemd-journal"} <= set(groups)


def test_the_control_program_says_what_it_is(host):
    status = json.loads(host.check_output(f"{BASE}/bin/amazon-cloudwatch-agent-ctl -a status"))
    assert (status["status"], status["configstatus"]) == ("running", "configured")
    assert status["version"].startswith("stand-in")


def test_the_configuration_names_the_streams_of_the_seed(host):
    configuration = json.loads(host.file(f"{BASE}/etc/table-order.json").content_string)
    files = configuration["logs"]["logs_collected"]["files"]["collect_list"]
    assert {(item["file_path"], item["log_group_name"], item["log_stream_name"]) for item in files} == {
        (f"{LOGS}/fastapi.log", "/aws/ec2/table-order/fastapi", "{instance_id}/fastapi.log"),
        (f"{LOGS}/nginx-access.log", "/aws/ec2/table-order/nginx", "{instance_id}/nginx-access.log"),
        (f"{LOGS}/nginx-error.log", "/aws/ec2/table-order/nginx", "{instance_id}/nginx-error.log"),
    }
    assert configuration["agent"]["run_as_user"] == "cwagent"
    assert "retention" not in json.dumps(configuration)


@pytest.mark.parametrize(
    ("name", "group"),
    [("fastapi.log", "fastapi"), ("nginx-access.log", "nginx"), ("nginx-error.log", "nginx")],
)
def test_a_log_that_comes_later_arrives(write, arrived, unique, name, group):
    write(name, unique)
    assert unique in arrived(f"/aws/ec2/table-order/{group}", f"{INSTANCE}/{name}", unique)


def test_a_rotation_and_a_restart_lose_nothing_and_repeat_nothing(host, write, arrived, unique):
    group, stream, name = "/aws/ec2/table-order/fastapi", f"{INSTANCE}/fastapi.log", "fastapi.log"
    write(name, f"{unique} 1")
    arrived(group, stream, f"{unique} 1")
    host.check_output(f"echo '{unique} 2' >> {LOGS}/{name} && mv {LOGS}/{name} {LOGS}/{name}.1")
    write(name, f"{unique} 3")
    arrived(group, stream, f"{unique} 3")
    host.check_output("systemctl restart amazon-cloudwatch-agent")
    write(name, f"{unique} 4")
    messages = arrived(group, stream, f"{unique} 4")
    assert [message for message in messages if unique in message] == [
        f"{unique} {number}" for number in (1, 2, 3, 4)
    ]


def test_the_journal_arrives(host, arrived, unique):
    host.check_output("logger --tag molecule %s", unique)
    messages = arrived("/aws/ec2/table-order/system", f"{INSTANCE}/journal", unique)
    assert any("molecule" in message and unique in message for message in messages)


def test_metrics_arrive_with_the_instance(cloud):
    cloudwatch = cloud("cloudwatch")
    for _ in range(40):
        metrics = cloudwatch.list_metrics(Namespace="CWAgent")["Metrics"]
        if metrics:
            break
        time.sleep(0.5)
    assert {metric["MetricName"] for metric in metrics} == {
        "cpu_usage_active",
        "mem_used_percent",
        "disk_used_percent",
    }
    assert all({"Name": "InstanceId", "Value": INSTANCE} in metric["Dimensions"] for metric in metrics)


def test_a_log_it_may_not_read_is_named_in_its_own_log(host, write, arrived, unique):
    path = f"{LOGS}/nginx-error.log"
    host.check_output(f"rm -f {path} && touch {path} && chown root:root {path} && chmod 0600 {path}")
    write("fastapi.log", unique)
    arrived("/aws/ec2/table-order/fastapi", f"{INSTANCE}/fastapi.log", unique)
    log = host.file(f"{BASE}/logs/amazon-cloudwatch-agent.log").content_string
    assert f"Permission denied: '{path}'" in log
    host.check_output(f"rm {path}")

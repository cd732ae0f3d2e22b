"""The role with its defaults, with the agent's stand-in and a moto server instead of CloudWatch."""

import json

import pytest

INSTANCE = "i-0123456789abcdef0"
LOGS = "/opt/fastapi-app/logs"
BASE = "/opt/aws/amazon-cloudwatch-agent"


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
    assert " stand-in " in status["version"]


def test_the_configuration_names_the_streams_of_the_seed(host):
    file = host.file(f"{BASE}/etc/table-order.json")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)
    configuration = json.loads(file.content_string)
    files = configuration["logs"]["logs_collected"]["files"]["collect_list"]
    assert {(item["file_path"], item["log_group_name"], item["log_stream_name"]) for item in files} == {
        (f"{LOGS}/fastapi.log", "/aws/ec2/fastapi-app/fastapi", "{instance_id}/fastapi.log"),
        (f"{LOGS}/nginx-access.log", "/aws/ec2/fastapi-app/nginx", "{instance_id}/nginx-access.log"),
        (f"{LOGS}/nginx-error.log", "/aws/ec2/fastapi-app/nginx", "{instance_id}/nginx-error.log"),
    }
    assert configuration["agent"]["run_as_user"] == "cwagent"
    assert "retention" not in json.dumps(configuration)


@pytest.mark.parametrize(
    ("name", "group"),
    [("fastapi.log", "fastapi"), ("nginx-access.log", "nginx"), ("nginx-error.log", "nginx")],
)
def test_a_log_that_comes_later_arrives(write, arrived, unique, name, group):
    write(name, unique)
    assert unique in arrived(f"/aws/ec2/fastapi-app/{group}", f"{INSTANCE}/{name}", unique)


def test_a_rotation_and_a_restart_lose_nothing_and_repeat_nothing(host, write, arrived, unique):
    group, stream, name = "/aws/ec2/fastapi-app/fastapi", f"{INSTANCE}/fastapi.log", "fastapi.log"
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


def test_a_killed_agent_comes_back_and_goes_on(host, write, arrived, unique, restarted):
    before = host.check_output("systemctl show amazon-cloudwatch-agent --property MainPID --value")
    host.check_output(f"kill -KILL {before}")
    write("fastapi.log", unique)
    restarted(before)
    messages = arrived("/aws/ec2/fastapi-app/fastapi", f"{INSTANCE}/fastapi.log", unique)
    assert messages.count(unique) == 1


def test_the_journal_arrives(host, arrived, unique):
    host.check_output("logger --tag molecule %s", unique)
    messages = arrived("/aws/ec2/fastapi-app/system", f"{INSTANCE}/journal", unique)
    assert any("molecule" in message and unique in message for message in messages)


def test_metrics_arrive_with_the_instance(metrics):
    found = metrics("CWAgent")
    assert {metric["MetricName"] for metric in found} == {
        "cpu_usage_active",
        "mem_used_percent",
        "disk_used_percent",
    }
    assert all({"Name": "InstanceId", "Value": INSTANCE} in metric["Dimensions"] for metric in found)

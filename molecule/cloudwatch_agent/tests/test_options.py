"""The role with non-default settings, on the stand-in for Amazon Linux 2023."""

import json
import os

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
INSTANCE = "i-0123456789abcdef0"
REGION = "eu-central-1"
BASE = "/opt/aws/amazon-cloudwatch-agent"
DIRECTORY = "/srv/shop logs"
GROUP, STREAM = "/shop/staging/kitchen", f"주방 {INSTANCE} $HOME 100%"
LOG = f"{DIRECTORY}/김치 $HOME %h 'a' \"b\".log"


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-cloudwatch_agent-options")


# First, because side_effect.yml has filled the directory, and later tests write there.
def test_a_full_log_directory_stops_nothing_and_later_events_arrive_once(host, arrived, unique):
    host.run("head -c 10M /dev/zero > %s", f"{DIRECTORY}/full")
    assert host.check_output("df --output=avail %s | tail -1", DIRECTORY).strip() == "0"
    assert host.service("amazon-cloudwatch-agent").is_running
    assert host.run("echo lost > %s", f"{DIRECTORY}/lost").rc != 0
    host.check_output("rm %s %s", f"{DIRECTORY}/full", f"{DIRECTORY}/lost")
    host.check_output("echo %s >> %s", unique, LOG)
    host.check_output("chgrp molecule-logs %s && chmod 0640 %s", LOG, LOG)
    assert arrived(GROUP, STREAM, unique, REGION).count(unique) == 1


def test_the_package_is_the_familys(host):
    assert host.check_output("rpm --query --file %s", f"{BASE}/bin/amazon-cloudwatch-agent-ctl").startswith(
        "amazon-cloudwatch-agent-"
    )


def test_the_service_runs_as_the_given_user(host):
    service = host.service("amazon-cloudwatch-agent")
    assert service.is_running, host.run("journalctl --unit amazon-cloudwatch-agent --no-pager").stdout
    assert service.is_enabled
    process = host.check_output("systemctl show amazon-cloudwatch-agent --property MainPID --value")
    assert host.check_output(f"ps -o user= -p {process}") == "ec2-user"
    groups = set(host.check_output(f"ps -o supgrp= -p {process}").split(","))
    # Its own groups stay, the role adds the given one and skips a missing one.
    assert {"wheel", "molecule-logs"} <= groups


def test_there_is_one_configuration_and_it_is_the_given_one(host):
    active = f"{BASE}/etc/amazon-cloudwatch-agent.d"
    assert host.file(active).listdir() == ["file_table-order.json"]
    configuration = json.loads(host.file(f"{active}/file_table-order.json").content_string)
    assert configuration["agent"]["region"] == REGION
    assert "/aws/ec2/fastapi-app" not in json.dumps(configuration)


def test_names_with_every_kind_of_letter_reach_the_cloud(host, arrived, unique):
    host.check_output("echo %s >> %s", unique, LOG)
    host.check_output("chgrp molecule-logs %s && chmod 0640 %s", LOG, LOG)
    arrived(GROUP, STREAM, unique, REGION)


def test_only_the_named_unit_and_priority_of_the_journal_arrive(host, arrived, unique):
    host.check_output(f"systemd-cat --priority=err echo {unique}-of-nobody")
    # systemd reads the priority at the start of a line.
    said = f"echo '<6>{unique}-harmless'; echo '<3>{unique}-bad'"
    host.check_output("systemd-run --quiet --wait --unit=molecule-shop sh -c %s", said)
    messages = arrived("/shop/staging/errors", f"{INSTANCE}/errors", f"{unique}-bad", REGION)
    text = "\n".join(messages)
    assert f"{unique}-of-nobody" not in text
    assert f"{unique}-harmless" not in text


def test_only_the_given_metrics_arrive(metrics):
    found = metrics("Shop/Staging", REGION)
    assert {metric["MetricName"] for metric in found} == {"disk_inodes_used"}
    paths = {value["Value"] for metric in found for value in metric["Dimensions"] if value["Name"] == "path"}
    assert paths == {"/", "/run"}

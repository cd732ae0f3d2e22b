"""cloudwatch_agent_state absent: the first host keeps the agent's log, the second also loses it (…_remove_data)."""

import os

import pytest
import testinfra
from playbook import changes

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
NAME = "table-order-molecule-cloudwatch_agent"
BASE = "/opt/aws/amazon-cloudwatch-agent"


@pytest.fixture(scope="module")
def other():
    return testinfra.get_host(f"{ENGINE}://{NAME}-options")


@pytest.fixture(params=["", "-options"])
def each(request):
    return testinfra.get_host(f"{ENGINE}://{NAME}{request.param}")


def test_nothing_runs_or_starts_with_the_host(each):
    assert each.run("pgrep --full '[s]tand_in'").rc != 0
    assert each.run("find /etc/systemd/system -name 'amazon-cloudwatch-agent.service'").stdout == ""
    assert each.run("systemctl is-active amazon-cloudwatch-agent").rc != 0
    assert "amazon-cloudwatch-agent" not in each.check_output("systemctl --failed --quiet --plain")


def test_the_package_and_its_configuration_are_gone(each):
    for path in ("bin", "etc", "logs/state", "var"):
        assert not each.file(f"{BASE}/{path}").exists, path
    assert not each.file("/var/cache/table-order-packages").exists


def test_the_package_managers_know_nothing_of_it(host, other):
    assert "cloudwatch" not in host.check_output("dpkg-query --show --showformat '${Package} ${Status}\n'")
    assert other.run("rpm --query amazon-cloudwatch-agent").rc != 0


def test_the_agents_user_is_gone(each):
    assert each.run("getent passwd cwagent || getent group cwagent").rc != 0


def test_the_users_and_groups_of_others_stay(host, other):
    assert other.user("ec2-user").exists
    assert "wheel" in other.user("ec2-user").groups
    assert other.group("molecule-logs").exists
    assert host.group("adm").exists


def test_what_was_shipped_stays(host, other):
    assert host.file("/opt/table-order/logs/fastapi.log").size > 0
    assert [name for name in other.file("/srv/shop logs").listdir() if name.endswith(".log")]


def test_foreign_settings_of_the_service_stay(each):
    # prepare.yml has created the file.
    assert each.file("/etc/systemd/system/amazon-cloudwatch-agent.service.d/molecule.conf").exists


def test_the_agents_own_log_stays_and_belongs_to_root(host):
    log = host.file(f"{BASE}/logs/amazon-cloudwatch-agent.log")
    assert log.size > 0
    assert (log.user, log.group) == ("root", "root")


def test_the_agents_own_log_is_removed_on_request(host, other):
    assert not other.file("/opt/aws").exists
    changes("absent.yml", f"--limit={NAME}", "--extra-vars=cloudwatch_agent_remove_data=true")
    assert not host.file("/opt/aws").exists

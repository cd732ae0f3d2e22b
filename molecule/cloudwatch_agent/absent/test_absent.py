"""cloudwatch_agent_state absent: the agent is stopped without a configuration; its package and all logs stay."""

import os

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
NAME = "table-order-molecule-cloudwatch_agent"
BASE = "/opt/aws/amazon-cloudwatch-agent"


@pytest.fixture(params=["", "-options"])
def each(request):
    return testinfra.get_host(f"{ENGINE}://{NAME}{request.param}")


def test_nothing_runs_or_starts_with_the_host(each):
    assert each.run("pgrep --full '[s]tand_in'").rc != 0
    service = each.service("amazon-cloudwatch-agent")
    assert not service.is_enabled
    assert not service.is_running
    assert "amazon-cloudwatch-agent" not in each.check_output("systemctl --failed --quiet --plain")


def test_the_roles_files_are_removed(each):
    assert not each.file(f"{BASE}/etc/table-order.json").exists
    assert each.file(f"{BASE}/etc/amazon-cloudwatch-agent.d").listdir() == []
    assert not each.file("/var/cache/table-order-packages").exists


def test_the_package_and_foreign_settings_stay(each):
    for path in (f"{BASE}/bin/amazon-cloudwatch-agent-ctl", f"{BASE}/logs/amazon-cloudwatch-agent.log"):
        assert each.file(path).exists, path
    assert each.user("cwagent").exists
    # prepare.yml has created the file.
    assert each.file("/etc/systemd/system/amazon-cloudwatch-agent.service.d/molecule.conf").exists

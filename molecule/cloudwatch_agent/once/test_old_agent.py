"""An agent older than the input journald, as in an old machine image: the role ships the other logs and warns."""

import json
import os
import subprocess

import pytest
from playbook import PROJECT, changes, run, settings

LIMIT = "--limit=table-order-molecule-cloudwatch_agent"
CONFIGURATION = "/opt/aws/amazon-cloudwatch-agent/etc/table-order.json"


@pytest.fixture
def old(tmp_path):
    """Settings with an old agent; the test's end restores the usual one."""
    package = tmp_path / "old.deb"
    build = PROJECT / "packages/cloudwatch-agent-stand-in/build"
    environment = os.environ | {"CWAGENT_VERSION": "1.300064.0b1337"}
    subprocess.run([build, package], env=environment, check=True, capture_output=True)
    yield settings(cloudwatch_agent_package=str(package))
    result = run("converge.yml", LIMIT)
    assert result.status == 0, result.output


def test_an_old_agent_runs_without_the_journal(host, old):
    result = run("converge.yml", LIMIT, old)
    assert result.status == 0, result.output
    assert "cloudwatch_agent_journals is omitted: the agent 1.300064.0b1337" in result.output
    collected = json.loads(host.file(CONFIGURATION).content_string)["logs"]["logs_collected"]
    assert list(collected) == ["files"]
    assert host.service("amazon-cloudwatch-agent").is_running
    assert changes("converge.yml", LIMIT, old) == 0

"""Logs that the agent may not read: who says so, and that the fix works."""

import re

import pytest
from playbook import run, settings

LIMIT = "--limit=table-order-molecule-cloudwatch_agent"
LOGS = "/opt/table-order/logs"
INSTANCE = "i-0123456789abcdef0"
BASE = "/opt/aws/amazon-cloudwatch-agent"


@pytest.fixture
def closed(host):
    """Two logs that the agent may not read, one by its own mode, one by its directory's, and one that it may."""
    path = f"{LOGS}/nginx-error.log"
    host.check_output(
        f"mkdir -p {LOGS} && touch {LOGS}/fastapi.log {path} && chown root:root {path} && chmod 0600 {path}"
    )
    host.check_output("mkdir -m 0700 -p /srv/closed && touch /srv/closed/own.log")
    yield path
    # The tests that come after expect a service that has not logged yet.
    host.check_output(f"rm -rf {LOGS} /srv/closed")


@pytest.fixture
def usual_settings():
    """Apply the settings of the scenario again after the test, whose fixes must have sufficed for that."""
    yield
    result = run("converge.yml", LIMIT)
    assert result.status == 0, result.output


def test_a_log_it_may_not_read_is_named_by_the_agent(host, write, arrived, unique, closed):
    write("fastapi.log", unique)
    arrived("/aws/ec2/table-order/fastapi", f"{INSTANCE}/fastapi.log", unique)
    log = host.file(f"{BASE}/logs/amazon-cloudwatch-agent.log").content_string
    assert f"Permission denied: '{closed}'" in log


def test_a_log_it_may_not_read_is_named_by_the_role_with_a_fix_that_works(host, closed, usual_settings):
    files = [
        {"path": path, "group": "molecule", "stream": path.removeprefix("/")}
        for path in (f"{LOGS}/fastapi.log", closed, "/srv/closed/own.log", "/srv/later.log")
    ]
    result = run("converge.yml", LIMIT, settings(cloudwatch_agent_log_files=files))
    said = result.output
    assert result.status == 2, said
    assert "cloudwatch_agent_log_files names what cloudwatch_agent_user may not read" in said
    assert f"{closed}: cwagent cannot pass {closed} (-rw------- root:root)" in said
    assert "/srv/closed/own.log: cwagent cannot pass /srv/closed (drwx------ root:root)" in said
    assert f"{LOGS}/fastapi.log: cwagent" not in said
    assert "No log yet, followed when it comes: /srv/later.log" in said
    # The agent ships the others meanwhile.
    assert host.service("amazon-cloudwatch-agent").is_running
    fixes = set(re.findall(r"Fix: (ch.*?')[;.] ", said))
    assert len(fixes) == 2, said
    for fix in fixes:
        host.check_output(fix)
    assert host.run(f"runuser -u cwagent -- cat {closed} /srv/closed/own.log").rc == 0

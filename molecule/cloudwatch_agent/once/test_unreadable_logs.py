"""Unreadable logs: the role reports them, and its fix works."""

import re

import pytest
from playbook import run, settings

LIMIT = "--limit=table-order-molecule-cloudwatch_agent"
LOGS = "/opt/fastapi-app/logs"
INSTANCE = "i-0123456789abcdef0"
BASE = "/opt/aws/amazon-cloudwatch-agent"


@pytest.fixture
def closed(host):
    """Two unreadable logs, one by its own mode, one by its directory's, and a readable one."""
    path = f"{LOGS}/nginx-error.log"
    host.check_output(
        f"mkdir -p {LOGS} && touch {LOGS}/fastapi.log {path} && chown root:root {path} && chmod 0600 {path}"
    )
    host.check_output("mkdir -m 0700 -p /srv/closed && touch /srv/closed/own.log")
    yield path
    # Later tests expect a service without logs.
    host.check_output(f"rm -rf {LOGS} /srv/closed")


@pytest.fixture
def usual_settings():
    """Apply the scenario's settings again after the test; the test's fixes must be sufficient."""
    yield
    result = run("converge.yml", LIMIT)
    assert result.status == 0, result.output


def test_the_agent_reports_an_unreadable_log(host, write, arrived, unique, closed):
    write("fastapi.log", unique)
    arrived("/aws/ec2/fastapi-app/fastapi", f"{INSTANCE}/fastapi.log", unique)
    log = host.file(f"{BASE}/logs/amazon-cloudwatch-agent.log").content_string
    assert f"Permission denied: '{closed}'" in log


def test_the_role_reports_an_unreadable_log_with_a_working_fix(host, closed, usual_settings):
    files = [
        {"path": path, "group": "molecule", "stream": path.removeprefix("/")}
        for path in (f"{LOGS}/fastapi.log", closed, "/srv/closed/own.log", "/srv/later.log")
    ]
    result = run("converge.yml", LIMIT, settings(cloudwatch_agent_log_files=files))
    said = result.output
    assert result.status == 2, said
    assert "cloudwatch_agent_log_files contains logs that cloudwatch_agent_user cannot read" in said
    assert f"{closed}: cwagent has no access to {closed} (-rw------- root:root)" in said
    assert "/srv/closed/own.log: cwagent has no access to /srv/closed (drwx------ root:root)" in said
    assert f"{LOGS}/fastapi.log: cwagent" not in said
    assert "Missing logs, followed once they exist: /srv/later.log" in said
    # Meanwhile the agent ships the other logs.
    assert host.service("amazon-cloudwatch-agent").is_running
    fixes = set(re.findall(r"Fix: (ch.*?')[;.] ", said))
    assert len(fixes) == 2, said
    for fix in fixes:
        host.check_output(fix)
    assert host.run(f"runuser -u cwagent -- cat {closed} /srv/closed/own.log").rc == 0

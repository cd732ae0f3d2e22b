"""The cache's states, its port, and its way to TLS and a password."""

import os
import socket
from pathlib import Path

import pytest
import yaml
from moto.elasticache.models import elasticache_backends

from tests.unit.roles.cloud_runs import make_inventory, role, run_plays
from tests.unit.roles.modules import load
from tests.unit.tasks import find
from tests.unit.test_settings_wired import Scope

steps = load("filter/aws_cache_steps.py").steps
PROBE = load("modules/aws_cache_probe.py")

VARIABLES = yaml.safe_load((Path(__file__).parents[3] / "roles/aws_cache/vars/main.yml").read_text())
STATES = VARIABLES["__aws_cache_states"]
NAME = "table-order-redis"
HOST = "master.cache.abc.apn2.cache.amazonaws.com"
BEFORE, DEPLOYING = None, {"application_uses_tls": False, "application_sends_password": False}
TLS = {"application_uses_tls": True, "application_sends_password": False}
PASSWORD = {"application_uses_tls": True, "application_sends_password": True}
OPEN, CLOSED = {"password_needed": False}, {"password_needed": True}


def group(mode, password=False):
    return [
        {
            "transit_encryption": mode is not None,
            "transit_encryption_mode": mode,
            "auth_token_enabled": password,
        }
    ]


@pytest.mark.parametrize(
    ("groups", "client", "due"),
    [
        ([], BEFORE, []),
        ([{"transit_encryption": None}], BEFORE, []),
        (group(None), BEFORE, ["prefer"]),
        (group("preferred"), BEFORE, []),
        # The previous application still runs, as after a failed deployment.
        (group("preferred"), DEPLOYING | OPEN, []),
        (group("preferred"), TLS | OPEN, ["require", "rotate"]),
        # Killed between the two.
        (group("required"), TLS | OPEN, ["rotate"]),
        (group("required", password=True), BEFORE, []),
        (group("required", password=True), TLS | OPEN, []),
        (group("required", password=True), PASSWORD | OPEN, ["set"]),
        (group("required", password=True), PASSWORD | CLOSED, []),
        # Made with the password.
        (group("required", password=True), TLS | CLOSED, []),
    ],
)
def test_a_step_is_due_when_nobody_needs_what_it_ends(groups, client, due):
    assert steps(groups, True, client) == due
    assert steps(groups, False, client) == []


@pytest.mark.parametrize(
    ("url", "tls", "password"),
    [
        ("", False, False),
        (f"redis://{HOST}:6379/0", False, False),
        (f"rediss://{HOST}:6379/0?ssl_ca_certs=/ca.pem", True, False),
        (f"rediss://default:secret@{HOST}:6379/0", True, True),
        ("rediss://default:secret@elsewhere:6379/0", False, False),
    ],
)
def test_a_url_says_what_its_client_does(url, tls, password):
    facts = {"application_uses_tls": tls, "application_sends_password": password}
    assert PROBE.facts_of_url(url, HOST) == facts


def test_the_url_is_taken_from_the_environment_of_the_process():
    assert (
        PROBE.redis_url(b"A=1\0REDIS_URL=rediss://h/0?a=b\0OLD_REDIS_URL=redis://x\0") == "rediss://h/0?a=b"
    )
    assert PROBE.redis_url(b"OLD_REDIS_URL=redis://x\0") == ""


@pytest.mark.parametrize(
    ("answer", "needed"), [(b"+PONG\r\n", False), (b"-NOAUTH Authentication required.\r\n", True)]
)
def test_the_cache_says_itself_whether_it_needs_a_password(answer, needed):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(answer)
        assert PROBE.password_needed(here) is needed
        assert there.recv(64) == b"PING\r\n"


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [(b"+OK\r\n", True), (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", False)],
)
def test_the_cache_says_itself_whether_it_accepts_a_password(answer, accepted):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(answer)
        assert PROBE.password_accepted(here, "two words") is accepted
        assert there.recv(64) == b"*2\r\n$4\r\nAUTH\r\n$9\r\ntwo words\r\n"


@pytest.mark.parametrize("ask", [PROBE.password_needed, lambda here: PROBE.password_accepted(here, "secret")])
def test_another_answer_is_no_answer(ask):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"HTTP/1.1 400" + os.linesep.encode())
        with pytest.raises(OSError, match="HTTP"):
            ask(here)


def waits(status, transit_encryption=False, **turned):
    """Return whether await.yml serves, waits or refuses in a state."""
    answer = {"replication_groups": [{"status": status, "transit_encryption": transit_encryption}]}
    scope = Scope("aws_cache", __aws_cache_group=answer, **turned)
    if scope.see("{{ __aws_cache_serves }}"):
        return "serves"
    return "waits" if scope.see("{{ __aws_cache_state.transient }}") else "refuses"


@pytest.mark.parametrize("state", STATES)
def test_a_state_answers_every_question(state):
    row = STATES[state]
    assert {type(row[name]) for name in ("serves", "transient")} == {bool}
    assert ("fix" in row) is not row["transient"]


def test_what_serves_holds_no_deployment_up_and_what_lasts_ends_it():
    wanted = {
        "serves": {"available", "snapshotting", "modifying"},
        "waits": {"creating", "a state of tomorrow"},
        "refuses": {"create-failed", "deleting", "missing"},
    }
    found = {
        what: {state for state in [*STATES, "a state of tomorrow"] if waits(state) == what} for what in wanted
    }
    assert found == wanted


def test_the_change_to_tls_is_waited_for():
    """AWS reports the endpoint with TLS at the end of the change."""
    tls = {"aws_cache_transit_encryption": True}
    assert waits("modifying", **tls) == "waits"
    assert waits("modifying", transit_encryption=True, **tls) == "serves"
    assert waits("available", **tls) == "serves"


def test_a_step_is_taken_of_an_available_cache_only():
    task = find("roles/aws_cache/tasks/secure.yml", "wait until available if a step is due")

    def ready(status, client):
        answer = {"replication_groups": [group("required")[0] | {"status": status}]}
        scope = Scope("aws_cache", __aws_cache_now=answer, __aws_cache_client=client)
        return scope.see("{{ " + task.keywords["until"] + " }}")

    assert ready("available", TLS | OPEN)
    assert not ready("modifying", TLS | OPEN)
    assert ready("snapshotting", DEPLOYING | OPEN)


@pytest.fixture
def cache(ec2, client):
    """A cache that exists, as moto has it; its status can be set."""
    vpc = ec2.create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.98.0.0/24")["Subnet"]["SubnetId"]
    caches = client("elasticache")
    caches.create_cache_subnet_group(
        CacheSubnetGroupName="states", CacheSubnetGroupDescription="d", SubnetIds=[subnet]
    )
    caches.create_replication_group(
        ReplicationGroupId=NAME,
        ReplicationGroupDescription="d",
        NumCacheClusters=1,
        CacheNodeType="cache.t3.micro",
        CacheSubnetGroupName="states",
        Port=6379,
    )
    found = elasticache_backends["123456789012"]["ap-northeast-2"].replication_groups[NAME]
    found.status = "available"
    yield found
    found.status = "available"
    caches.delete_replication_group(ReplicationGroupId=NAME)
    caches.delete_cache_subnet_group(CacheSubnetGroupName="states")
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_it_serves_during_a_snapshot_and_keeps_its_port(tmp_path, url, cache):
    """One run: the endpoint of a cache that takes a snapshot, and then another port, which is refused."""
    cache.status = "snapshotting"
    ports = {"aws_cache_port": 6380}
    tasks = [role("aws_cache", "await"), role("aws_cache", "discover", **ports)]
    run = run_plays(
        tmp_path, make_inventory(tmp_path, url), [{"hosts": "data", "gather_facts": False, "tasks": tasks}]
    )
    assert run.status != 0
    assert f"aws_cache_port is 6380. Accepted: 6379, the port of {NAME}" in run.messages, run.output[-3000:]
    published = [
        result["ansible_facts"]["aws_cache_endpoint"]
        for task in run.report["plays"][0]["tasks"]
        for result in task["hosts"].values()
        if "aws_cache_endpoint" in result.get("ansible_facts", {})
    ]
    assert [endpoint["port"] for endpoint in published] == [6379]


def test_a_creation_that_failed_is_refused_at_once(tmp_path, url, cache):
    cache.status = "create-failed"
    tasks = [role("aws_cache", "await")]
    run = run_plays(
        tmp_path, make_inventory(tmp_path, url), [{"hosts": "data", "gather_facts": False, "tasks": tasks}]
    )
    assert run.status != 0
    assert f"The cache {NAME} is create-failed." in run.messages
    assert (
        f"aws elasticache describe-events --source-type replication-group --duration 1440 --source-identifier {NAME}"
        in (run.messages)
    )
    assert "RETRYING" not in run.output

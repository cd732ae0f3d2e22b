"""The host key of a server: its sources, its tag, and the way on after another key."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from botocore.exceptions import ClientError

from tests.unit.roles.modules import load, run

host_key = load("modules/instance_host_key.py")
SERVER = "i-0aaaaaaaaaaaaaaaa"
OURS, CHANGED = (f"ssh-ed25519 {letter * 68}" for letter in "AB")
RSA = f"ssh-rsa {'C' * 372}"
# Of a new server: the module waits for its console.
NEW = {"launch_time": "2999-01-01T00:00:00+00:00", "wait_seconds": 1, "poll_seconds": 1}
CONSOLE = f"-----BEGIN SSH HOST KEY KEYS-----\n{OURS} root@ip\n-----END SSH HOST KEY KEYS-----\n"


class Ec2:
    """EC2 with one instance, whose console has its key; ``refused`` are actions that it refuses, ``asked`` the requests."""

    console, tag, nitro = CONSOLE, "", True

    def __init__(self):
        self.refused, self.asked = {}, []

    def get_console_output(self, **request):
        self.asked.append(request)
        if request.get("Latest") and not self.nitro:
            raise ClientError({"Error": {"Code": "UnsupportedOperation"}}, "GetConsoleOutput")
        self.refuse("GetConsoleOutput")
        return {"Output": self.console} if self.console else {}

    def create_tags(self, **request):
        self.refuse("CreateTags")
        (tag,) = request["Tags"]
        assert (request["Resources"], tag["Key"]) == ([SERVER], "HostKey")
        self.tag = tag["Value"]

    def refuse(self, action):
        if action in self.refused:
            raise ClientError({"Error": {"Code": self.refused[action]}}, action)


class Clone:
    """A clone of the repository: its file, and its runs of the module."""

    def __init__(self, directory, ec2, capsys):
        self.known_hosts, self.ec2, self.capsys = directory / "known hosts", ec2, capsys

    def run(self, check=False, **options):
        options = {"instance_id": SERVER, "address": "203.0.113.7", "region": "ap-northeast-2"} | options
        options |= {"known_hosts": str(self.known_hosts), "tagged": self.ec2.tag}
        return run(host_key, self.capsys, check, **options)

    @property
    def known(self):
        return self.known_hosts.read_text() if self.known_hosts.exists() else ""


@pytest.fixture
def ec2(monkeypatch):
    fake = Ec2()
    monkeypatch.setattr(host_key.AnsibleAWSModule, "client", lambda *_, **__: fake)
    return fake


@pytest.fixture
def answer(monkeypatch):
    """A function that sets the keys at the address."""

    def set_keys(*keys):
        monkeypatch.setattr(host_key, "scan", lambda *_: list(keys))

    set_keys(OURS)
    return set_keys


@pytest.fixture
def clone(tmp_path, ec2, answer, capsys):
    return Clone(tmp_path, ec2, capsys)


def test_a_run_after_a_check_run_writes_the_tag(clone, ec2):
    assert clone.run(check=True)["source"] == "console"
    again = clone.run(check=True)
    assert (again["source"], again["changed"]) == ("known_hosts", True)
    assert (clone.known, ec2.tag) == (f"{SERVER} {OURS}\n", "")
    run = clone.run()
    assert (run["source"], run["changed"], ec2.tag) == ("known_hosts", True, OURS)
    assert clone.known == f"{SERVER} {OURS}\n"


def test_a_tag_that_is_there_asks_aws_nothing(clone, ec2):
    ec2.tag = OURS
    for source in ("tag", "known_hosts"):
        run = clone.run()
        assert (run["source"], run["changed"], ec2.asked) == (source, False, [])


def test_a_known_key_that_no_console_confirms_is_no_tag(clone, ec2, answer):
    """The first connection accepted it: only this clone trusts it. A known key also never waits for the console."""
    clone.known_hosts.write_text(f"{SERVER} {CHANGED}\n")
    ec2.console = ""
    answer(CHANGED)
    run = clone.run(**NEW)
    assert (run["source"], run["changed"], ec2.tag, len(ec2.asked)) == ("known_hosts", False, "", 1)


@pytest.mark.parametrize("tag", ["", OURS], ids=["console", "tag"])
def test_an_accepted_key_that_aws_contradicts_is_refused_while_its_server_still_answers(
    clone, ec2, answer, tag
):
    clone.known_hosts.write_text(f"{SERVER} {CHANGED}\n")
    ec2.tag = tag
    answer(CHANGED)
    message = clone.run()["msg"]
    assert f"may not be {SERVER}" in message
    assert ec2.tag == tag
    follow(message, ec2)
    assert clone.run()["source"] == "tag"


def test_an_accepted_key_of_another_type_than_the_preferred_is_the_consoles_too(clone, ec2, answer):
    other = f"ecdsa-sha2-nistp256 {'E' * 140}"
    ec2.console = CONSOLE.replace(OURS, f"{OURS} root@ip\n{other}")
    clone.known_hosts.write_text(f"{SERVER} {other}\n")
    answer(OURS, other)
    assert (clone.run()["source"], ec2.tag) == ("known_hosts", other)


def test_a_run_that_ends_at_the_tag_is_finished_by_the_next(clone, ec2):
    """In this order a console that loses the key in between does no harm."""
    ec2.refused = {"CreateTags": "UnauthorizedOperation"}
    assert "cannot be looked up or stored" in clone.run()["msg"]
    assert clone.known == ""
    ec2.refused = {}
    assert clone.run()["source"] == "console"
    assert ec2.tag == OURS


def test_an_instance_type_without_nitro_is_asked_without_latest(clone, ec2):
    ec2.nitro = False
    assert clone.run()["source"] == "console"
    assert ["Latest" in request for request in ec2.asked] == [True, False]
    assert ec2.tag == OURS


def test_an_empty_console_without_nitro_leaves_it_to_the_first_connection(clone, ec2):
    ec2.nitro, ec2.console = False, ""
    run = clone.run(**NEW)
    assert (run["source"], run["changed"], len(ec2.asked)) == ("first connection", False, 2)
    assert f"The host key of {SERVER} was unknown" in run["last_lines"][0]
    assert (clone.known, ec2.tag) == ("", "")


def test_another_refusal_of_the_console_ends_the_run(clone, ec2):
    ec2.refused = {"GetConsoleOutput": "UnauthorizedOperation"}
    assert "cannot be looked up or stored" in clone.run()["msg"]
    assert len(ec2.asked) == 1


def follow(message, ec2):
    """Run the commands of a refusal."""
    create_tags, forget = (
        shlex.split(part) for part in re.search(r"aws ec2 .* && ssh-keygen -R .*'", message)[0].split(" && ")
    )
    assert create_tags[:-1] == [
        *("aws", "ec2", "create-tags", "--region", "ap-northeast-2", "--resources", SERVER, "--tags")
    ]
    ec2.tag = re.fullmatch("Key=HostKey,Value=(.*)", create_tags[-1])[1]
    subprocess.run(forget, check=True)


def test_following_a_refusal_leads_to_the_changed_key_in_every_clone(clone, ec2, answer, tmp_path, capsys):
    """A clone that knows the old key, and one that knows none; the console has the old key for ever."""
    clone.run()
    stale, new = (Clone(tmp_path / name, ec2, capsys) for name in ("stale", "new"))
    stale.run()
    answer(RSA, CHANGED)
    for known in (clone, stale):
        follow(known.run()["msg"], ec2)
        run = known.run()
        assert (run["source"], known.known) == ("tag", f"{SERVER} {CHANGED}\n")
    assert new.run()["source"] == "tag"
    assert (ec2.tag, new.known) == (CHANGED, f"{SERVER} {CHANGED}\n")


def test_a_changed_key_that_no_tag_can_hold_is_refused_with_the_way_to_another(clone, answer):
    clone.run()
    answer(RSA)
    message = clone.run()["msg"]
    assert "ssh-keygen -A" in message
    assert "create-tags" not in message

"""The cache's way to TLS and a password: which steps are due, and what the server says of its application."""

import os
import socket

import pytest

from tests.unit.roles.modules import load

steps = load("filter/aws_cache_steps.py").steps
PROBE = load("modules/aws_cache_probe.py")

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


def test_another_answer_is_no_answer():
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"HTTP/1.1 400" + os.linesep.encode())
        with pytest.raises(OSError, match="HTTP"):
            PROBE.password_needed(here)

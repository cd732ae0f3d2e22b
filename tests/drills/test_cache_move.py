"""A running site's cache moves to TLS and a password, in AWS's steps: no request is lost. A new site has both from the start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import ELSEWHERE, load, settled, state

ENCRYPTED = json.dumps({"aws_cache_transit_encryption": True})
SERVICE = "table-order-backend.service"
# Sent by hand, since a client of Redis would say only that it failed.
# Three runs of the whole site, under load.
pytestmark = pytest.mark.timeout(3600)

PING = "s.settimeout(5); s.sendall(bytes([80, 73, 78, 71, 13, 10])); print(s.recv(64))"
PLAIN = f"import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); {PING}"
TLS = (
    "import socket, ssl, sys; c = ssl.create_default_context(cafile=sys.argv[3]); "
    "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); "
    f"s = c.wrap_socket(s, server_hostname=sys.argv[1]); {PING}"
)


@pytest.fixture(scope="module", autouse=True)
def _plain_again() -> Iterator[None]:
    """Leave a site without, where it is kept: AWS does not take TLS back, and the other drills run site.yml without."""
    yield
    if os.environ.get("DRILLS_KEEP"):
        site.fresh_cloud()
        site.play("site.yml").check()


@dataclass(frozen=True)
class Cache:
    """How the cache lets clients in, and how the application that runs talks to it."""

    mode: str | None
    password: bool
    application_uses_tls: bool
    application_sends_password: bool


def look() -> Cache:
    """Ask ElastiCache, and the environment of the process that runs."""
    [group] = site.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    url = urlsplit(application_url())
    return Cache(
        mode=group.get("TransitEncryptionMode") if group["TransitEncryptionEnabled"] else None,
        password=group["AuthTokenEnabled"],
        application_uses_tls=url.scheme == "rediss",
        application_sends_password=bool(url.password),
    )


def application_url() -> str:
    """Return REDIS_URL of the process that serves."""
    pid = f"$(systemctl show --property=MainPID --value {SERVICE})"
    return deployment.server(f"grep -z ^REDIS_URL= /proc/{pid}/environ | tr -d '\\0'").partition("=")[2]


def ping(program: str) -> str:
    """Return what the cache answers a client on the server that has no password."""
    [group] = site.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    where = f"{endpoint['Address']} {endpoint['Port']} /etc/ssl/certs/rds-ca.pem"
    return deployment.server(f'/opt/table-order/backend/venv/bin/python -c "{program}" {where} || true')


def run() -> site.Run:
    return site.play("site.yml", "-e", ENCRYPTED, before=ELSEWHERE)


def closed() -> None:
    """Fail unless the cache refuses clients without TLS and password, and the application uses both."""
    assert look() == Cache(
        "required", password=True, application_uses_tls=True, application_sends_password=True
    )
    assert "NOAUTH" in ping(TLS)
    assert "PONG" not in ping(PLAIN)
    again = run().check()
    assert again.changed == 0, "\n".join(again.changes)


def test_a_running_site_moves_without_losing_a_request(tmp_path: Path) -> None:
    assert look() == Cache(None, password=False, application_uses_tls=False, application_sends_password=False)
    with load(tmp_path) as running:
        first = run().check()
        between = look()
        answers = ping(TLS)
        second = run().check()
    print(f"moved in {first.seconds:.0f} and {second.seconds:.0f} s: {json.dumps(running.shown)}")
    assert running.lost() == {}
    # Who has no password yet is let in until the application has it.
    assert between == Cache(
        "required", password=True, application_uses_tls=True, application_sends_password=False
    )
    assert "PONG" in answers
    assert "The next deployment gives the password to the application" in " ".join(first.output.split())
    settled(state())
    closed()


def test_a_new_site_has_both_from_the_start() -> None:
    site.fresh_cloud()
    run().check()
    closed()


def test_tls_is_not_taken_back(tmp_path: Path) -> None:
    with load(tmp_path) as running:
        refused = site.play("site.yml", before=ELSEWHERE)
    assert refused.status != 0
    assert "AWS cannot disable TLS for a cache with a password" in " ".join(refused.output.split())
    assert running.lost() == {}
    assert look().mode == "required"

"""Deployments in states of the database that do not tell whether it serves: a log-in from the server does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import kills, site
from tests.e2e.deployment import play, settled, state

NO_ANSWER = "answers no log-in yet"


def show(shown: str) -> None:
    """Have RDS show a state of the database, which stays as it is."""
    site.call("PUT", "/local-cloud/states", {database()["DBInstanceIdentifier"]: shown})


def database() -> dict[str, Any]:
    [found] = site.aws("rds").describe_db_instances()["DBInstances"]
    return found


def wait_for(shown: str) -> None:
    until = time.monotonic() + 60
    while database()["DBInstanceStatus"] != shown:
        assert time.monotonic() < until, database()["DBInstanceStatus"]
        time.sleep(0.5)


@pytest.fixture(autouse=True)
def _available_again() -> Iterator[None]:
    yield
    show("available")


@pytest.mark.parametrize("shown", ["modifying", "storage-optimization"])
def test_a_deployment_goes_on_while_the_database_serves(shown: str) -> None:
    show(shown)
    run = play("deploy").check()
    assert run.changed == 0, "\n".join(run.changes)
    asked = "Log in | Log in to the database" in run.output
    assert asked == (shown == "modifying")
    assert NO_ANSWER not in run.output


def test_a_deployment_waits_for_a_database_that_does_not_answer() -> None:
    rds = site.aws("rds")
    rds.stop_db_instance(DBInstanceIdentifier=database()["DBInstanceIdentifier"])
    wait_for("stopped")
    show("rebooting")
    said: list[str] = []

    def started_again(lines: list[str]) -> str:
        if not said and any(NO_ANSWER in line for line in lines):
            said.append(NO_ANSWER)
            show("stopped")
            rds.start_db_instance(DBInstanceIdentifier=database()["DBInstanceIdentifier"])
        return ""

    assert kills.killed(started_again, "playbooks/deploy.yml") == ""
    assert said, "it did not say that it waits"
    settled(state())


def test_a_deployment_is_refused_where_waiting_does_not_help() -> None:
    show("inaccessible-encryption-credentials")
    run = play("deploy")
    assert run.status != 0
    assert "This status does not change without action" in " ".join(run.output.split())
    # The lock of a run that has failed here is the next one's.
    show("available")
    play("deploy").check()
    settled(state())

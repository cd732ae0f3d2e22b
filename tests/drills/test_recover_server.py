"""The server is terminated while guests order: a new one gets its address, its release and its alarms, as the runbook says."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.drills import database, runbook
from tests.e2e import deployment, kills, site
from tests.e2e.deployment import settled, state

CONFIRMED = ("-e", f"table_order_confirm={site.TARGET.name}")
# In the order of the procedure.
STEPS = [
    "ec2:TerminateInstances 1",
    "ec2:RunInstances 1",
    "ec2:AssociateAddress 1",
    "cloudwatch:PutMetricAlarm 1",
]
pytestmark = pytest.mark.timeout(3600)


@dataclass
class Guests:
    """Guests of the demo store who order twice a second: acknowledged orders, and when others failed (epoch seconds)."""

    acknowledged: list[int] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def away(self) -> float:
        """The seconds from the first failed order to the last."""
        return self.failed[-1] - self.failed[0] if self.failed else 0.0

    def order(self, url: str, code: str) -> None:
        """Order until ``over``."""
        # The certificate of the new server is another; what is proven here is not who answers.
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        body = json.dumps(
            {"store_id": 1, "table_number": 1, "items": [{"menu_id": 1, "quantity": 1}]}
        ).encode()
        headers = {"Content-Type": "application/json", "X-Table-Code": code}
        while not self.over.wait(0.5):
            request = urllib.request.Request(f"{url}/api/orders", data=body, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=5, context=trusting) as answer:
                    self.acknowledged.append(json.load(answer)["id"])
            except (OSError, ValueError):
                self.failed.append(time.time())


@contextlib.contextmanager
def guests() -> Iterator[Guests]:
    """Guests order inside the block."""
    # Read as the application: [('code',)]
    code = deployment.sql("SELECT code::text FROM tables WHERE store_id = 1 AND number = 1").strip("[](),'\"")
    them = Guests()
    thread = threading.Thread(target=them.order, args=(site.url(), code), daemon=True)
    thread.start()
    try:
        time.sleep(5)
        assert them.acknowledged
        yield them
        time.sleep(5)
    finally:
        them.over.set()
        thread.join()


def missing(acknowledged: list[int]) -> set[int]:
    """Return those of these orders that the database lacks."""
    return set(acknowledged) - set(map(int, re.findall(r"\d+", deployment.sql("SELECT id FROM orders"))))


def terminate() -> str:
    """Terminate the server, as a person does by mistake; return its id."""
    lost = site.instance()
    site.aws("ec2").terminate_instances(InstanceIds=[lost])
    return lost


def recovered(address: str, lost: str, live: str, before: dict[str, Any]) -> None:
    """Fail unless all that followed the server follows another one, and nothing is there twice."""
    assert site.public_address() == address
    assert site.instance() != lost
    assert site.inventory_of_resources() == before
    watched = {
        dimension["Value"]
        for alarm in site.aws("cloudwatch").describe_alarms()["MetricAlarms"]
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "InstanceId"
    }
    assert watched == {site.instance()}
    assert site.parameters(f"/{site.TARGET.name}/procedure") == []
    found = state()
    settled(found)
    assert found.live.split("-")[0] == live.split("-")[0]


def test_a_terminated_server_comes_back(tmp_path: Path, record_property: Any) -> None:
    address, live, written = site.public_address(), state().live, tmp_path / "result.json"
    # Rotations of other drills have added versions of secrets.
    before = site.inventory_of_resources()
    refused = runbook.play("recover_server", *CONFIRMED)
    assert refused.status != 0
    assert "nothing is missing" in " ".join(refused.output.split())
    with guests() as them:
        lost = terminate()
        told = runbook.play("recover_server", "--check").check()
        assert live in told.output
        assert site.inventory_of_resources()["servers"] == 0
        runbook.play("recover_server", *CONFIRMED, "-e", f"procedure_json={written}").check()
    recovered(address, lost, live, before)
    # The log streams of the new server are verify.yml's, the last part of the procedure.
    result = json.loads(written.read_text())
    assert result["status"] == "done"
    assert missing(them.acknowledged) == set()
    record_property("rto", result["rto"])
    record_property("failed", len(them.failed))
    record_property("lost", 0)
    record_property("document", "30 to 60 min")
    print(f"away {them.away:.0f} s, {len(them.acknowledged)} orders, {len(them.failed)} failed")
    assert site.play("playbooks/provision.yml").check().changed == 0


@pytest.fixture
def _without_the_migration() -> Iterator[None]:
    """Take the drill's migration back: a release of the example does not know it."""
    yield
    database.query("ALTER TABLE stores DROP COLUMN IF EXISTS drill", database.name())
    # A name of a file.
    database.query(f"UPDATE alembic_version SET version_num = '{newest()}'", database.name())  # noqa: S608
    deployment.server("rm -f /var/lib/table-order/schema.json")
    deployment.play("deploy").check()


@pytest.mark.usefixtures("_without_the_migration")
def test_killed_after_each_step_the_next_run_finishes_a_replacement(tmp_path: Path) -> None:
    """Of a release that was rolled back to: the database is ahead of it, and the new server must know that."""
    address, lost, left = site.public_address(), site.instance(), list(STEPS)
    live, before = state().live, site.inventory_of_resources()

    def migrated(source: Path) -> None:
        deployment.replace(source / "backend/app/controllers/health.py", "Answer without", "Reply without")
        (source / "backend/migrations/versions/9990_drill.py").write_text(
            '"""A column more."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "9990"\n'
            f'down_revision = "{newest()}"\n\n\ndef upgrade() -> None:\n'
            '    """Add the column."""\n    op.add_column("stores", sa.Column("drill", sa.Integer))\n'
        )

    source = deployment.variant(tmp_path / "next", migrated)
    deployment.play("deploy", fastapi_app_source=source).check()
    deployment.play("rollback").check()
    assert state().live == live
    replace = (*CONFIRMED, "-e", f"recover_server_replace={lost}")
    killer = kills.Calls()
    while left:
        place = killer.kill(left, *runbook.command("recover_server"), *replace)
        assert place, f"the run has ended without {left}"
        left.remove(place)
    runbook.play("recover_server", *replace).check()
    recovered(address, lost, live, before)


def newest() -> str:
    """Return the newest migration of the example."""
    return max(
        path.name.split("_")[0]
        for path in (deployment.EXAMPLE / "backend/migrations/versions").glob("[0-9]*.py")
    )

"""The monthly check of the backups, as the runbook says: a good backup, one that lacks orders, and a check that is killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.drills import runbook
from tests.e2e import kills, site
from tests.e2e.deployment import load, sql

IDENTIFIER = f"{site.TARGET.name}-db"
# Named as a deployment's: policy day_two refuses to restore others.
BAD = f"{IDENTIFIER}-before-migration-20000101000000"
STEPS = ["rds:RestoreDBInstanceToPointInTime 1", "rds:DeleteDBInstance 1"]


def databases() -> list[str]:
    return [one["DBInstanceIdentifier"] for one in site.aws("rds").describe_db_instances()["DBInstances"]]


def snapshots() -> list[str]:
    found = site.aws("rds").describe_db_snapshots()["DBSnapshots"]
    return sorted(one["DBSnapshotIdentifier"] for one in found)


def backup(name: str) -> str:
    """Take a snapshot of the live database, and return its name."""
    rds = site.aws("rds")
    rds.create_db_snapshot(DBInstanceIdentifier=IDENTIFIER, DBSnapshotIdentifier=name)
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    return name


@pytest.fixture(autouse=True)
def _without_the_snapshot() -> Any:
    """Delete this file's snapshot afterwards; RDS makes others by itself."""
    yield
    if BAD in snapshots():
        site.aws("rds").delete_db_snapshot(DBSnapshotIdentifier=BAD)


def test_a_good_backup_is_proven_beside_the_orders(tmp_path: Path, record_property: Any) -> None:
    written = tmp_path / "result.json"
    told = runbook.play("backup_check", "--check").check()
    assert (told.changed, databases()) == (0, [IDENTIFIER])
    with load(tmp_path, 20, 20) as running:
        runbook.play("backup_check", "-e", f"procedure_json={written}").check()
    # The check costs nothing afterwards, and the service has not noticed it.
    assert databases() == [IDENTIFIER]
    assert {one for one in snapshots() if "-check-" in one} == set()
    assert running.lost() == {}
    result = json.loads(written.read_text())
    assert result["status"] == "done"
    assert any(line.startswith("same schema; ") for line in result["done"])
    assert 0 < result["rto"] < result["seconds"]
    record_property("rto", result["rto"])
    record_property("rpo", result["rpo"])
    record_property("failed", 0)
    record_property("document", result["document"])


def test_a_backup_that_lacks_orders_is_refused_by_their_number(tmp_path: Path) -> None:
    name, written = backup(BAD), tmp_path / "result.json"
    # As if it had been there when the backup was made.
    sql(
        "INSERT INTO stores (name, created_at) SELECT repeat(name, 2), created_at FROM stores ORDER BY id LIMIT 1"
    )
    try:
        run = runbook.play("backup_check", "-e", f"backup_check_to={name}", "-e", f"procedure_json={written}")
    finally:
        sql("DELETE FROM stores WHERE id = (SELECT max(id) FROM stores)")
    assert run.status != 0
    assert "public.stores: the backup lacks 1 of " in " ".join(run.output.split())
    assert json.loads(written.read_text())["status"] == "stopped"
    assert databases() == [IDENTIFIER]


def test_killed_at_each_step_the_next_check_removes_what_is_left() -> None:
    before, killer, left = site.inventory_of_resources(), kills.Calls(), list(STEPS)
    while left:
        place = killer.kill(left, *runbook.command("backup_check"))
        assert place, f"the run has ended without {left}"
        left.remove(place)
    runbook.play("backup_check").check()
    assert databases() == [IDENTIFIER]
    assert site.inventory_of_resources() == before

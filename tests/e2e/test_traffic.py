"""Deployments under load, the short proof; tests/drills holds the long one. Runs on the site that the other tests leave."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import load, play, replace, settled, state, variant

# A quarter of the load in tests/drills: within "make test" the same two CPUs run the cloud, the load and Ansible.
RATE = STREAMS = 50


# An expanding migration: the previous release also works with it.
MIGRATION = '''"""Add a note to stores.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go forward."""
    op.add_column("stores", sa.Column("note", sa.String(length=64), nullable=True))
'''


@pytest.fixture(scope="module", autouse=True)
def _site() -> None:
    if not site.inventory_of_resources()["servers"]:
        site.play("site.yml").check()


def test_a_deployment_and_a_rollback_lose_no_request(tmp_path: Path) -> None:
    before = state().live

    def other(directory: Path) -> None:
        replace(directory / "backend/app/main.py", 'title="Table Order"', 'title="Table Order, next"')
        (directory / "backend/migrations/versions/0004_note.py").write_text(MIGRATION)

    source = variant(tmp_path / "source", other)
    with load(tmp_path, RATE, STREAMS) as running:
        deployed = play(
            "deploy",
            fastapi_app_source=source,
            fastapi_app_why="a test",
            table_order_snapshot_before_migration=True,
        )
        after = state()
        rolled_back = play("rollback")
    deployed.check()
    rolled_back.check()
    print(
        f"deployed in {deployed.seconds:.0f} s, rolled back in {rolled_back.seconds:.0f} s: {running.shown}"
    )
    assert running.lost() == {}
    assert running.shown["requests"] > 2000
    settled(after)
    # Named before it is applied, and after.
    said = deployed.output
    assert 0 < said.find("Would migrate from 0003 to 0004") < said.find("Migrated from 0003 to 0004")
    snapshots = site.aws("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert [name for one in snapshots if "before-migration" in (name := one["DBSnapshotIdentifier"])]
    assert after.live != before
    assert state().live == before
    refused = play("deploy", fastapi_app_source=source)
    assert refused.status != 0
    assert f"was rolled back from release {after.live}" in " ".join(refused.output.split())


def test_the_same_source_again_changes_nothing() -> None:
    """Also after a rollback across a migration, which has left the database beyond this source."""
    run = deployment.play("deploy").check()
    print(f"deployed again, unchanged: {run.seconds:.0f} s")
    assert run.changed == 0, "\n".join(run.changes)


def look(file: Path) -> tuple[int, str, dict[str, set[str]]]:
    """Return the exit code and the screen of scripts/status, and the texts of its checks by state."""
    command = [site.ROOT / "scripts/status", site.INVENTORY, "-e", f"status_json={file}"]
    with site.recorded(["playbooks/status.yml"]) as noting:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=site.environment(**noting), timeout=120
        )
    states: dict[str, set[str]] = {}
    for check in json.loads(file.read_text())["checks"] if file.exists() else []:
        states.setdefault(check["state"], set()).add(check["text"])
    return done.returncode, done.stdout + done.stderr, states


def test_the_status_says_what_is_live_and_calls_a_person_for_a_broken_database(tmp_path: Path) -> None:
    run = play("status").check()
    assert run.changed == 0
    assert state().live in run.output
    code, screen, states = look(tmp_path / "status.json")
    print(screen)
    assert "unknown" not in states, screen
    assert code == (1 if "attention" in states else 0)
    assert any(text.startswith(f"live {state().live}") for text in states["fine"])
    identifier = f"{site.TARGET.name}-db"
    site.call("PUT", "/local-cloud/states", {identifier: "storage-full"})
    try:
        code, screen, states = look(tmp_path / "broken.json")
    finally:
        site.call("PUT", "/local-cloud/states", {identifier: "available"})
    assert code == 1
    assert any(text.startswith("storage-full, ") for text in states["attention"]), screen


def test_a_patch_says_what_it_would_do() -> None:
    """The drill updates: tests/drills/test_patch.py."""
    run = site.play("playbooks/patch.yml", "--check").check()
    assert run.changed == 0, "\n".join(run.changes)
    assert "Nothing to do" in run.output or "takes an image of table-order-app-server" in run.output

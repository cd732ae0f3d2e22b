"""Migrations that wait, that block other sessions, and two migrations at once."""

import os
import re
import subprocess

import pytest
from playbook import SCENARIO, Run

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
DATABASE = "table-order-molecule-db_migrate-database"
SERVER = "table-order-molecule-db_migrate"
VERSIONS = "/opt/fastapi-app/backend/migrations/versions"


@pytest.fixture
def migration(host, sql):
    """Add a migration to the release, and remove the migration with its tables afterwards."""
    names = []

    def add(name: str) -> None:
        source = f"{SCENARIO}/files/variants/{name}"
        subprocess.run([ENGINE, "cp", source, f"{SERVER}:{VERSIONS}/{name}"], check=True)
        names.append(name)

    yield add
    for name in names:
        host.run(f"rm -rf {VERSIONS}/{name} {VERSIONS}/__pycache__")
    sql("DROP TABLE IF EXISTS slow, half_applied; ALTER TABLE orders DROP COLUMN IF EXISTS note")
    sql("UPDATE alembic_version SET version_num = '0002'")


def start(*arguments: str) -> Run:
    return Run("converge.yml", f"--limit={SERVER}", *arguments)


class Session:
    """A session of another user in the database."""

    def __init__(self, name: str, *statements: str):
        self.name = name
        psql = ["psql", "--username=rdsadmin", "--dbname=tableorder", "-tA"]
        self.process = subprocess.Popen(
            [ENGINE, "exec", "--interactive", f"--env=PGAPPNAME={name}", DATABASE, *psql],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.process.stdin.write("".join(f"{statement}\n" for statement in statements))
        self.process.stdin.flush()

    def end(self, sql) -> str:
        """End the session and return its output."""
        sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{self.name}'")  # noqa: S608
        return self.process.communicate("\\q\n")[0]


def longest(said: str) -> float:
    """Return the longest time measured by psql, in seconds."""
    return max(float(time) for time in re.findall(r"^Time: ([0-9.]+) ms", said, re.MULTILINE)) / 1000


def test_check_mode_shows_the_pending_migration(sql, migration):
    migration("0003_slow.py")
    result = start("--check").wait()
    assert (result.status, result.changes) == (0, 1), result.output
    revision = "0003 (Takes long enough for a second run to come along)"
    assert f"Would migrate from 0002 to 0003: {revision}" in result.output
    assert "CREATE TABLE slow (id serial PRIMARY KEY);" in result.output
    assert "owner:pass" not in result.output
    assert sql("SELECT version_num FROM alembic_version") == "0002"


def unchanged(sql) -> bool:
    """Return whether the schema is the release's."""
    columns = sql(
        "SELECT string_agg(column_name, ' ') FROM information_schema.columns WHERE table_name = 'orders'"
    )
    at, table = sql("SELECT version_num FROM alembic_version"), sql("SELECT to_regclass('half_applied')")
    return (sorted(columns.split()), at, table) == (["id", "store_id"], "0002", "")


def test_a_migration_that_waits_for_a_lock_fails(sql, migration):
    migration("0003_waiting.py")
    holder = Session("holder", "BEGIN;", "SELECT count(*) FROM orders;")
    result = start().wait()
    said = holder.end(sql)
    assert "BEGIN" in said
    assert (result.status, result.changes) == (2, 0), result.output
    assert "waited for a lock for longer than db_migrate_lock_timeout (5 s)" in result.output
    assert "Nothing was changed: the database is still at 0002." in result.output
    assert unchanged(sql)


def test_a_migration_blocks_a_session_no_longer_than_the_setting(sql, migration):
    migration("0003_blocking.py")
    run = start()
    reader = Session("reader", "\\timing", *["SELECT count(*) FROM orders; SELECT pg_sleep(0.1);"] * 300)
    result = run.wait()
    waited = longest(reader.end(sql))
    assert (result.status, result.changes) == (2, 0), result.output
    assert "before it would block 1 other session of tableorder for longer than" in result.output
    assert "Nothing was changed: the database is still at 0002." in result.output
    assert unchanged(sql)
    print(f"Waited for {waited:.2f} s")
    # The migration did block, up to the limit.
    assert 4 < waited <= 5.2


def test_a_waiting_migration_blocks_a_session_no_longer_than_the_setting(sql, migration):
    migration("0003_waiting.py")
    holder = Session("holder", "BEGIN;", "SELECT count(*) FROM orders;")
    run = start()
    reader = Session("reader", "\\timing", *["SELECT count(*) FROM orders; SELECT pg_sleep(0.1);"] * 300)
    result = run.wait()
    holder.end(sql)
    assert result.status == 2, result.output
    assert "has ended (see pg_stat_activity)" in result.output
    assert unchanged(sql)
    waited = longest(reader.end(sql))
    print(f"Waited for {waited:.2f} s")
    assert 4 < waited <= 5.2


def test_of_two_runs_one_waits(sql, migration):
    migration("0003_slow.py")
    # Another session waits for the advisory lock; the watchdog must not end the runs for this.
    lock = 0x7AB1E0DB
    third = Session(
        "third",
        *[f"SELECT pg_advisory_lock({lock}), pg_sleep(0.1); SELECT pg_advisory_unlock({lock});"] * 300,
    )
    runs = [start(), start()]
    results = [run.wait() for run in runs]
    third.end(sql)
    assert [result.status for result in results] == [0, 0], results
    assert sorted(result.changes for result in results) == [0, 1], results
    assert sql("SELECT version_num FROM alembic_version") == "0003"

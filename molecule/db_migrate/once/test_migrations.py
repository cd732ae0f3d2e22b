"""Migrations that wait, that keep others waiting, and that come twice at once."""

import os
import re
import subprocess

import pytest

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
DATABASE = "table-order-molecule-db_migrate-database"
SERVER = "table-order-molecule-db_migrate"
VERSIONS = "/opt/table-order/backend/migrations/versions"


@pytest.fixture
def migration(host, sql):
    """Put one more migration into the release, and take it out afterwards, with what it made."""
    names = []

    def add(name: str) -> None:
        source = f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/files/variants/{name}"
        subprocess.run([ENGINE, "cp", source, f"{SERVER}:{VERSIONS}/{name}"], check=True)
        names.append(name)

    yield add
    for name in names:
        host.run(f"rm -rf {VERSIONS}/{name} {VERSIONS}/__pycache__")
    sql("DROP TABLE IF EXISTS slow, half_applied; ALTER TABLE orders DROP COLUMN IF EXISTS note")
    sql("UPDATE alembic_version SET version_num = '0002'")


class Session:
    """A session of somebody else's in the database."""

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
        """End it, and return what it said."""
        sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{self.name}'")  # noqa: S608
        return self.process.communicate("\\q\n")[0]


def longest(said: str) -> float:
    """Return the longest time that psql has measured, in seconds."""
    return max(float(time) for time in re.findall(r"^Time: ([0-9.]+) ms", said, re.MULTILINE)) / 1000


def test_check_mode_says_what_would_be_migrated(sql, start, migration):
    migration("0003_slow.py")
    status, changes, output = start("--check").wait()
    assert (status, changes) == (0, 1), output
    assert (
        "Would migrate from 0002 to 0003: 0003 (Takes long enough for a second run to come along)" in output
    )
    assert "CREATE TABLE slow (id serial PRIMARY KEY);" in output
    assert "owner:pass" not in output
    assert sql("SELECT version_num FROM alembic_version") == "0002"


def unchanged(sql) -> bool:
    """Say whether the schema is the release's."""
    columns = sql(
        "SELECT string_agg(column_name, ' ') FROM information_schema.columns WHERE table_name = 'orders'"
    )
    at, table = sql("SELECT version_num FROM alembic_version"), sql("SELECT to_regclass('half_applied')")
    return (sorted(columns.split()), at, table) == (["id", "store_id"], "0002", "")


def test_a_migration_that_waits_for_a_lock_fails(sql, start, migration):
    migration("0003_waiting.py")
    holder = Session("holder", "BEGIN;", "SELECT count(*) FROM orders;")
    status, changes, output = start().wait()
    said = holder.end(sql)
    assert "BEGIN" in said
    assert (status, changes) == (2, 0), output
    assert "waited for a lock for longer than db_migrate_lock_timeout (5 s)" in output
    assert "Nothing was changed: the database is still at 0002." in output
    assert unchanged(sql)


def test_nobody_waits_for_a_migration_for_longer_than_the_setting(sql, start, migration):
    migration("0003_blocking.py")
    run = start()
    reader = Session("reader", "\\timing", *["SELECT count(*) FROM orders; SELECT pg_sleep(0.1);"] * 300)
    status, changes, output = run.wait()
    waited = longest(reader.end(sql))
    assert (status, changes) == (2, 0), output
    assert "would have kept 1 other session of tableorder waiting for longer than" in output
    assert "Nothing was changed: the database is still at 0002." in output
    assert unchanged(sql)
    print(f"Waited for {waited:.2f} s")
    # It did block, for as long as it may.
    assert 4 < waited <= 5.2


def test_nobody_waits_behind_a_migration_that_waits(sql, start, migration):
    migration("0003_waiting.py")
    holder = Session("holder", "BEGIN;", "SELECT count(*) FROM orders;")
    run = start()
    reader = Session("reader", "\\timing", *["SELECT count(*) FROM orders; SELECT pg_sleep(0.1);"] * 300)
    status, _, output = run.wait()
    holder.end(sql)
    assert status == 2, output
    assert "has ended (pg_stat_activity shows it)" in output
    assert unchanged(sql)
    waited = longest(reader.end(sql))
    print(f"Waited for {waited:.2f} s")
    assert 4 < waited <= 5.2


def test_of_two_runs_one_waits(sql, start, migration):
    migration("0003_slow.py")
    # Somebody who waits for the lock of the runs: none of them is ended for that.
    lock = 0x7AB1E0DB
    third = Session(
        "third",
        *[f"SELECT pg_advisory_lock({lock}), pg_sleep(0.1); SELECT pg_advisory_unlock({lock});"] * 300,
    )
    runs = [start(), start()]
    results = [run.wait() for run in runs]
    third.end(sql)
    assert [status for status, _, _ in results] == [0, 0], results
    assert sorted(changes for _, changes, _ in results) == [0, 1], results
    assert sql("SELECT version_num FROM alembic_version") == "0003"

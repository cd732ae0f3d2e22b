"""What a database contains, read from a real PostgreSQL; and the comparison of a restored database with the live one."""

from __future__ import annotations

import json
import re
from contextlib import closing

import psycopg2
import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.table_order.infra.plugins.filter.db_migrate_contents import contents_compared
from ansible_collections.table_order.infra.plugins.modules import db_migrate_contents_info as module

from tests.unit.roles.postgres import cluster, run_sql

TABLES = """
CREATE TABLE orders (id int PRIMARY KEY, total int DEFAULT 5, created_at timestamptz NOT NULL);
CREATE INDEX newest ON orders (created_at);
CREATE TABLE codes (code text);
CREATE SCHEMA "Other";
CREATE TABLE "Other"."Ta%ble" (created_at timestamp);
CREATE TABLE "Other".dates (created_at date);
CREATE VIEW open AS SELECT id FROM orders;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
INSERT INTO orders VALUES (1, 1, '2026-11-28 12:00+00'), (2, 2, '2026-11-28 13:00:00.5+00');
INSERT INTO codes VALUES ('a'), ('b'), ('c');
INSERT INTO "Other".dates VALUES ('2026-11-28')
"""


@pytest.fixture(scope="module")
def server():
    with cluster() as directory:
        run_sql(directory, "postgres", "rdsadmin", "CREATE ROLE owner LOGIN")
        yield directory


@pytest.fixture
def database(server):
    """Return the socket of a server with a new database of the owner."""
    run_sql(
        server, "postgres", "rdsadmin", "DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop OWNER owner"
    )
    run_sql(server, "shop", "owner", TABLES)
    return server


def read(directory, until=None, seconds=5, user="owner"):
    with closing(psycopg2.connect(host=str(directory), dbname="shop", user=user)) as connection:
        return module.contents(connection, "created_at", until or {}, seconds)


def test_it_counts_each_table_and_finds_its_newest_row(database):
    assert read(database)["tables"] == {
        "Other.Ta%ble": {"rows": 0, "newest": "", "until": None, "problem": ""},
        "Other.dates": {"rows": 1, "newest": "", "until": None, "problem": ""},
        "public.codes": {"rows": 3, "newest": "", "until": None, "problem": ""},
        "public.orders": {
            "rows": 2,
            "newest": "2026-11-28T13:00:00.500000+00:00",
            "until": None,
            "problem": "",
        },
    }


def test_it_counts_the_rows_up_to_a_time(database):
    found = read(database, {"public.orders": "2026-11-28T12:59:00+00:00", "public.codes": ""})
    assert {name: one["until"] for name, one in found["tables"].items()} == {
        "Other.Ta%ble": None,
        "Other.dates": None,
        "public.codes": None,
        "public.orders": 1,
    }


def test_it_describes_the_schema_and_each_change_of_it_shows(database):
    before = read(database)["schema"]
    assert before == sorted(before)
    assert "column public.orders total integer default 5" in before
    kinds = {line.split()[0] for line in before}
    assert kinds == {"column", "constraint", "extension", "function", "index", "rights", "view"}
    for statement in (
        "ALTER TABLE orders ADD note text",
        "ALTER TABLE codes ALTER code SET NOT NULL",
        "DROP INDEX newest",
        "CREATE OR REPLACE VIEW open AS SELECT id FROM orders WHERE total > 0",
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 3 * n'",
        "ALTER TABLE orders ADD CHECK (total > 0)",
        "GRANT SELECT ON codes TO master",
        "CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ):
        run_sql(database, "shop", "owner", statement)
        after = read(database)["schema"]
        assert after != before, statement
        before = after


def test_a_table_that_takes_too_long_or_may_not_be_read_leaves_the_others(database):
    run_sql(database, "shop", "owner", "ALTER TABLE codes OWNER TO owner", "REVOKE ALL ON codes FROM owner")
    run_sql(database, "shop", "rdsadmin", "CREATE TABLE foreign_one (id int)")
    found = read(database)["tables"]
    assert found["public.foreign_one"]["rows"] is None
    assert "permission denied for table foreign_one" in found["public.foreign_one"]["problem"]
    assert found["public.orders"]["rows"] == 2
    with (
        closing(psycopg2.connect(host=str(database), dbname="shop", user="owner")) as holder,
        holder.cursor() as cursor,
    ):
        cursor.execute('LOCK TABLE "Other".dates')
        found = read(database, seconds=1)["tables"]
    assert "statement timeout" in found["Other.dates"]["problem"]
    assert found["public.orders"]["rows"] == 2


def test_it_cannot_change_anything(database, monkeypatch):
    monkeypatch.setattr(module, "SCHEMA", ("INSERT INTO public.codes VALUES ('x') RETURNING code",))
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        read(database)


def run(monkeypatch, capsys, connect):
    monkeypatch.setattr(module, "connect", connect)
    options = {
        "database": {
            "host": "db.example",
            "port": 5432,
            "name": "shop",
            "admin_user": "a",
            "admin_password": "b",
        },
        "owner": {"user": "owner", "password": "secret-password"},
        "ca_cert": "/ca.pem",
    }
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    shown = capsys.readouterr().out
    assert "secret-password" not in shown
    return json.loads(shown)


def test_the_module_returns_what_its_document_says(database, monkeypatch, capsys):
    result = run(
        monkeypatch, capsys, lambda *_: psycopg2.connect(host=str(database), dbname="shop", user="owner")
    )
    assert yaml.safe_load(module.RETURN).keys() == result.keys() - {"changed", "invocation"}


def test_a_log_in_that_fails_is_told(monkeypatch, capsys):
    def refused(*_):
        raise module.DatabaseError("Cannot connect to shop")

    assert run(monkeypatch, capsys, refused)["msg"] == "Cannot connect to shop"


# -- the comparison -----------------------------------------------------------------------------------------------


def table(rows, newest="", until=None, problem=""):
    return {"rows": rows, "newest": newest, "until": until, "problem": problem}


def found(schema=("column a", "column b"), **tables):
    return {"schema": list(schema), "tables": {f"public.{name}": one for name, one in tables.items()}}


AT, LATER = "2026-11-28T12:00:00+00:00", "2026-11-28T14:00:00+00:00"
RESTORED = found(orders=table(10, AT), stores=table(2, LATER), codes=table(5), empty=table(0))
LIVE = found(orders=table(14, LATER, 10), stores=table(2, LATER, 2), codes=table(5), empty=table(0))


def test_a_backup_that_has_all_up_to_its_newest_row_is_good():
    assert contents_compared(RESTORED, LIVE, "orders") == {
        "problems": [],
        "notes": [],
        "tables": 4,
        "rows": 17,
        "newest": AT,
        "newest_epoch": 1795867200,
    }


def test_without_the_named_table_the_newest_row_of_all_counts():
    assert contents_compared(RESTORED, LIVE, "gone")["newest"] == LATER
    nothing = contents_compared(found(a=table(1)), found(a=table(1)))
    assert (nothing["newest"], nothing["newest_epoch"]) == ("", -1)
    without_a_zone = found(a=table(1, "2026-11-28T12:00:00", 1))
    assert contents_compared(without_a_zone, without_a_zone)["newest_epoch"] == 1795867200


@pytest.mark.parametrize(
    ("restored", "live", "problem"),
    [
        (
            {},
            {"orders": table(14, LATER, 11)},
            r"public\.orders: the backup lacks 1 of 11 rows up to its newest row of 2026",
        ),
        ({"codes": table(0)}, {}, r"public\.codes: the backup lacks 5 of 5 rows of all times\."),
        (
            {"orders": table(None, problem="timeout")},
            {},
            r"public\.orders of the restored database could not be counted: timeout",
        ),
        (
            {},
            {"orders": table(None, problem="denied")},
            r"public\.orders of the live database could not be counted: denied",
        ),
    ],
)
def test_rows_that_the_backup_lacks_are_problems(restored, live, problem):
    restored = {**RESTORED, "tables": {**RESTORED["tables"], **found(**restored)["tables"]}}
    live = {**LIVE, "tables": {**LIVE["tables"], **found(**live)["tables"]}}
    [said] = contents_compared(restored, live)["problems"]
    assert re.match(problem, said)


def test_a_table_that_lost_all_its_rows_is_a_problem_where_they_have_a_time():
    restored = {**RESTORED, "tables": {**RESTORED["tables"], **found(orders=table(0))["tables"]}}
    live = {**LIVE, "tables": {**LIVE["tables"], **found(orders=table(14, LATER))["tables"]}}
    assert contents_compared(restored, live)["problems"] == [
        "public.orders: the backup lacks 14 of 14 rows of all times."
    ]


def test_what_happened_since_the_backup_is_a_note():
    live = {
        **LIVE,
        "tables": {**LIVE["tables"], **found(orders=table(9, LATER, 8), codes=table(7))["tables"]},
    }
    compared = contents_compared(RESTORED, live)
    assert compared["problems"] == []
    assert compared["notes"] == [
        "public.orders: 2 restored rows have been deleted since.",
        "public.codes: 5 rows restored, 7 live.",
    ]


def test_another_schema_is_a_problem_that_names_the_lines():
    lines = [f"column c{number}" for number in range(7)]
    [only_live, only_restored] = contents_compared(
        {**RESTORED, "schema": ["column a", "column b", "column old"]},
        {**LIVE, "schema": ["column a", "column b", *lines]},
    )["problems"]
    assert only_live.startswith(
        "Only the live database has: column c0; column c1; column c2; column c3; column c4 and 2 more."
    )
    assert only_restored.startswith("Only the restored database has: column old. A migration since")

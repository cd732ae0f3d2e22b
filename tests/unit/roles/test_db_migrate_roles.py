"""The rights of the database's roles, on a real PostgreSQL: what the owner makes is the application's to use, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.table_order.infra.plugins.module_utils import db_migrate as shared
from ansible_collections.table_order.infra.plugins.modules import db_migrate_roles

from tests.unit.roles import postgres

NAMES = (f"shop{number}" for number in count())
PARAMETERS = {
    "owner": {"user": "shop_owner", "password": "", "verifier": "owner-password"},
    "app": {"user": "shop_app", "password": "", "verifier": "app-password"},
    "close_other": False,
    "ca_cert": "/ca.pem",
    "encoding": "UTF8",
    "collation": "C.UTF-8",
    "tries": 1,
    "lock_wait": 5,
    "lock_timeout": 5,
    "statement_timeout": 5,
}


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    with postgres.cluster() as directory:
        yield directory


class Shop:
    """A new database with the role's two users."""

    def __init__(self, socket: Path) -> None:
        self.socket, self.name = socket, next(NAMES)
        postgres.run_sql(socket, "postgres", "rdsadmin", f"CREATE DATABASE {self.name} OWNER master")

    def sql(self, user: str, *statements: str) -> list[tuple]:
        return postgres.run_sql(self.socket, self.name, user, *statements)

    def role(
        self, check: bool = False, state: str = "present", app: str = "shop_app", close: bool = False
    ) -> list[str]:
        """Run the module's work; returns the changes."""
        given = {**PARAMETERS, "app": {**PARAMETERS["app"], "user": app}, "close_other": close}
        database = {"host": "h", "port": 1, "name": self.name, "admin_user": "master", "admin_password": ""}
        roles = db_migrate_roles.Roles({**given, "database": database}, check_mode=check)
        try:
            return (roles.make() if state == "present" else roles.remove())["changes"]
        finally:
            roles.master.close()


@pytest.fixture
def shop(socket, monkeypatch) -> Iterator[Shop]:
    def open_session(parameters: dict, user: str, _password: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(host=str(socket), dbname=parameters["database"]["name"], user=user)

    monkeypatch.setattr(shared, "open_session", open_session)
    monkeypatch.setattr(db_migrate_roles, "open_session", open_session)
    made = Shop(socket)
    yield made
    postgres.run_sql(
        socket,
        "postgres",
        "rdsadmin",
        f"DROP DATABASE {made.name}",
        "DROP ROLE IF EXISTS shop_owner, shop_app, shop_app_clone, shop_app_rights",
    )


MIGRATION = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.item (id serial PRIMARY KEY, name text)",
    "CREATE MATERIALIZED VIEW shop.names AS SELECT name FROM shop.item",
)
USE = (
    "INSERT INTO shop.item (name) VALUES ('x')",
    "UPDATE shop.item SET name = 'y'",
    "DELETE FROM shop.item",
    "SELECT setval('shop.item_id_seq', 7)",
    "SELECT * FROM shop.names",
)


def test_tables_of_a_schema_that_a_migration_creates_are_the_applications_at_once(shop):
    shop.role()
    shop.sql("shop_owner", *MIGRATION)
    shop.sql("shop_app", *USE)
    assert shop.role() == []


def test_a_schema_from_before_the_role_knew_it_gets_its_rights(shop):
    shop.role()
    globally = "ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON"
    shop.sql(
        "shop_owner",
        *(f"{globally} {kind} FROM shop_app_rights" for kind in ("SCHEMAS", "TABLES", "SEQUENCES")),
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop_app",
        *MIGRATION,
    )
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="schema shop"):
        shop.sql("shop_app", *USE)
    planned = shop.role(check=True)
    assert shop.role() == planned
    assert "grant USAGE on schema shop to shop_app_rights" in planned
    assert "grant DELETE, INSERT, SELECT, UPDATE on table shop.item to shop_app_rights" in planned
    assert "revoke DELETE, INSERT, SELECT, UPDATE on future tables public from shop_app" in planned
    shop.sql("shop_app", *USE)
    assert shop.role() == []


def test_a_schema_that_the_master_user_has_made_for_the_owner(shop):
    shop.role()
    shop.sql("master", "CREATE SCHEMA made", "GRANT ALL ON SCHEMA made TO shop_owner")
    shop.sql("shop_owner", "CREATE TABLE made.item (id int)")
    assert shop.role() == ["grant USAGE on schema made to shop_app_rights"]
    shop.sql("shop_app", "SELECT * FROM made.item")


def test_rights_by_hand_are_revoked_in_every_schema(shop):
    shop.role()
    shop.sql(
        "shop_owner",
        *MIGRATION,
        'CREATE TABLE shop."Odd . Name" (id int)',
        "GRANT CREATE ON SCHEMA shop TO shop_app",
        'GRANT TRUNCATE ON shop."Odd . Name" TO shop_app',
        "GRANT REFERENCES (name) ON shop.item TO shop_app",
        "GRANT SELECT ON shop.item TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT TRIGGER ON TABLES TO shop_app",
    )
    assert sorted(shop.role()) == [
        "revoke CREATE on schema shop from shop_app",
        "revoke REFERENCES on column shop.item.name from shop_app",
        "revoke SELECT on table shop.item from PUBLIC",
        "revoke TRIGGER on future tables shop from shop_app",
        "revoke TRUNCATE on table shop.Odd . Name from shop_app",
    ]
    assert shop.role() == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE shop.mine (id int)",
        "TRUNCATE shop.item",
        "REFRESH MATERIALIZED VIEW shop.names",
        "DROP TABLE shop.item",
    ],
)
def test_the_application_may_use_rows_and_no_more(shop, statement):
    shop.role()
    shop.sql("shop_owner", *MIGRATION)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        shop.sql("shop_app", statement)


def test_a_function_of_the_owner_does_what_only_owners_may(shop):
    """The README's way for REFRESH MATERIALIZED VIEW and TRUNCATE."""
    shop.role()
    shop.sql(
        "shop_owner",
        *MIGRATION,
        "CREATE FUNCTION shop.refresh_names() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp "
        "AS 'REFRESH MATERIALIZED VIEW shop.names'",
    )
    shop.sql("shop_app", "INSERT INTO shop.item (name) VALUES ('new')", "SELECT shop.refresh_names()")
    assert shop.sql("shop_app", "SELECT name FROM shop.names") == [("new",)]
    assert shop.role() == []


def test_objects_of_extensions_belong_to_the_extension(shop):
    """As PostGIS' spatial_ref_sys in public, its schemas, and TimescaleDB's chunks, which are the owner's in such a schema."""
    shop.role()
    shop.sql(
        "rdsadmin",
        "CREATE TABLE public.spatial_ref_sys (id int)",
        "ALTER EXTENSION plpgsql ADD TABLE public.spatial_ref_sys",
        "CREATE SCHEMA topology",
        "CREATE TABLE topology.layer (id int)",
        "CREATE TABLE topology.chunk (id int)",
        "ALTER TABLE topology.chunk OWNER TO shop_owner",
        "ALTER EXTENSION plpgsql ADD SCHEMA topology",
    )
    assert shop.role() == []


@pytest.mark.parametrize("schema", ["public", "shop"])
def test_a_table_of_another_owner_is_refused_by_name(shop, schema):
    shop.role()
    shop.sql("shop_owner", *MIGRATION)
    shop.sql("rdsadmin", f"CREATE TABLE {schema}.theirs (id int)")
    with pytest.raises(
        shared.DatabaseError,
        match=rf"belong to shop_owner: {schema}.theirs of rdsadmin\. .* OWNER TO shop_owner",
    ):
        shop.role()


def test_two_databases_of_an_application_may_have_the_same_users(shop, socket):
    """A run of the role for each: what one run makes, the other leaves alone."""
    other = Shop(socket)
    try:
        for each in (shop, other):
            assert each.role() != []
            each.sql("shop_owner", *MIGRATION)
        for each in (shop, other):
            each.sql("shop_app", *USE)
            assert each.role() == []
        # Dropped objects take the right to connect to every database with them: the other one would be cut off.
        with pytest.raises(db_migrate_roles.DatabaseError) as refusal:
            shop.role(state="absent")
        assert f"drop role shop_app_rights, which {other.name} needs" in str(refusal.value)
        assert "Give each database users of its own" in str(refusal.value)
        for each in (shop, other):
            assert each.role() == []
    finally:
        postgres.run_sql(socket, "postgres", "rdsadmin", f"DROP DATABASE {other.name}")
    assert shop.role(state="absent")[-3:] == [
        "drop role shop_app",
        "drop role shop_app_rights",
        "drop role shop_owner",
    ]


# Of a site that was made when the log-in itself held the rights.
EARLIER = (
    "CREATE USER shop_owner",
    "CREATE USER shop_app",
    "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {name} TO shop_owner",
    "GRANT CREATE, USAGE ON SCHEMA public TO shop_owner",
    "GRANT CONNECT ON DATABASE {name} TO shop_app",
    "GRANT USAGE ON SCHEMA public TO shop_app",
)
EARLIER_OF_OWNER = (
    "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO shop_app",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop_app",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE, USAGE ON SEQUENCES TO shop_app",
    *MIGRATION,
)
OWN_RIGHTS = """
SELECT refobjid::regrole::text, count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
   AND refobjid::regrole::text LIKE 'shop_app%' GROUP BY 1
"""


def test_the_rights_of_an_earlier_site_move_without_a_refused_statement(shop, monkeypatch):
    shop.sql("rdsadmin", *(statement.format(name=shop.name) for statement in EARLIER))
    shop.sql("shop_owner", *EARLIER_OF_OWNER)
    session = psycopg2.connect(host=str(shop.socket), dbname=shop.name, user="shop_app")
    session.autocommit = True
    used = []
    do = db_migrate_roles.Roles.do

    def use_between(self: db_migrate_roles.Roles, steps: list) -> list[str]:
        """Use the database as the application before and after each transaction, in an old and in a new session."""
        done = do(self, steps)
        with session.cursor() as cursor:
            for statement in USE:
                cursor.execute(statement)
        shop.sql("shop_app", *USE)
        used.append(done)
        return done

    monkeypatch.setattr(db_migrate_roles.Roles, "do", use_between)
    changes = shop.role()
    assert [len(done) > 0 for done in used] == [True, False, True]
    assert "shop_app: a member of shop_app_rights" in changes
    assert "revoke DELETE, INSERT, SELECT, UPDATE on future tables from shop_app" in changes
    assert shop.role() == []
    [(holder, _count)] = shop.sql("rdsadmin", OWN_RIGHTS)
    assert holder == "shop_app_rights"
    session.close()


def test_the_log_ins_are_used_in_turn(shop):
    shop.role()
    shop.sql("shop_owner", *MIGRATION)
    for app, other in (("shop_app_clone", "shop_app"), ("shop_app", "shop_app_clone")):
        opened = shop.role(app=app)
        assert opened[0] in (f"role {app}", f"{app}: LOGIN")
        # Both until the application has the new one.
        for name in (app, other):
            shop.sql(name, *USE)
        left = psycopg2.connect(host=str(shop.socket), dbname=shop.name, user=other)
        planned = shop.role(app=app, close=True, check=True)
        shop.sql(other, *USE)
        assert (
            shop.role(app=app, close=True) == planned == [f"{other}: NOLOGIN", f"{other}: 1 session(s) ended"]
        )
        with pytest.raises(psycopg2.OperationalError), left.cursor() as cursor:
            cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            shop.sql(other, "SELECT 1")
        known = (
            "SELECT rolname::text FROM pg_authid WHERE rolname LIKE 'shop_app%' AND rolpassword IS NOT NULL"
        )
        assert (other,) not in shop.sql("rdsadmin", known)
        shop.sql(app, *USE)
        assert shop.role(app=app, close=True) == shop.role(app=app) == []
    # The master user is no member of either.
    members = "SELECT member::regrole::text FROM pg_auth_members WHERE roleid::regrole::text LIKE 'shop_app%' ORDER BY 1"
    assert shop.sql("rdsadmin", members) == [("shop_app",), ("shop_app_clone",)]
    assert shop.role(state="absent")[-4:] == [
        f"drop role {name}" for name in ("shop_app", "shop_app_clone", "shop_app_rights", "shop_owner")
    ]
    assert shop.role(state="absent") == []


def test_memberships_and_attributes_by_hand_are_undone_for_all_log_ins(shop):
    shop.role()
    shop.role(app="shop_app_clone")
    shop.sql("shop_owner", *MIGRATION, "GRANT SELECT ON shop.item TO shop_app_clone")
    shop.sql(
        "rdsadmin",
        "ALTER ROLE shop_app_rights LOGIN CREATEDB",
        "ALTER ROLE shop_app_clone NOINHERIT CREATEROLE",
        "GRANT shop_owner TO shop_app_rights",
        "GRANT pg_read_all_data TO shop_app_clone",
        "GRANT shop_app_rights TO shop_app WITH ADMIN OPTION",
    )
    assert sorted(shop.role()) == [
        "revoke SELECT on table shop.item from shop_app_clone",
        "shop_app: no longer grants shop_app_rights",
        "shop_app_clone: INHERIT",
        "shop_app_clone: NOCREATEROLE",
        "shop_app_clone: no longer a member of pg_read_all_data",
        "shop_app_rights: NOCREATEDB",
        "shop_app_rights: NOLOGIN",
        "shop_app_rights: no longer a member of shop_owner",
    ]
    assert shop.role() == []


def test_the_names_of_the_other_roles():
    assert [shared.other_log_in(name) for name in ("shop_app", "shop_app_clone")] == [
        "shop_app_clone",
        "shop_app",
    ]
    assert {shared.rights_role(name) for name in ("shop_app", "shop_app_clone")} == {"shop_app_rights"}

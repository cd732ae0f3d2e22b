import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic import command
from backing import BACKEND
from conftest import Databases, alembic
from sqlalchemy import create_engine, inspect, text

TABLES = {
    "stores",
    "admins",
    "tables",
    "table_sessions",
    "menu_categories",
    "menus",
    "orders",
    "order_items",
    "order_history",
}


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """The URL of an empty database that `owner` owns."""
    admin = create_engine(databases.superuser.replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE migrations OWNER owner"))
        yield databases.owner.replace("/tableorder", "/migrations")
        connection.execute(text("DROP DATABASE migrations"))
    admin.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url.replace("://", "+psycopg://"))
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found - {"alembic_version"}


def test_up_down_and_up_again(empty_database: str) -> None:
    assert alembic(empty_database, command.current) == ""
    alembic(empty_database, command.upgrade, "head")
    assert tables(empty_database) == TABLES
    assert alembic(empty_database, command.current) == alembic(empty_database, command.heads)
    alembic(empty_database, command.downgrade, "-1")
    alembic(empty_database, command.upgrade, "head")
    alembic(empty_database, command.downgrade, "base")
    assert tables(empty_database) == set()
    alembic(empty_database, command.upgrade, "head")
    assert tables(empty_database) == TABLES


def test_tables_of_a_release_that_knows_no_codes_have_codes(empty_database: str) -> None:
    alembic(empty_database, command.upgrade, "0002")
    engine = create_engine(empty_database.replace("://", "+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO stores (name) VALUES ('before')"))
        connection.execute(text("INSERT INTO tables (store_id, number) VALUES (1, 1), (1, 2)"))
    alembic(empty_database, command.upgrade, "head")
    with engine.begin() as connection:  # the release of before, which still serves
        connection.execute(text("INSERT INTO tables (store_id, number) VALUES (1, 3)"))
        codes = connection.scalars(text("SELECT code FROM tables")).all()
    engine.dispose()
    assert len(set(codes)) == 3
    assert all(code.version == 4 for code in codes)


def test_models_and_migrations_agree(databases: Databases, environment: dict[str, str]) -> None:
    assert "No new upgrade operations detected" in alembic(databases.owner, command.check)


def test_command_line_as_the_deployment_runs_it(databases: Databases, environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "alembic", "current"],
        cwd=BACKEND,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": databases.owner},
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.endswith("(head)\n")

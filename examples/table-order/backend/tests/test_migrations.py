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

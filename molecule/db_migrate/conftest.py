"""How the tests reach the database."""

import os
import subprocess

import pytest

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
DATABASE = "table-order-molecule-db_migrate-database"


def run_sql(statement: str, role: str = "rdsadmin", database: str = "tableorder") -> str:
    """Run SQL inside the database's container, as superuser or after SET ROLE; errors are returned like answers."""
    command = [ENGINE, "exec", DATABASE, "psql", "--username=rdsadmin", f"--dbname={database}", "-qtA"]
    command += ["--command", f"SET ROLE {role}", "--command", statement]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr).strip()


@pytest.fixture(scope="session")
def sql():
    return run_sql

"""The database as its superuser, who on AWS is Amazon's alone."""

from __future__ import annotations

import subprocess

from local_cloud.settings import container_environment
from tests.e2e import site


def query(statements: str, database: str = "postgres") -> str:
    """Return what psql prints of statements."""
    [instance] = site.aws("rds").describe_db_instances()["DBInstances"]
    container = f"{site.CLOUD['local_cloud']['container_prefix']}-{instance['DbiResourceId'].lower()}"
    command = ["podman", "exec", container, "psql", "--username=rdsadmin", f"--dbname={database}"]
    return subprocess.run(
        [*command, "--set=ON_ERROR_STOP=1", "-At", "-c", statements],
        env=container_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def name() -> str:
    """Return the service's database."""
    [instance] = site.aws("rds").describe_db_instances()["DBInstances"]
    return instance["DBName"]

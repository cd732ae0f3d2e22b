"""A real PostgreSQL 15 on a socket in a temporary directory, as RDS gives it: its master user is no superuser."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def cluster(*settings: str) -> Iterator[Path]:
    """Start a cluster with settings that trusts everybody on its socket; yields the socket's directory."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        as_user: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(directory, "postgres")
            as_user = ["runuser", "-u", "postgres", "--"]
        data = ["-D", str(directory / "data")]
        initdb = [str(PROGRAMS / "initdb"), *data, "-U", "rdsadmin", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*as_user, *initdb, "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        server = [str(PROGRAMS / "postgres"), *data, "-k", name, "-F", "-c", "listen_addresses="]
        server += [word for setting in settings for word in ("-c", setting)]
        process = subprocess.Popen([*as_user, *server], stderr=subprocess.DEVNULL, cwd="/")
        try:
            _await(directory)
            run_sql(directory, "postgres", "rdsadmin", "CREATE ROLE master LOGIN CREATEROLE")
            yield directory
        finally:
            process.terminate()
            process.wait(30)


def _await(directory: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            run_sql(directory, "postgres", "rdsadmin", "SELECT 1")
            break
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def run_sql(directory: Path, database: str, user: str, *statements: str) -> list[tuple]:
    """Run statements, each in its own transaction; returns the rows of the last one, if it has any."""
    connection = psycopg2.connect(host=str(directory), dbname=database, user=user)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()

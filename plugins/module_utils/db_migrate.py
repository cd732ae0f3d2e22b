# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Shared code of the role's modules: connections, advice on failures, and the lock."""

from __future__ import annotations

import time
from typing import Any

try:
    import psycopg2

    # A removed package leaves a directory with compiled files, which still imports as an empty package.
    import psycopg2.errors
except ImportError:
    psycopg2 = None

Connection = Any  # the driver has no types

LOCK = 0x7AB1E0DB  # an arbitrary number, shared by all runs; PostgreSQL scopes the lock to one database

# Seconds between two checks for blocked sessions. The lock timeouts are shorter than their setting by this value.
POLL = 0.25

# Shared options of the modules, with the same parts as the settings of the same name.
DATABASE = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "admin_user": {"type": "str", "required": True},
    "admin_password": {"type": "str", "required": True, "no_log": True},
}
ROLE = {
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}
RELEASE = {
    "path": {"type": "path", "required": True},
    "config": {"type": "str", "default": "alembic.ini"},
    "directory": {"type": "str", "default": "."},
    "venv": {"type": "str", "default": "venv"},
    "user": {"type": "str", "required": True},
}

# The ends of the names of the application's second log-in, as Secrets Manager's rotation functions for alternating users name it,
# and of the role that holds the rights of both.
CLONE, RIGHTS = "_clone", "_rights"


def other_log_in(user: str) -> str:
    """Return the log-in that is used in turn with ``user``."""
    return user[: -len(CLONE)] if user.endswith(CLONE) else user + CLONE


def rights_role(user: str) -> str:
    """Return the role without log-in that holds the rights of ``user`` and of its other log-in."""
    return min(user, other_log_in(user), key=len) + RIGHTS


class DatabaseError(Exception):
    """A step failed; the message is for the operator."""


def advice(error: str, parameters: dict[str, Any], user: str, setting: str) -> str:
    """Return the fix for ``error``, with the name of the setting that is most likely wrong."""
    database, ca_cert = parameters["database"], parameters["ca_cert"]
    hints = {
        "certificate verify failed": (
            f"db_migrate_ca_cert ({ca_cert}) does not contain the CA of the certificate of {database['host']}. Install the "
            "right CA bundle (the fastapi_app role does), or set another file."
        ),
        "does not match host name": (
            "Set db_migrate_database.host to the name in the certificate, not to an address or an alias."
        ),
        "root certificate": f"Install the CA bundle as db_migrate_ca_cert ({ca_cert}).",
        "password authentication failed": (
            f"{setting} is not the password of {user}: check the secret behind the setting."
        ),
        "could not translate host name": (
            "Correct db_migrate_database.host; this server must be able to resolve the name."
        ),
        "does not exist": (
            f"Create the database, or correct db_migrate_database.name ({database['name']}) or the user's name."
        ),
    }
    for part, hint in hints.items():
        if part in error:
            return hint
    return (
        f"Check db_migrate_database.host and .port ({database['port']}), the security group (the server needs access to the "
        "port), and that the database is running."
    )


def open_session(parameters: dict[str, Any], user: str, password: str) -> Connection:
    """Return a connection over verified TLS; raises the errors of psycopg2."""
    database = parameters["database"]
    return psycopg2.connect(
        host=database["host"],
        port=database["port"],
        dbname=database["name"],
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=parameters["ca_cert"],
        connect_timeout=10,
        application_name="db_migrate",
    )


def connect(parameters: dict[str, Any], user: str, password: str, setting: str, tries: int = 1) -> Connection:
    """Return a connection over verified TLS; ``setting`` is the name of the password's setting.

    Retries every two seconds. Raises DatabaseError, with the fix, after the last attempt.
    """
    for left in reversed(range(tries)):
        try:
            return open_session(parameters, user, password)
        except psycopg2.OperationalError as error:
            if left:
                time.sleep(2)
                continue
            database, said = parameters["database"], str(error).strip()
            raise DatabaseError(
                f"Cannot connect to {database['name']} at {database['host']}:{database['port']} as {user} over verified "
                f"TLS: {said}\n{advice(said, parameters, user, setting)}"
            ) from error
    raise DatabaseError("db_migrate_connect_tries must be at least 1.")


def lock(connection: Connection, wait: int) -> None:
    """Take the lock until the session ends (also by a killed process); raises DatabaseError after ``wait`` seconds."""
    with connection.cursor() as cursor:
        # Replaces the owner's timeouts, which are for migrations.
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false)",
            (f"{wait}s",),
        )
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg2.errors.LockNotAvailable as error:
            message = f"Another migration has been running for more than {wait} s."
            raise DatabaseError(f"{message} Wait until it ends, or raise db_migrate_lock_wait.") from error
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")
    connection.commit()

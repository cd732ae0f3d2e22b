"""What the modules of this role share: how to connect, what to say when that fails, and the lock."""

from __future__ import annotations

import time
from typing import Any

try:
    import psycopg2

    # A removed package leaves a folder with compiled files, which Python imports without complaint.
    import psycopg2.errors
except ImportError:
    psycopg2 = None

Connection = Any  # the driver has no types

LOCK = 0x7AB1E0DB  # any number, the same for all runs; PostgreSQL keeps one such lock per database

# How often to look whether others wait for a migration; the lock timeouts are shorter by that than their setting.
POLL = 0.25

# What the options of the modules are; each has the settings' parts under the settings' names.
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


class DatabaseError(Exception):
    """A step failed; the message is for the operator."""


def advice(error: str, parameters: dict[str, Any], user: str, setting: str) -> str:
    """Return what to do about ``error``, by the name of the setting that is most likely wrong."""
    database, ca_cert = parameters["database"], parameters["ca_cert"]
    hints = {
        "certificate verify failed": (
            f"db_migrate_ca_cert ({ca_cert}) does not hold the authority that signed the certificate of "
            f"{database['host']}. Put the right one there (the fastapi_app role does), or name another file."
        ),
        "does not match host name": (
            "Set db_migrate_database.host to the name that the certificate is made for; an address or an alias is "
            "not enough."
        ),
        "root certificate": f"Put the certificate authorities into db_migrate_ca_cert ({ca_cert}).",
        "password authentication failed": (
            f"{setting} is not the password of {user}: look at the secret that it comes from."
        ),
        "could not translate host name": (
            "Correct db_migrate_database.host; this server must be able to resolve it."
        ),
        "does not exist": (
            f"Create the database, or correct db_migrate_database.name ({database['name']}) or the user's name."
        ),
    }
    for part, hint in hints.items():
        if part in error:
            return hint
    return (
        f"Look at db_migrate_database.host and .port ({database['port']}), at the security group (the port must be open "
        "from the server's), and whether the database is running."
    )


def open_session(parameters: dict[str, Any], user: str, password: str) -> Connection:
    """Return a connection over verified TLS; raises what psycopg2 raises."""
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
    """Return a connection over verified TLS; ``setting`` is where the password comes from.

    Tries again every two seconds. Raises DatabaseError, with the fix, when that does not help.
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
    """Take the lock for as long as the session lasts (a killed process ends it), or raise after ``wait`` seconds."""
    with connection.cursor() as cursor:
        # In place of the owner's own, which are for migrations.
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false)",
            (f"{wait}s",),
        )
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg2.errors.LockNotAvailable as error:
            message = f"Another migration has been running for more than {wait} s."
            raise DatabaseError(f"{message} Wait for it, or raise db_migrate_lock_wait.") from error
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")
    connection.commit()

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role db_migrate accepts beyond its specification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import other_log_in, rights_role

from .settings import PORT, REVISION, Kind, Table, either, integer, pattern, shown, variable

# Keywords of PostgreSQL and names reserved by RDS.
RESERVED_ROLES = (
    "admin", "all", "authenticated", "current_role", "current_user", "none", "public", "replication", "root", "session_user",
    "user",
)  # fmt: skip
RESERVED_DATABASES = ("rdsadmin", "template0", "template1")
DATABASE_KEYS, ROLE_KEYS = ("host", "port", "name", "admin_user", "admin_password"), ("user", "password")
TEXT = pattern(r"[^\x00-\x1f\x7f]*", "text without a line break. Quote a number")
ABSOLUTE = pattern(
    r"/(?!(.*/)?\.\.(/|\Z))[^\x00-\x1f\x7f]*",
    "an absolute path without '..', such as /srv/shop/backend",
)
IN_RELEASE = pattern(
    r"(?![/~-])(?!(.*/)?\.\.(/|\Z))[^\x00-\x1f\x7f]+",
    "a path in the release (db_migrate_release_path), without '..' and without a leading '/'",
)
USER = (
    "a lower-case letter, then letters, digits and '_', {} at most, without the prefixes 'pg_' and 'rds', and not reserved by "
    "PostgreSQL or RDS. Choose another name, such as {}"
)
PASSWORD = pattern(
    r"[!-~]{8,128}",
    "text of 8 to 128 printable ASCII characters without a space. Choose another password; quote a number",
)
NAME = pattern(r"(?s).+", "a name in PostgreSQL's spelling, such as UTF8 or en_US.UTF-8")
SCALAR = Kind(
    lambda value: isinstance(value, str | int | float) and "\0" not in str(value),
    "text without a zero byte, a number, true or false. Write other values as quoted JSON, or encode the value",
)
VARIABLE = variable("HOME", "LC_ALL", "PATH")

# fmt: off
KINDS = {
    "db_migrate_database.host": pattern(
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?",
        "the name in the certificate, without a scheme, user, password or port. Use the separate settings for these"),
    "db_migrate_database.port": PORT,
    "db_migrate_database.name": pattern(
        rf"(?i:(?!({'|'.join(RESERVED_DATABASES)})\Z))[A-Za-z_][A-Za-z0-9_$-]{{0,62}}",
        "a letter, then letters, digits, '_', '$' and '-', 63 at most, and none of "
        f"{', '.join(RESERVED_DATABASES)}. Give the database another name"),
    "db_migrate_database.admin_user": TEXT,
    "db_migrate_database.admin_password": TEXT,
    "db_migrate_owner.user": pattern(
        r"(?!pg_|rds)[a-z][a-z0-9_]{0,62}", USER.format(63, "tableorder_owner"), but=RESERVED_ROLES),
    "db_migrate_owner.password": PASSWORD,
    # The name of the role that holds the rights has seven characters more (module_utils/db_migrate.py).
    "db_migrate_app.user": pattern(
        r"(?!pg_|rds)[a-z][a-z0-9_]{0,55}(_clone)?", USER.format("56 (without '_clone')", "tableorder_app"), but=RESERVED_ROLES),
    "db_migrate_app.password": PASSWORD,
    "db_migrate_release_path": ABSOLUTE,
    "db_migrate_ca_cert": ABSOLUTE,
    "db_migrate_keep_fresh": either(ABSOLUTE, "", "empty"),
    "db_migrate_alembic_ini": either(IN_RELEASE, "", "empty for an application without Alembic"),
    "db_migrate_alembic_folder": IN_RELEASE,
    "db_migrate_venv": IN_RELEASE,
    "db_migrate_user": pattern(r"[a-z_][a-z0-9_-]{0,31}", "the name of a system user, such as table-order"),
    "db_migrate_environment.<name>": variable(),
    "db_migrate_environment.<value>": SCALAR,
    "db_migrate_url_variable": either(VARIABLE, "", "empty"),
    **{f"db_migrate_connection_variables.{part}": VARIABLE for part in ("host", "port", "name", "user", "password", "ca_cert")},
    "db_migrate_url_scheme": pattern(
        r"postgres(ql)?(\+[a-z0-9_]+)?", "postgresql or postgres, optionally with '+' and a driver, such as postgresql+asyncpg"),
    "db_migrate_url_query.<name>": variable(),
    "db_migrate_url_query.<value>": SCALAR,
    **dict.fromkeys(("db_migrate_after_command[]", "db_migrate_owner_command[]"), pattern(
        r"[^\0]+", "a word of the command, such as [python, -m, app.bootstrap]. The command runs without a shell: list the program "
        "and its arguments, and quote numbers")),
    "db_migrate_unchanged_lines[]": pattern(r"\S(.*\S)?", "a line of text without spaces around it, as the command prints it last"),
    "db_migrate_serving[]": pattern(r"(?s).+", "a revision ID"),
    "db_migrate_applied[]": REVISION,
    "db_migrate_encoding": NAME,
    "db_migrate_collation": NAME,
    "db_migrate_connect_tries": integer(1, 1000),
    "db_migrate_lock_wait": integer(1, 86400),
    "db_migrate_lock_timeout": integer(1, 86400),
    "db_migrate_statement_timeout": integer(0, 86400),
}
# fmt: on


def connection(
    db_migrate_state: str,
    db_migrate_remove_data: bool,
    db_migrate_database: Mapping[str, Any],
    db_migrate_owner: Mapping[str, Any],
    db_migrate_app: Mapping[str, Any],
) -> Iterator[str]:
    """Find what a connection to the database lacks, and users that are not three."""
    if db_migrate_state == "absent" and not boolean(db_migrate_remove_data):
        return
    users = []
    for name, given, keys in (
        ("db_migrate_database", db_migrate_database, DATABASE_KEYS),
        ("db_migrate_owner", db_migrate_owner, ROLE_KEYS),
        ("db_migrate_app", db_migrate_app, ROLE_KEYS),
    ):
        if lacking := [key for key in keys if given.get(key) in (None, "")]:
            yield f"{name} lacks {', '.join(lacking)}. Accepted: a dictionary with {', '.join(keys)}."
        else:
            users.append(str(given[keys[-2]]))
    app = str(db_migrate_app.get("user"))
    if len(users) != len(set(users)) or {other_log_in(app), rights_role(app)} & set(users):
        yield (
            f"db_migrate_database.admin_user, db_migrate_owner.user and db_migrate_app.user are {', '.join(users)}. Set three "
            "different names, none of them the application's with '_clone' or '_rights' at its end: the application must "
            "not be able to change the schema."
        )


def variables(
    db_migrate_url_variable: str, db_migrate_connection_variables: Mapping[str, str | None]
) -> Iterator[str]:
    """Find environment variables with two meanings."""
    named = {"db_migrate_url_variable": db_migrate_url_variable}
    named |= {
        f"db_migrate_connection_variables.{part}": name
        for part, name in db_migrate_connection_variables.items()
    }
    for name in sorted({name for name in named.values() if name and [*named.values()].count(name) > 1}):
        both = " and ".join(setting for setting, other in named.items() if other == name)
        yield f"{both} are both {shown(name)}. Set different variables."


TABLE = Table(
    KINDS,
    [connection, variables],
    others=("db_migrate_result",),
    secrets=(
        "db_migrate_environment",
        "db_migrate_url_query",
        "db_migrate_owner_command",
        "db_migrate_after_command",
    ),
)

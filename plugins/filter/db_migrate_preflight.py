# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filter that finds invalid settings of the role, before any change to the server.

The filter returns a list of sentences, empty for valid settings. A sentence names the setting, the accepted form and the
fix, and never shows a possible secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

ROLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Keywords of PostgreSQL and names reserved by RDS.
RESERVED_ROLES = frozenset(
    {
        "admin",
        "all",
        "authenticated",
        "current_role",
        "current_user",
        "none",
        "public",
        "replication",
        "root",
        "session_user",
        "user",
    }
)
RESERVED_DATABASES = frozenset(["template0", "template1", "rdsadmin"])
PASSWORD = re.compile(r"[!-~]{8,128}")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SET_BY_THE_ROLE = frozenset(["HOME", "PATH", "LC_ALL"])
DATABASE_KEYS = ("host", "port", "name", "admin_user", "admin_password")
ROLE_KEYS = ("user", "password")


def _is_path(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not CONTROL.search(value)


def _kind(value: object) -> str:
    """Return the kind of a value that is neither text, number nor boolean; covers Ansible's own types."""
    if isinstance(value, Mapping):
        return "dictionary"
    return "null" if value is None else "list" if isinstance(value, list) else type(value).__name__


def _lacking(settings: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> list[str]:
    value = settings.get(name)
    if not isinstance(value, Mapping):
        return [f"{name} is not a dictionary; it needs {', '.join(keys)}."]
    missing = [key for key in keys if value.get(key) in (None, "")]
    if missing:
        return [f"{name} lacks {', '.join(missing)}; it needs {', '.join(keys)}."]
    return []


def _number(value: object, least: int, most: int) -> bool:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
        return False
    return least <= int(str(value)) <= most


def _database(database: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(database["host"], str) or not HOST.fullmatch(database["host"]):
        yield (
            "db_migrate_database.host is not a host name; accepted: the name in the certificate, without a "
            "scheme, user, password or port. Use the separate settings for these."
        )
    if not _number(database["port"], 1, 65535):
        yield f"db_migrate_database.port is {database['port']!r}; accepted: 1 to 65535. PostgreSQL's default is 5432."
    name = database["name"]
    if (
        not isinstance(name, str)
        or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", name)
        or name.lower() in RESERVED_DATABASES
    ):
        yield (
            f"db_migrate_database.name is {name!r}; accepted: a letter, then letters, digits, '_', '$' and '-', 63 at "
            f"most, and none of {', '.join(sorted(RESERVED_DATABASES))}. Give the database another name."
        )
    for key in ("admin_user", "admin_password"):
        if not isinstance(database[key], str) or CONTROL.search(database[key]):
            yield (
                f"db_migrate_database.{key} is refused; accepted: text without a line break. Quote a number."
            )


def _role(setting: str, role: Mapping[str, Any]) -> Iterator[str]:
    user = role["user"]
    reserved = isinstance(user, str) and (user in RESERVED_ROLES or user.startswith(("pg_", "rds")))
    if not isinstance(user, str) or not ROLE_NAME.fullmatch(user) or reserved:
        yield (
            f"{setting}.user is {user!r}; accepted: a lower-case letter, then letters, digits and '_', 63 at most, "
            "without the prefixes 'pg_' and 'rds', and not reserved by PostgreSQL or RDS. Choose another name, such as "
            "tableorder_app."
        )
    if not isinstance(role["password"], str) or not PASSWORD.fullmatch(role["password"]):
        yield (
            f"{setting}.password is refused; accepted: text of 8 to 128 printable ASCII characters without a space. "
            "Choose another password; quote a number."
        )


def _paths(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in ("db_migrate_release_path", "db_migrate_ca_cert"):
        value = settings[name]
        if not _is_path(value) or not value.startswith("/") or ".." in value.split("/"):
            yield f"{name} is {value!r}; accepted: an absolute path without '..', such as /opt/table-order/backend."
    fresh = settings["db_migrate_keep_fresh"]
    if fresh != "" and (not _is_path(fresh) or not fresh.startswith("/") or ".." in fresh.split("/")):
        yield f"db_migrate_keep_fresh is {fresh!r}; accepted: an absolute path without '..', or empty."
    for name in ("db_migrate_alembic_ini", "db_migrate_alembic_folder", "db_migrate_venv"):
        value = settings[name]
        if not _is_path(value) or value[0] in "/~-" or ".." in value.split("/"):
            yield (
                f"{name} is {value!r}; accepted: a path in the release (db_migrate_release_path), without '..' and "
                "without a leading '/'."
            )
    user = settings["db_migrate_user"]
    if not isinstance(user, str) or not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user):
        yield f"db_migrate_user is {user!r}; accepted: the name of a system user, such as table-order."


def _environment(values: object) -> Iterator[str]:
    if not isinstance(values, Mapping):
        yield "db_migrate_environment is not a dictionary; accepted: names and values, such as {LOG_LEVEL: info}."
        return
    for name, value in values.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            yield (
                f"db_migrate_environment contains {name!r}, which is not a variable name; accepted: letters, digits and '_', "
                "not beginning with a digit."
            )
        elif not isinstance(value, str | int | float):
            yield (
                f"db_migrate_environment.{name} is a {_kind(value)}; accepted: text, a number, true or false. "
                "Write other values as quoted JSON, or remove the variable."
            )
        elif "\0" in str(value):
            yield f"db_migrate_environment.{name} contains a zero byte, which an environment cannot store. Encode the value."


def _connection(settings: Mapping[str, Any]) -> Iterator[str]:
    url = settings["db_migrate_url_variable"]
    parts = settings["db_migrate_connection_variables"]
    if not isinstance(parts, Mapping):
        yield "db_migrate_connection_variables is not a dictionary; accepted: a part and its variable, such as {host: DB_HOST}."
        parts = {}
    named = [("db_migrate_url_variable", url)] if url != "" else []
    named += [
        (f"db_migrate_connection_variables.{part}", name) for part, name in parts.items() if name is not None
    ]
    for setting, name in named:
        if not isinstance(name, str) or not VARIABLE.fullmatch(name) or name in SET_BY_THE_ROLE:
            yield (
                f"{setting} is {name!r}; accepted: the name of a variable (letters, digits and '_', not beginning with a "
                f"digit), except {', '.join(sorted(SET_BY_THE_ROLE))}, which the role sets."
            )
    names = [str(name) for _dummy, name in named]
    for name in sorted({name for name in names if names.count(name) > 1}):
        both = " and ".join(setting for setting, other in named if other == name)
        yield f"{both} are both {name!r}. Set different variables."
    scheme = settings["db_migrate_url_scheme"]
    if not isinstance(scheme, str) or not re.fullmatch(r"postgres(ql)?(\+[a-z0-9_]+)?", scheme):
        yield (
            f"db_migrate_url_scheme is {scheme!r}; accepted: postgresql or postgres, optionally with '+' and a driver, such as "
            "postgresql+asyncpg."
        )
    query = settings["db_migrate_url_query"]
    if not isinstance(query, Mapping):
        yield "db_migrate_url_query is not a dictionary; accepted: names and values, such as {ssl: verify-full}."
        return
    for name, value in query.items():
        if (
            not isinstance(name, str)
            or not VARIABLE.fullmatch(name)
            or not isinstance(value, str | int | float)
        ):
            yield (
                f"db_migrate_url_query contains {name!r} with a {_kind(value)}; accepted: an option's name, and text, a "
                "number, true or false."
            )


def _rest(settings: Mapping[str, Any]) -> Iterator[str]:
    command = settings["db_migrate_after_command"]
    if not isinstance(command, list) or any(
        not isinstance(word, str) or not word or "\0" in word for word in command
    ):
        yield (
            "db_migrate_after_command is refused; accepted: a list of words, such as [python, -m, app.bootstrap], or an "
            "empty list. The command runs without a shell: list the program and its arguments, and quote numbers."
        )
    serving = settings["db_migrate_serving"]
    if not isinstance(serving, list) or any(not isinstance(one, str) or not one for one in serving):
        yield "db_migrate_serving is refused; accepted: a list of revision IDs, or an empty list without a live release."
    applied = settings["db_migrate_applied"]
    if not isinstance(applied, list) or any(
        not isinstance(one, Mapping) or not {"id", "title", "contract"} <= one.keys() for one in applied
    ):
        yield "db_migrate_applied is refused; accepted: a list with id, title and contract, like db_migrate_revisions."
    for name in ("db_migrate_encoding", "db_migrate_collation"):
        if not isinstance(settings[name], str) or not settings[name]:
            yield f"{name} is {settings[name]!r}; accepted: a name in PostgreSQL's spelling, such as UTF8 or en_US.UTF-8."
    for name, least, most in (
        ("db_migrate_connect_tries", 1, 1000),
        ("db_migrate_lock_wait", 1, 86400),
        ("db_migrate_lock_timeout", 1, 86400),
        ("db_migrate_statement_timeout", 0, 86400),
    ):
        if not _number(settings[name], least, most):
            yield f"{name} is {settings[name]!r}; accepted: a whole number from {least} to {most}."


def setting_problems(settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each invalid setting; ``settings`` has all settings by their full names."""
    if settings["db_migrate_state"] == "absent" and not boolean(
        settings["db_migrate_remove_data"], strict=False
    ):
        return []
    problems = _lacking(settings, "db_migrate_database", DATABASE_KEYS)
    if not problems:
        problems += _database(settings["db_migrate_database"])
    users = [str((settings["db_migrate_database"] or {}).get("admin_user"))] if not problems else []
    for name in ("db_migrate_owner", "db_migrate_app"):
        lacking = _lacking(settings, name, ROLE_KEYS)
        problems += lacking or _role(name, settings[name])
        users += [] if lacking else [str(settings[name]["user"])]
    if len(users) != len(set(users)):
        problems.append(
            f"db_migrate_database.admin_user, db_migrate_owner.user and db_migrate_app.user are {', '.join(users)}; set "
            "three different names: the application's role must not be able to change the schema."
        )
    problems += _paths(settings)
    problems += _environment(settings["db_migrate_environment"])
    problems += _connection(settings)
    problems += _rest(settings)
    return problems


class FilterModule:
    """The filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"db_migrate_setting_problems": setting_problems}

#!/usr/bin/python
"""Ansible module: bring a database to the revision of a release's Alembic migrations."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.db_migrate import DATABASE, ROLE, DatabaseError, connect, lock, psycopg2

DOCUMENTATION = """
module: db_migrate_upgrade
short_description: Bring a database to the revision of a release's Alembic migrations
description:
  - Runs C(alembic upgrade head) from a release when C(alembic current) differs from C(alembic heads), as
    another user, with the database's URL in the environment (never on a command line). Afterwards a command
    of the application's own runs, with the application's URL.
  - A lock in the database, held for all of it, makes a second run wait, from whichever server it comes.
options:
  path:
    description: The release.
    type: path
    required: true
  config:
    description: Alembic's configuration, in O(path).
    type: str
    default: alembic.ini
  folder:
    description: Where Alembic runs, in O(path).
    type: str
    default: .
  venv:
    description: The virtual environment, in O(path).
    type: str
    default: venv
  user:
    description: The user who runs the application's code.
    type: str
    required: true
  database:
    description: The database; its master is not used.
    type: dict
    required: true
    suboptions:
      host: {description: Its host name., type: str, required: true}
      port: {description: Its port., type: int, required: true}
      name: {description: Its name., type: str, required: true}
      admin_user: {description: The master., type: str, required: true}
      admin_password: {description: The master's password., type: str, required: true}
  ca_cert:
    description: The certificate authorities that its certificate is checked against.
    type: path
    required: true
  owner:
    description: Who migrates.
    type: dict
    required: true
    suboptions: &role
      user: {description: The name., type: str, required: true}
      password: {description: The password., type: str, required: true}
  app:
    description: Who runs O(after_command).
    type: dict
    required: true
    suboptions: *role
  environment:
    description: The application's environment.
    type: dict
    default: {}
  url_variable:
    description: The variable that holds the database's URL; empty for none.
    type: str
    default: DATABASE_URL
  url_scheme:
    description: How the URL begins.
    type: str
    default: postgresql
  url_query:
    description: The options at the end of the URL.
    type: dict
    default: {}
  connection_variables:
    description: The variables that hold the single parts.
    type: dict
    default: {}
    suboptions:
      host: {description: Holds the host name., type: str}
      port: {description: Holds the port., type: str}
      name: {description: Holds the database's name., type: str}
      user: {description: Holds the user., type: str}
      password: {description: Holds the password., type: str}
      ca_cert: {description: Holds the path of the certificate authorities., type: str}
  after_command:
    description: What to run afterwards; C(unchanged) as its last line says that it changed nothing.
    type: list
    elements: str
    default: []
  lock_wait:
    description: How long to wait for another migration, in seconds.
    type: int
    default: 300
author: [Table Order Infrastructure]
"""

EXAMPLES = """
- db_migrate_upgrade:
    path: /opt/table-order/backend
    user: table-order
    database: "{{ db_migrate_database }}"
    ca_cert: /etc/ssl/certs/rds-ca.pem
    owner: "{{ db_migrate_owner }}"
    app: "{{ db_migrate_app }}"
    url_query: {sslmode: verify-full, sslrootcert: /etc/ssl/certs/rds-ca.pem}
    after_command: [python, -m, app.bootstrap]
"""

RETURN = """
before: {description: The revisions of the database before., type: list, elements: str, returned: success}
after: {description: The revisions that it has now., type: list, elements: str, returned: success}
"""

# "alembic current" and "alembic heads" print "REVISION (head)"; an application may print other lines beside.
REVISION = re.compile(r"^([\w-]+)(?: \((?:head|effective head|mergepoint|branchpoint)\))*$")
SHOWN_LINES = 25
SECRET_LENGTH = 8  # a value of the environment from this length on is never shown, whatever it is


def text(value: object) -> str:
    """Return a value as a process finds it in its environment: true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def connection_parts(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the parts of the connection of ``role`` ("owner" or "app"), by the names of the settings."""
    database = parameters["database"]
    return {
        **{part: text(database[part]) for part in ("host", "port", "name")},
        **{part: parameters[role][part] for part in ("user", "password")},
        "ca_cert": parameters["ca_cert"],
    }


def database_url(parameters: dict[str, Any], role: str) -> str:
    """Return the URL with which ``role`` ("owner" or "app") connects, in the form that the code expects."""
    part = {name: quote(value, safe="") for name, value in connection_parts(parameters, role).items()}
    query = "&".join(
        f"{quote(name, safe='')}={quote(text(value))}" for name, value in parameters["url_query"].items()
    )
    url = f"{parameters['url_scheme']}://{part['user']}:{part['password']}@{part['host']}:{part['port']}/{part['name']}"
    return f"{url}?{query}" if query else url


def connection_environment(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the variables from which code of the release learns how ``role`` connects."""
    parts = connection_parts(parameters, role)
    variables = {
        name: parts[part] for part, name in (parameters["connection_variables"] or {}).items() if name
    }
    if parameters["url_variable"]:
        variables[parameters["url_variable"]] = database_url(parameters, role)
    return variables


def environment(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the environment of a program of the release that runs for ``role``.

    The application's own settings say how the application connects; who migrates connects as the owner.
    """
    given = {name: text(value) for name, value in parameters["environment"].items()}
    connection = connection_environment(parameters, role)
    path = parameters["path"]
    # libpq and asyncpg take these where the code says nothing about TLS.
    defaults = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": parameters["ca_cert"]}
    if os.path.normpath(parameters["folder"]) != ".":
        defaults["PYTHONPATH"] = path
    # libpq looks for certificates in the home directory, and root's is closed to the user.
    local = {
        "HOME": path,
        "PATH": f"{path}/{parameters['venv']}/bin:/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    both = {**given, **connection} if role == "owner" else {**connection, **given}
    return {**defaults, **both, **local}


def secrets(parameters: dict[str, Any]) -> list[str]:
    """Return what must not be shown, in all forms in which a program may print it, the longest first."""
    harmless = set()
    passwords = set()
    for role in ("owner", "app"):
        parts = connection_parts(parameters, role)
        passwords.add(parts.pop("password"))
        harmless |= set(parts.values())
    given = {text(value) for value in parameters["environment"].values()} - harmless
    found = set()
    for value in passwords | {value for value in given if len(value) >= SECRET_LENGTH}:
        found |= {value, quote(value), quote(value, safe=""), quote_plus(value)}
        found |= {repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return sorted(found, key=len, reverse=True)


def revisions(output: str) -> list[str]:
    """Return the revisions that alembic has printed, sorted."""
    return sorted(match[1] for line in output.splitlines() if (match := REVISION.match(line.strip())))


def hide(said: str, values: Iterable[str]) -> str:
    """Return what a program said without passwords in URLs, however they are escaped, and without ``values``."""
    for value in values:
        said = said.replace(value, "********")
    return re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1********@", said)


class Release:
    """A release's programs, run as the application's user."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take all of it from the module's parameters."""
        self.module = module
        self.parameters = module.params

    def run(self, arguments: list[str], role: str, folder: str) -> str:
        """Run a program of the virtual environment for ``role``, and return its standard output.

        Raises DatabaseError with the last lines of what it said when it fails.
        """
        command = [
            self.module.get_bin_path("runuser", required=True),
            "-u",
            self.parameters["user"],
            "--",
            *arguments,
        ]
        status, output, errors = self.module.run_command(
            command, cwd=folder, environ_update=environment(self.parameters, role)
        )
        if status:
            said = hide("\n".join((output, errors)), secrets(self.parameters))
            said = "\n".join(said.strip().splitlines()[-SHOWN_LINES:])
            raise DatabaseError(f"{' '.join(arguments)} failed with status {status}:\n{said}")
        return output

    def alembic(self, *arguments: str) -> str:
        """Run alembic as the owner of the schema; `-m` puts the folder in which it runs on Python's path."""
        path = self.parameters["path"]
        command = ["python", "-m", "alembic", "--config", f"{path}/{self.parameters['config']}", *arguments]
        return self.run(command, "owner", os.path.normpath(f"{path}/{self.parameters['folder']}"))


def upgrade(release: Release, *, check_mode: bool) -> dict[str, Any]:
    """Upgrade where there is something to upgrade, then run the command; returns what the module returns."""
    before, heads = revisions(release.alembic("current")), revisions(release.alembic("heads"))
    if len(heads) != 1:
        found = ", ".join(heads) or "none"
        raise DatabaseError(
            f"The release must have one head revision; it has {found}. Merge them: alembic merge heads"
        )
    changes = before != heads
    result = {"before": before, "after": heads, "changed": changes}
    came_from = ", ".join(before) or "an empty database"
    if check_mode:
        done = f"Would migrate from {came_from} to {heads[0]}" if changes else f"At {heads[0]} already"
        return {**result, "msg": done}
    done = f"At {heads[0]} already"
    if changes:
        release.alembic("upgrade", "head")
        done = f"Migrated from {came_from} to {heads[0]}"
    command = release.parameters["after_command"]
    if command:
        output = release.run(command, "app", release.parameters["path"])
        unchanged = output.strip().splitlines()[-1:] == ["unchanged"]
        result["changed"] |= not unchanged
        done += f"; {' '.join(command)}: {'unchanged' if unchanged else 'changed'}"
    return {**result, "msg": done}


def main() -> None:
    """Run the module."""
    parts = {
        part: {"type": "str", "no_log": False}
        for part in ("host", "port", "name", "user", "password", "ca_cert")
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "config": {"type": "str", "default": "alembic.ini"},
            "folder": {"type": "str", "default": "."},
            "venv": {"type": "str", "default": "venv"},
            "user": {"type": "str", "required": True},
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "ca_cert": {"type": "path", "required": True},
            "owner": {"type": "dict", "required": True, "options": ROLE},
            "app": {"type": "dict", "required": True, "options": ROLE},
            # Ansible would blot out every "1" in it, revisions included; Release.run hides secrets.
            "environment": {"type": "dict", "default": {}, "no_log": False},
            "url_variable": {"type": "str", "default": "DATABASE_URL"},
            "url_scheme": {"type": "str", "default": "postgresql"},
            "url_query": {"type": "dict", "default": {}},
            "connection_variables": {"type": "dict", "default": {}, "options": parts},
            "after_command": {"type": "list", "elements": "str", "default": []},
            "lock_wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    try:
        owner = module.params["owner"]
        connection = connect(module.params, owner["user"], owner["password"], "db_migrate_owner.password")
        try:
            lock(connection, module.params["lock_wait"])
            result = upgrade(Release(module), check_mode=module.check_mode)
        finally:
            connection.close()
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

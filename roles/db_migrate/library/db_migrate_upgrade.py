#!/usr/bin/python
"""Ansible module: bring a database to the revision of a release's Alembic migrations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import psycopg2
except ImportError:
    psycopg2 = None

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
    description: The folder with alembic's configuration and venv/.
    type: path
    required: true
  config:
    description: Alembic's configuration, in O(path).
    type: str
    default: alembic.ini
  user:
    description: The user who runs the application's code.
    type: str
    required: true
  host:
    description: The database's host name.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    default: 5432
  database:
    description: Its name.
    type: str
    required: true
  ca_cert:
    description: The certificate authorities that its certificate is checked against.
    type: path
    required: true
  owner_user:
    description: Who migrates.
    type: str
    required: true
  owner_password:
    description: The password of O(owner_user).
    type: str
    required: true
  app_user:
    description: Who runs O(after_command).
    type: str
    required: true
  app_password:
    description: The password of O(app_user).
    type: str
    required: true
  environment:
    description: The application's environment.
    type: dict
    default: {}
  url_variable:
    description: The variable that holds the database's URL.
    type: str
    default: DATABASE_URL
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
    host: db.example
    database: tableorder
    ca_cert: /etc/ssl/certs/rds-ca.pem
    owner_user: tableorder_owner
    owner_password: "{{ owner_password }}"
    app_user: tableorder_app
    app_password: "{{ app_password }}"
    after_command: [python, -m, app.bootstrap]
"""

RETURN = """
before: {description: The revisions of the database before., type: list, elements: str, returned: success}
after: {description: The revisions that it has now., type: list, elements: str, returned: success}
"""

# "alembic current" and "alembic heads" print "REVISION (head)"; an application may print other lines beside.
REVISION = re.compile(r"^([\w-]+)(?: \((?:head|effective head|mergepoint|branchpoint)\))*$")
LOCK = 0x7AB1E0DB  # any number, the same for all runs
SHOWN_LINES = 25
SECRET_LENGTH = 8  # a value of the environment from this length on is never shown, whatever it is


class MigrationError(Exception):
    """A step failed; the message is for the operator."""


def database_url(parameters: dict[str, Any], role: str) -> str:
    """Return the URL with which ``role`` ("owner" or "app") connects over verified TLS."""
    user, password = (quote(parameters[f"{role}_{part}"], safe="") for part in ("user", "password"))
    return (
        f"postgresql://{user}:{password}@{parameters['host']}:{parameters['port']}/{parameters['database']}"
        f"?sslmode=verify-full&sslrootcert={quote(parameters['ca_cert'])}"
    )


def revisions(output: str) -> list[str]:
    """Return the revisions that alembic has printed, sorted."""
    return sorted(match[1] for line in output.splitlines() if (match := REVISION.match(line.strip())))


def hide(said: str, values: Iterable[str]) -> str:
    """Return what a program said without passwords in URLs, however they are escaped, and without ``values``."""
    for value in values:
        if len(value) >= SECRET_LENGTH:
            said = said.replace(value, "********")
    return re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1********@", said)


class Release:
    """A release's programs, run as the application's user."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take all of it from the module's parameters."""
        self.module = module
        self.parameters = module.params

    def run(self, arguments: list[str], role: str) -> str:
        """Run a program of the virtual environment for ``role``, and return its standard output.

        Raises MigrationError with the last lines of what it said when it fails.
        """
        path, variable = self.parameters["path"], self.parameters["url_variable"]
        environment = {name: text(value) for name, value in self.parameters["environment"].items()}
        if role == "owner" or variable not in environment:
            environment[variable] = database_url(self.parameters, role)
        # libpq looks for certificates in the home directory, and root's is closed to the user.
        local = {"HOME": path, "PATH": f"{path}/venv/bin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        command = [
            self.module.get_bin_path("runuser", required=True),
            "-u",
            self.parameters["user"],
            "--",
            *arguments,
        ]
        status, output, errors = self.module.run_command(
            command, cwd=path, environ_update=environment | local
        )
        if status:
            said = "\n".join((output + errors).strip().splitlines()[-SHOWN_LINES:])
            said = hide(said, environment.values())
            raise MigrationError(f"{' '.join(arguments)} failed with status {status}:\n{said}")
        return output

    def alembic(self, *arguments: str) -> str:
        """Run alembic as the owner of the schema; from the release's folder, which `-m` puts on the path."""
        return self.run(
            ["python", "-m", "alembic", "--config", self.parameters["config"], *arguments], "owner"
        )


def text(value: object) -> str:
    """Return a value as a process finds it in its environment: true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def connect(parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - the driver has no types
    """Return a connection that holds the lock until it is closed, as it is when this process dies.

    Raises MigrationError when the database cannot be reached or the lock is not given in time.
    """
    try:
        connection = psycopg2.connect(
            host=parameters["host"],
            port=parameters["port"],
            dbname=parameters["database"],
            user=parameters["owner_user"],
            password=parameters["owner_password"],
            sslmode="verify-full",
            sslrootcert=parameters["ca_cert"],
            connect_timeout=10,
            application_name="db_migrate",
        )
    except psycopg2.OperationalError as error:
        raise MigrationError(f"{parameters['owner_user']} cannot connect: {error}") from error
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{parameters['lock_wait']}s",))
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg2.errors.LockNotAvailable as error:
            message = f"Another migration has been running for more than {parameters['lock_wait']} s."
            raise MigrationError(f"{message} Wait for it, or raise db_migrate_lock_wait.") from error
    return connection


def upgrade(release: Release, *, check_mode: bool) -> dict[str, Any]:
    """Upgrade where there is something to upgrade, then run the command; returns what the module returns."""
    before, heads = revisions(release.alembic("current")), revisions(release.alembic("heads"))
    if len(heads) != 1:
        found = ", ".join(heads) or "none"
        raise MigrationError(
            f"The release must have one head revision; it has {found}. Merge them: alembic merge heads"
        )
    result = {"before": before, "after": heads, "changed": before != heads}
    came_from = ", ".join(before) or "an empty database"
    if check_mode:
        done = (
            f"Would migrate from {came_from} to {heads[0]}" if result["changed"] else f"At {heads[0]} already"
        )
        return result | {"msg": done}
    if result["changed"]:
        release.alembic("upgrade", "head")
        done = f"Migrated from {came_from} to {heads[0]}"
    else:
        done = f"At {heads[0]} already"
    command = release.parameters["after_command"]
    if command and not check_mode:
        unchanged = release.run(command, "app").strip().splitlines()[-1:] == ["unchanged"]
        result["changed"] |= not unchanged
        done += f"; {' '.join(command)}: {'unchanged' if unchanged else 'changed'}"
    return result | {"msg": done}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "config": {"type": "str", "default": "alembic.ini"},
            "user": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
            "database": {"type": "str", "required": True},
            "ca_cert": {"type": "path", "required": True},
            "owner_user": {"type": "str", "required": True},
            "owner_password": {"type": "str", "required": True, "no_log": True},
            "app_user": {"type": "str", "required": True},
            "app_password": {"type": "str", "required": True, "no_log": True},
            # Ansible would blot out every "1" in it, revisions included; Release.run hides secrets.
            "environment": {"type": "dict", "default": {}, "no_log": False},
            "url_variable": {"type": "str", "default": "DATABASE_URL"},
            "after_command": {"type": "list", "elements": "str", "default": []},
            "lock_wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    try:
        connection = connect(module.params)
        try:
            result = upgrade(Release(module), check_mode=module.check_mode)
        finally:
            connection.close()
    except MigrationError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

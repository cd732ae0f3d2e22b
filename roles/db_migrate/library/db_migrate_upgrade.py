#!/usr/bin/python
"""Ansible module: bring a database to the revision of a release's Alembic migrations."""

from __future__ import annotations

import inspect
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, quote_plus

from ansible.module_utils import db_migrate_revisions
from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.db_migrate import (
    DATABASE,
    POLL,
    ROLE,
    Connection,
    DatabaseError,
    connect,
    lock,
    open_session,
    psycopg2,
)

DOCUMENTATION = """
module: db_migrate_upgrade
short_description: Bring a database to the revision of a release's Alembic migrations
description:
  - Runs C(alembic upgrade head) from a release when C(alembic current) differs from C(alembic heads), as
    another user, with the database's URL in the environment (never on a command line). Afterwards a command
    of the application's own runs, with the application's URL.
  - A lock in the database, held for all of it, makes a second run wait, from whichever server it comes.
  - While it runs, nobody else waits for locks that it holds for longer than O(lock_timeout); before that its sessions
    are ended. Each statement's own timeouts are settings of the owner's role (M(db_migrate_roles)).
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
  lock_timeout:
    description: For how long a migration may keep others waiting, in seconds.
    type: int
    default: 5
  applied:
    description: >-
      The revisions that an earlier run of this module has returned. A database that a later release has migrated is left as it
      is when none of what it has beyond this release says C(contract), and refused otherwise.
    type: list
    elements: dict
    default: []
  serving:
    description: >-
      The ids of the revisions that the release has which serves meanwhile. From the first pending revision on that says
      C(contract) and is none of them, nothing is applied; what does not say it and comes after that is refused. Empty: nothing
      serves, and all is applied.
    type: list
    elements: str
    default: []
  keep_fresh:
    description: >-
      A file whose time of change is renewed each minute while this works, such as a lock whose owner must not be taken for
      dead; nothing when it is not there.
    type: path
  statement_timeout:
    description: The owner's own, in seconds; only named when it was the reason.
    type: int
    default: 5
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
pending:
  description: What was pending, oldest first; each with C(id), C(title) and C(contract).
  type: list
  elements: dict
  returned: success
revisions:
  description: >-
    All revisions of the release, oldest first; each with C(id), C(title), C(contract), which says that the code before
    it cannot serve after it, and C(applied), which is false for one that O(serving) has held back. Empty where a later
    release has migrated the database.
  type: list
  elements: dict
  returned: success
sql: {description: In check mode the SQL that would run; empty where nobody can tell., type: str, returned: success}
"""

# "alembic current" prints "REVISION (head)"; an application may print other lines beside.
REVISION = re.compile(r"^([\w-]+)(?: \((?:head|effective head|mergepoint|branchpoint)\))*$")
# What "alembic current" says of a revision that the release does not have.
UNKNOWN = re.compile(r"Can't locate revision identified by '([\w-]+)'")
SHOWN_LINES = 25
LATER = "-- Once the new release alone serves:"
RENEWAL = 60  # seconds between two renewals of keep_fresh
# Those who have waited long enough, then who of the owner's keeps them waiting: a session that waits in the queue before
# them counts, too. This role's own sessions (one holds the lock that makes a second run wait) are left alone. All of
# it is visible to the owner, who may end sessions of its own. pg_blocking_pids() locks PostgreSQL's table of locks, so
# it is asked about nobody else.
END_BLOCKERS = """
WITH waiting AS MATERIALIZED (
    SELECT DISTINCT pg_locks.pid FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND waitstart < clock_timestamp() - make_interval(secs => %(seconds)s)
       AND datname = current_database() AND usename <> current_user
), blocked AS MATERIALIZED (SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker FROM waiting
), blockers AS MATERIALIZED (
    SELECT blocker, array_agg(DISTINCT blocked.pid) AS kept,
           EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = blocker AND NOT granted) AS waits
      FROM blocked JOIN pg_stat_activity AS owners ON owners.pid = blocker
     WHERE datname = current_database() AND usename = current_user AND application_name <> 'db_migrate'
     GROUP BY blocker
)
SELECT cardinality(kept), waits FROM blockers WHERE pg_terminate_backend(blocker) ORDER BY 1 DESC LIMIT 1
"""
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


def check_linear(found: list[dict[str, Any]], heads: list[str]) -> None:
    """Raise DatabaseError unless each revision comes after one other and before one other.

    What comes after what must not depend on the order in which two branches were merged.
    """
    if len(heads) != 1:
        raise DatabaseError(
            f"The release must have one head revision; it has {', '.join(heads) or 'none'}. Put one after the other: "
            "give the later one the earlier one as its down_revision."
        )
    merges = [f"{one['id']} comes after {' and '.join(one['down'])}" for one in found if len(one["down"]) > 1]
    after: dict[str, list[str]] = {}
    for one in found:
        for down in one["down"] or ["nothing"]:
            after.setdefault(down, []).append(one["id"])
    branches = [
        f"{' and '.join(sorted(several))} come after {down}"
        for down, several in after.items()
        if len(several) > 1
    ]
    if merges or branches:
        raise DatabaseError(
            f"The release's revisions are not one line: {'; '.join(branches + merges)}. Put one after the other: give "
            "each a down_revision of its own, and remove the merge."
        )


def pending(found: list[dict[str, Any]], before: list[str]) -> list[dict[str, Any]]:
    """Return the revisions that come after what the database has; ``found`` is one line, oldest first."""
    reached = [place for place, one in enumerate(found, 1) if one["id"] in before]
    return found[max(reached, default=0) :]


def split(
    left: list[dict[str, Any]], serving: Iterable[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pending revisions to apply now, and those that the serving release could not serve after.

    ``serving`` are the ids that the serving release has; where nothing serves, all is applied now. Raises DatabaseError where
    what adds comes after what takes away: one part cannot be applied before the other.
    """
    known = set(serving)
    first = next(
        (place for place, one in enumerate(left) if one["contract"] and one["id"] not in known), len(left)
    )
    now, held = left[:first], left[first:]
    behind = [one for one in held if not one["contract"]]
    if known and behind:
        last = held[held.index(behind[0]) - 1]
        raise DatabaseError(
            f"{listed(behind)} would have to be applied before the new release starts, and {listed(held[:1])} takes away what "
            "the release needs that serves until then. Bring them in two deployments: first a release whose last migration is "
            f"{last['id']}. Where an outage does no harm, all is applied at once with -e '{{\"db_migrate_serving\": []}}'."
        )
    return (now, held) if known else (left, [])


def listed(found: list[dict[str, Any]]) -> str:
    """Return revisions for the reader."""
    return ", ".join(
        f"{one['id']} ({one['title'].rstrip('.')})" if one["title"] else one["id"] for one in found
    )


def ids(found: list[dict[str, Any]]) -> set[str]:
    """Return the names of revisions."""
    return {one["id"] for one in found}


def chosen(found: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return some of what is known about revisions."""
    return [{name: one[name] for name in names} for one in found]


@contextmanager
def fresh(path: str | None) -> Iterator[None]:
    """Renew the time of change of ``path`` meanwhile: it says that somebody is at work, for as long as that takes."""
    over = threading.Event()

    def renew() -> None:
        while path and not over.is_set():
            with suppress(OSError):
                os.utime(path)
            over.wait(RENEWAL)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Watchdog(threading.Thread):
    """Ends the migration's sessions before others have waited for its locks for longer than the lock timeout.

    The timeouts of its statements do not see to that: many short ones in one transaction keep their locks to its end.
    """

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect before the migration begins: no migration without it."""
        super().__init__(daemon=True)
        self.parameters = parameters
        self.connection: Connection = self.connect()
        self.over = threading.Event()
        self.kept, self.waits = 0, False

    def connect(self) -> Connection:
        """Return a connection of its own, as the owner, without transactions: they would hold on to what they see."""
        owner = self.parameters["owner"]
        connection = open_session(self.parameters, owner["user"], owner["password"])
        connection.autocommit = True
        return connection

    def look(self) -> None:
        """End what keeps others waiting; a look less than the timeout, so that nobody waits for longer."""
        with self.connection.cursor() as cursor:
            cursor.execute(END_BLOCKERS, {"seconds": self.parameters["lock_timeout"] - POLL})
            row = cursor.fetchone()
        if row and not self.kept:
            self.kept, self.waits = row

    def run(self) -> None:
        """Look until the migration is over; a lost connection is made again."""
        while not self.over.wait(POLL):
            try:
                if self.connection.closed:
                    self.connection = self.connect()
                self.look()
            except psycopg2.Error:
                self.connection.close()

    def __enter__(self) -> Watchdog:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self.over.set()
        self.join()
        self.connection.close()


class Release:
    """A release's programs, run as the application's user."""

    def __init__(self, module: AnsibleModule) -> None:
        """Take all of it from the module's parameters."""
        self.module = module
        self.parameters = module.params

    def run(self, arguments: list[str], role: str, folder: str, data: str | None = None) -> str:
        """Run a program of the virtual environment for ``role``, and return its standard output.

        ``data`` is its standard input. Raises DatabaseError with the last lines of what it said when it fails.
        """
        command = [
            self.module.get_bin_path("runuser", required=True),
            "-u",
            self.parameters["user"],
            "--",
            *arguments,
        ]
        status, output, errors = self.module.run_command(
            command, cwd=folder, environ_update=environment(self.parameters, role), data=data
        )
        if status:
            said = hide("\n".join((output, errors)), secrets(self.parameters))
            said = "\n".join(said.strip().splitlines()[-SHOWN_LINES:])
            raise DatabaseError(f"{' '.join(arguments)} failed with status {status}:\n{said}")
        return output

    @property
    def config(self) -> str:
        """Alembic's configuration."""
        return f"{self.parameters['path']}/{self.parameters['config']}"

    @property
    def folder(self) -> str:
        """Where Alembic runs."""
        return os.path.normpath(f"{self.parameters['path']}/{self.parameters['folder']}")

    def alembic(self, *arguments: str) -> str:
        """Run alembic as the owner of the schema; `-m` puts the folder in which it runs on Python's path."""
        return self.run(
            ["python", "-m", "alembic", "--config", self.config, *arguments], "owner", self.folder
        )

    def revisions(self) -> list[dict[str, Any]]:
        """Return the release's revisions, oldest first, or raise when they are not one line."""
        program = inspect.getsource(db_migrate_revisions)
        output = self.run(["python", "-", self.config], "owner", self.folder, program)
        lines = [line for line in output.splitlines() if line.startswith(db_migrate_revisions.MARK)]
        if not lines:
            raise DatabaseError(f"A revision ended Python when it was imported:\n{output.strip()}")
        found = json.loads(lines[-1].removeprefix(db_migrate_revisions.MARK))
        check_linear(found["revisions"], found["heads"])
        return found["revisions"]

    def sql(self, before: list[str], target: str = "head") -> tuple[str, str]:
        """Return the SQL that would run, without secrets, and why there is none."""
        since = f"{before[0]}:{target}" if len(before) == 1 else target
        try:
            output = self.alembic("upgrade", since, "--sql")
        except DatabaseError as error:
            said = str(error).splitlines()[-1].strip()
            why = "env.py has no offline mode, or a migration asks the database"
            return "", f"The SQL cannot be shown ({why}): {said}"
        return hide(output, secrets(self.parameters)).strip(), ""

    def migrate(self, before: list[str], found: list[dict[str, Any]], target: str = "head") -> None:
        """Upgrade under the watchdog's eyes; raises DatabaseError with what is to be done about a failure."""
        watchdog = Watchdog(self.parameters)
        try:
            with watchdog:
                self.alembic("upgrade", target)
        except DatabaseError as error:
            reason = explain(str(error), watchdog, self.parameters)
            said = [part for part in (reason, self.left(before, found), str(error)) if part]
            raise DatabaseError("\n".join(said)) from error

    def left(self, before: list[str], found: list[dict[str, Any]]) -> str:
        """Say what a failed migration has left."""
        now = None
        with suppress(DatabaseError):
            now = revisions(self.alembic("current"))
        if now is None:
            return ""
        if now == before:
            outside = [one["id"] for one in found if one["outside"]]
            but = f", but for what autocommit_block of {', '.join(outside)} has done" if outside else ""
            at = f"the database is still at {', '.join(now) or 'no revision'}"
            return f"Nothing was changed{but}: {at}. Pending: {listed(found)}."
        left = pending(found, now)
        done = listed([one for one in found if one not in left])
        at = f"the database is at {', '.join(now)}"
        return f"Applied before that, and kept: {done}; {at}. Pending: {listed(left)}."


def explain(failure: str, watchdog: Watchdog, parameters: dict[str, Any]) -> str:
    """Return what to do about a failed migration when a timeout was the reason, otherwise nothing."""
    lock_timeout, name = parameters["lock_timeout"], parameters["database"]["name"]
    if watchdog.kept:
        others = f"{watchdog.kept} other session{'s' if watchdog.kept > 1 else ''} of {name}"
        fix = (
            "It waited for a lock itself, with everybody else behind it: run it again when the transaction that holds the "
            "lock has ended (pg_stat_activity shows it)."
            if watchdog.waits
            else "Make several migrations of it that each hold their locks for a shorter time, or raise the setting."
        )
        return (
            f"The migration was ended: it would have kept {others} waiting for longer than db_migrate_lock_timeout "
            f"({lock_timeout} s). {fix}"
        )
    if "due to lock timeout" in failure:
        return (
            f"The migration waited for a lock for longer than db_migrate_lock_timeout ({lock_timeout} s), and everybody "
            "else behind it. Run it again when the transaction that holds the lock has ended (pg_stat_activity shows it)."
        )
    if "due to statement timeout" in failure:
        return (
            f"A statement took longer than db_migrate_statement_timeout ({parameters['statement_timeout']} s). Where it blocks "
            "nobody, such as CREATE INDEX CONCURRENTLY, raise the setting or set it to 0 for this run."
        )
    return ""


def beyond(unknown: str, known: list[dict[str, Any]], applied: list[dict[str, Any]]) -> str:
    """Return in words how the database is beyond the release, which was rolled back to; raises where it cannot serve."""
    ids = {one["id"] for one in known}
    later = [one for one in applied if one["id"] not in ids]
    if unknown not in {one["id"] for one in later}:
        raise DatabaseError(
            f"The database is at {unknown}, which this release does not have, and no deployment to this server has recorded. "
            "Deploy a release that has it."
        )
    for one in later:
        if one["contract"]:
            raise DatabaseError(
                f"The database is at {unknown}: migration {one['id']} ({one['title']}) took away what this release needs. "
                "Deploy a release that has it, or restore a snapshot of the database from before it."
            )
    return f"At {unknown}, beyond this release, which can serve with it: {listed(later)}"


def state(release: Release, known: list[dict[str, Any]]) -> tuple[list[str], str]:
    """Return the database's revisions, and in words how they are beyond the release's, if they are."""
    try:
        return revisions(release.alembic("current")), ""
    except DatabaseError as error:
        unknown = UNKNOWN.search(str(error))
        if not unknown:
            raise
    return [unknown[1]], beyond(unknown[1], known, release.parameters["applied"])


def upgrade(release: Release, *, check_mode: bool) -> dict[str, Any]:
    """Upgrade where there is something to upgrade, then run the command; returns what the module returns."""
    known = release.revisions()
    before, ahead = state(release, known)
    heads = before if ahead else [known[-1]["id"]]
    left = pending(known, before) if before != heads else []
    # In an empty database nothing serves.
    now, held = split(left, release.parameters["serving"] if before else [])
    after = before if held and not now else [now[-1]["id"]] if held else heads
    changes, target = before != after, after[0] if held else "head"
    result = {
        "before": before,
        "after": after,
        "changed": changes,
        "pending": chosen(left, "id", "title", "contract"),
        "revisions": []
        if ahead
        else [
            {**one, "applied": one["id"] not in ids(held)} for one in chosen(known, "id", "title", "contract")
        ],
        "sql": "",
    }
    done = ahead or f"At {after[0]} already"
    way = f"from {', '.join(before) or 'an empty database'} to {after[0]}: {listed(now)}"
    later = f". Once the new release alone serves: {listed(held)}" if held else ""
    if check_mode:
        sql, why_not = release.sql(before, target) if changes else ("", "")
        if changes:
            done = f"Would migrate {way}"
        if held:
            more, why_not = release.sql(after)
            sql = f"{sql}\n{LATER}\n{more}".strip() if more else sql
        done += later + (f". {why_not}" if why_not else "")
        return {**result, "sql": sql, "msg": done}
    if changes:
        release.migrate(before, now, target)
        done = f"Migrated {way}"
    done += later
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
            "lock_timeout": {"type": "int", "default": 5},
            "statement_timeout": {"type": "int", "default": 5},
            "applied": {"type": "list", "elements": "dict", "default": []},
            "serving": {"type": "list", "elements": "str", "default": []},
            "keep_fresh": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    try:
        owner = module.params["owner"]
        connection = connect(module.params, owner["user"], owner["password"], "db_migrate_owner.password")
        try:
            with fresh(None if module.check_mode else module.params["keep_fresh"]):
                lock(connection, module.params["lock_wait"])
                result = upgrade(Release(module), check_mode=module.check_mode)
        finally:
            connection.close()
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: upgrade a database to the head revision of a release's Alembic migrations."""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_upgrade
short_description: Upgrade a database to the head revision of a release's Alembic migrations
description:
  - Runs C(alembic upgrade) from a release if its revisions are not all in the database, as another user, with the
    database's URL in the environment (never on a command line). Then runs a command of the application with the application's
    URL.
  - A lock in the database makes a second run wait, from any server.
  - A migration cannot block other sessions for longer than O(lock_timeout); the module ends its sessions before. The timeouts of
    single statements are settings of the owner's role (M(table_order.infra.db_migrate_roles)).
  - The master user of O(database) is not used.
options:
  owner:
    description: The role that runs migrations.
    type: dict
    required: true
    suboptions: &role
      user: {description: The name., type: str, required: true}
      password: {description: The password., type: str, required: true}
  app:
    description: The role that runs O(after_command).
    type: dict
    required: true
    suboptions: *role
  environment:
    description: The application's environment.
    type: dict
    default: {}
  url_variable:
    description: The variable with the database's URL; empty for none.
    type: str
    default: DATABASE_URL
  url_scheme:
    description: The scheme of the URL.
    type: str
    default: postgresql
  url_query:
    description: The options at the end of the URL.
    type: dict
    default: {}
  connection_variables:
    description: The variables with the parts of the connection.
    type: dict
    default: {}
    suboptions:
      host: {description: The variable with the host name., type: str}
      port: {description: The variable with the port., type: str}
      name: {description: The variable with the database's name., type: str}
      user: {description: The variable with the user., type: str}
      password: {description: The variable with the password., type: str}
      ca_cert: {description: The variable with the path of the CA bundle., type: str}
  after_command:
    description: The command to run after the migration. One of O(unchanged_lines) as the last line of its output reports no change.
    type: list
    elements: str
    default: []
  owner_command:
    description: >-
      The command to run as the owner, after Alembic or without it. One of O(unchanged_lines) as the last line of its output reports
      no change.
    type: list
    elements: str
    default: []
  unchanged_lines:
    description: What a command prints last if it has changed nothing.
    type: list
    elements: str
    default: [unchanged]
  lock_wait:
    description: The maximum wait for another migration in seconds.
    type: int
    default: 300
  lock_timeout:
    description: The maximum time in seconds that a migration may block other sessions.
    type: int
    default: 5
  applied:
    description: >-
      The revisions returned by an earlier run of this module. If a later release has migrated the database, the schema stays
      unchanged. The release is refused if it lacks an applied revision with C(contract).
    type: list
    elements: dict
    default: []
  serving:
    description: >-
      The revision IDs of the live release. The first pending revision with C(contract) that is not in this list is held back,
      with all later revisions. A revision without C(contract) after a held-back revision is refused. Empty applies all
      revisions.
    type: list
    elements: str
    default: []
  keep_fresh:
    description: >-
      A file to touch every minute during the migration, such as a lock that would expire otherwise. The file may be missing.
    type: path
  statement_timeout:
    description: The owner's statement timeout in seconds, for the error message.
    type: int
    default: 5
extends_documentation_fragment:
  - table_order.infra.db_migrate
  - table_order.infra.db_migrate.release
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.db_migrate_upgrade:
    path: /srv/shop/backend
    user: table-order
    database: "{{ db_migrate_database }}"
    ca_cert: /etc/ssl/certs/rds-ca.pem
    owner: "{{ db_migrate_owner }}"
    app: "{{ db_migrate_app }}"
    url_query: {sslmode: verify-full, sslrootcert: /etc/ssl/certs/rds-ca.pem}
    after_command: [python, -m, app.bootstrap]
"""

RETURN = """
before: {description: The revisions of the database before the run., type: list, elements: str, returned: success}
after: {description: The revisions of the database after the run., type: list, elements: str, returned: success}
pending:
  description: The pending revisions, oldest first, each with C(id), C(title) and C(contract).
  type: list
  elements: dict
  returned: success
revisions:
  description: >-
    All revisions of the release, those that others come after first, each with C(id), C(title), C(contract) (older code cannot
    run after this revision) and C(applied) (false for a revision held back by O(serving)). Empty if a later release has migrated
    the database.
  type: list
  elements: dict
  returned: success
sql: {description: The SQL that would run in check mode; empty if unknown., type: str, returned: success}
"""

import inspect
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import quote, quote_plus

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.table_order.infra.plugins.module_utils import db_migrate_revisions
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import (
    DATABASE,
    POLL,
    RELEASE,
    ROLE,
    Connection,
    DatabaseError,
    connect,
    lock,
    open_session,
    psycopg2,
)

# "alembic current" prints "REVISION (head)"; an application may print other lines. An ID may have any form ("2026.01 users").
REVISION = re.compile(r"^(.+?)(?: \((?:head|effective head|mergepoint|branchpoint)\))*$")
# The error of "alembic current" for a revision that the release does not contain.
UNKNOWN = re.compile(r"Can't locate revision identified by '([^']+)'")
SHOWN_LINES = 25
LATER = "-- After the cutover:"
RENEWAL = 60  # seconds between two renewals of keep_fresh
# Finds sessions blocked too long, then the owner's sessions that block them, including sessions ahead of them in the lock
# queue. Sessions of these modules are excluded: one of them holds the lock that makes a second run wait. The owner may see all
# of this and may end its own sessions. pg_blocking_pids() locks PostgreSQL's lock table, so the query calls the function
# for blocked sessions only.
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
SECRET_LENGTH = 8  # environment values of at least this length are always redacted


def text(value: object) -> str:
    """Return a value as an environment variable: booleans become true and false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def connection_parts(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the parts of the connection of ``role`` ("owner" or "app"), by the names in the settings."""
    database = parameters["database"]
    return {
        **{part: text(database[part]) for part in ("host", "port", "name")},
        **{part: parameters[role][part] for part in ("user", "password")},
        "ca_cert": parameters["ca_cert"],
    }


def database_url(parameters: dict[str, Any], role: str) -> str:
    """Return the connection URL of ``role`` ("owner" or "app"), in the form that the code expects."""
    part = {name: quote(value, safe="") for name, value in connection_parts(parameters, role).items()}
    query = "&".join(
        f"{quote(name, safe='')}={quote(text(value))}" for name, value in parameters["url_query"].items()
    )
    url = f"{parameters['url_scheme']}://{part['user']}:{part['password']}@{part['host']}:{part['port']}/{part['name']}"
    return f"{url}?{query}" if query else url


def connection_environment(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the variables with the connection of ``role``."""
    parts = connection_parts(parameters, role)
    variables = {
        name: parts[part] for part, name in (parameters["connection_variables"] or {}).items() if name
    }
    if parameters["url_variable"]:
        variables[parameters["url_variable"]] = database_url(parameters, role)
    return variables


def environment(parameters: dict[str, Any], role: str) -> dict[str, str]:
    """Return the environment of a program of the release for ``role``.

    The application's own settings win over its connection variables; a migration always connects as the owner.
    """
    given = {name: text(value) for name, value in parameters["environment"].items()}
    connection = connection_environment(parameters, role)
    path = parameters["path"]
    # libpq and asyncpg use these if the code does not configure TLS.
    defaults = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": parameters["ca_cert"]}
    if os.path.normpath(parameters["directory"]) != ".":
        defaults["PYTHONPATH"] = path
    # libpq looks for certificates in the home directory, and the user cannot read root's.
    local = {
        "HOME": path,
        "PATH": f"{path}/{parameters['venv']}/bin:/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    both = {**given, **connection} if role == "owner" else {**connection, **given}
    return {**defaults, **both, **local}


def secrets(parameters: dict[str, Any]) -> list[str]:
    """Return all secrets, in each form in which a program may print them, the longest first."""
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


def revisions(output: str, known: Iterable[str]) -> list[str]:
    """Return the revisions in the output of Alembic, sorted; ``known`` has the IDs of the release."""
    found = {match[1] for line in output.splitlines() if (match := REVISION.match(line.strip()))}
    return sorted(found.intersection(known))


def hide(said: str, values: Iterable[str]) -> str:
    """Return the output of a program with ``values`` and passwords in URLs redacted."""
    for value in values:
        said = said.replace(value, "********")
    return re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1********@", said)


def check_heads(found: list[dict[str, Any]], heads: list[str]) -> None:
    """Raise DatabaseError for several heads, unless each is of a branch with a label of its own, which is meant.

    A merge that is missing is a mistake of two developers: which of the two is later must not depend on the order of their
    deployments.
    """
    labels = [frozenset(one["labels"]) for one in found if one["id"] in heads]
    if len(heads) > 1 and (not all(labels) or len(set(labels)) < len(heads)):
        raise DatabaseError(
            f"The release has the heads {', '.join(heads)}. Order the heads (set down_revision of the later head to the earlier "
            "head) or merge them (alembic merge heads). Branches that stay apart need a label each (branch_labels)."
        )


def with_ancestors(found: list[dict[str, Any]], some: Iterable[str]) -> set[str]:
    """Return ``some`` revisions' IDs with those of all that they come after or depend on; ``found`` has these first."""
    reached = set(some)
    for one in reversed(found):
        if one["id"] in reached:
            reached.update(one["down"], one["needs"])
    return reached


def ends(found: list[dict[str, Any]], some: Iterable[str]) -> list[str]:
    """Return those of ``some`` revisions that no other of them comes after, oldest first."""
    wanted = set(some)
    before = {name for one in found if one["id"] in wanted for name in one["down"]}
    return [one["id"] for one in found if one["id"] in wanted - before]


def pending(found: list[dict[str, Any]], before: list[str]) -> list[dict[str, Any]]:
    """Return the revisions that the database lacks; ``found`` has all, those that others come after first."""
    reached = with_ancestors(found, before)
    return [one for one in found if one["id"] not in reached]


def split(
    left: list[dict[str, Any]], serving: Iterable[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pending revisions to apply now, and the revisions to hold back until the cutover.

    ``serving`` has the revision IDs of the live release; without a live release all revisions are applied now. Raises
    DatabaseError for an expand revision after a held-back contract revision, since the order cannot change.
    """
    known = set(serving)
    kept: set[str] = set()
    for one in left:
        if (one["contract"] and one["id"] not in known) or kept.intersection([*one["down"], *one["needs"]]):
            kept.add(one["id"])
    now, held = ([one for one in left if (one["id"] in kept) is later] for later in (False, True))
    behind = [one for one in held if not one["contract"]]
    if known and behind:
        last = held[held.index(behind[0]) - 1]
        raise DatabaseError(
            f"{listed(behind)} must be applied before the new release starts, but {listed(held[:1])} removes objects that the "
            "live release needs until then. Split the release into two deployments: first deploy a release whose last migration is "
            f"{last['id']}. If an outage is acceptable, apply all revisions at once with -e '{{\"db_migrate_serving\": []}}'."
        )
    return (now, held) if known else (left, [])


def listed(found: list[dict[str, Any]]) -> str:
    """Return revisions as text for a message."""
    return ", ".join(
        f"{one['id']} ({one['title'].rstrip('.')})" if one["title"] else one["id"] for one in found
    )


def ids(found: list[dict[str, Any]]) -> set[str]:
    """Return the IDs of revisions."""
    return {one["id"] for one in found}


def chosen(found: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return only the keys ``names`` of each revision."""
    return [{name: one[name] for name in names} for one in found]


@contextmanager
def fresh(path: str | None) -> Iterator[None]:
    """Touch ``path`` regularly inside the block, as a sign that the run is alive."""
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
    """Ends the migration's sessions before they block other sessions for longer than the lock timeout.

    Statement timeouts cannot do this: many short statements in one transaction keep their locks until its end.
    """

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect before the migration begins: no migration may run without a watchdog."""
        super().__init__(daemon=True)
        self.parameters = parameters
        self.connection: Connection = self.connect()
        self.over = threading.Event()
        self.kept, self.waits = 0, False

    def connect(self) -> Connection:
        """Return a new connection as the owner, in autocommit mode: a transaction would see a stale snapshot."""
        owner = self.parameters["owner"]
        connection = open_session(self.parameters, owner["user"], owner["password"])
        connection.autocommit = True
        return connection

    def check(self) -> None:
        """End blocking sessions; one check interval before the timeout, so that no session waits longer."""
        with self.connection.cursor() as cursor:
            cursor.execute(END_BLOCKERS, {"seconds": self.parameters["lock_timeout"] - POLL})
            row = cursor.fetchone()
        if row and not self.kept:
            self.kept, self.waits = row

    def run(self) -> None:
        """Check until the migration ends; reconnects after a lost connection."""
        while not self.over.wait(POLL):
            try:
                if self.connection.closed:
                    self.connection = self.connect()
                self.check()
            except psycopg2.Error:
                self.connection.close()

    def __enter__(self) -> Watchdog:
        """Start checking."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop checking."""
        self.over.set()
        self.join()
        self.connection.close()


class Release:
    """Runs programs of a release, as the migration user."""

    def __init__(self, module: AnsibleModule) -> None:
        """Keep the module and its parameters."""
        self.module = module
        self.parameters = module.params

    def run(self, arguments: list[str], role: str, directory: str, data: str | None = None) -> str:
        """Run a program of the virtual environment for ``role``, and return its standard output.

        ``data`` is its standard input. Raises DatabaseError with the last lines of the output on failure.
        """
        command = [
            self.module.get_bin_path("runuser", required=True),
            "-u",
            self.parameters["user"],
            "--",
            *arguments,
        ]
        status, output, errors = self.module.run_command(
            command, cwd=directory, environ_update=environment(self.parameters, role), data=data
        )
        if status:
            said = hide("\n".join((output, errors)), secrets(self.parameters))
            said = "\n".join(said.strip().splitlines()[-SHOWN_LINES:])
            raise DatabaseError(f"{' '.join(arguments)} failed with status {status}:\n{said}")
        return output

    @property
    def options(self) -> list[str]:
        """Return Alembic's options: its configuration."""
        return ["--config", f"{self.parameters['path']}/{self.parameters['config']}"]

    @property
    def directory(self) -> str:
        """Return the working directory of Alembic."""
        return os.path.normpath(f"{self.parameters['path']}/{self.parameters['directory']}")

    def alembic(self, *arguments: str) -> str:
        """Run Alembic as the schema owner; `-m` adds the working directory to Python's path."""
        return self.run(["python", "-m", "alembic", *self.options, *arguments], "owner", self.directory)

    def revisions(self) -> list[dict[str, Any]]:
        """Return the release's revisions, those that others come after first; none for an application without Alembic.

        Raises DatabaseError for heads that a merge is missing for.
        """
        if not self.parameters["config"]:
            return []
        program = inspect.getsource(db_migrate_revisions)
        output = self.run(["python", "-", *self.options], "owner", self.directory, program)
        lines = [line for line in output.splitlines() if line.startswith(db_migrate_revisions.MARK)]
        if not lines:
            raise DatabaseError(f"Importing a revision ended Python:\n{output.strip()}")
        found = json.loads(lines[-1].removeprefix(db_migrate_revisions.MARK))
        check_heads(found["revisions"], found["heads"])
        return found["revisions"]

    def current(self, known: list[dict[str, Any]]) -> list[str]:
        """Return the database's revisions."""
        return revisions(self.alembic("current"), ids(known))

    def sql(self, before: list[str], targets: list[str]) -> tuple[str, str]:
        """Return the redacted SQL that would run, or the reason for missing SQL."""
        if len(before) > 1 or len(targets) > 1:
            return "", "The SQL cannot be shown: Alembic writes none from or to several revisions"
        since = ":".join([*before, *targets])
        try:
            output = self.alembic("upgrade", since, "--sql")
        except DatabaseError as error:
            said = str(error).splitlines()[-1].strip()
            why = "env.py has no offline mode, or a migration queries the database"
            return "", f"The SQL cannot be shown ({why}): {said}"
        return hide(output, secrets(self.parameters)).strip(), ""

    @contextmanager
    def watched(self, remains: Callable[[], str] = str) -> Iterator[None]:
        """Run the block under the watchdog; a failure is raised as DatabaseError with the fix and with what ``remains`` says."""
        watchdog = Watchdog(self.parameters)
        try:
            with watchdog:
                yield
        except DatabaseError as error:
            reason = explain(str(error), watchdog, self.parameters)
            said = [part for part in (reason, remains(), str(error)) if part]
            raise DatabaseError("\n".join(said)) from error

    def migrate(self, before: list[str], found: list[dict[str, Any]], targets: list[str]) -> None:
        """Upgrade to each target; raises DatabaseError with the fix for a failure."""
        with self.watched(lambda: self.left(before, found)):
            for target in targets:
                self.alembic("upgrade", target)

    def command(self, command: list[str], role: str) -> bool:
        """Run a command of the application, the owner's as a migration; returns whether it says that nothing was changed."""
        with self.watched() if role == "owner" else nullcontext():
            output = self.run(command, role, self.parameters["path"])
        return not {*output.strip().splitlines()[-1:]}.isdisjoint(self.parameters["unchanged_lines"])

    def left(self, before: list[str], found: list[dict[str, Any]]) -> str:
        """Return the state of the schema after a failed migration."""
        now = None
        with suppress(DatabaseError):
            now = revisions(self.alembic("current"), [*before, *ids(found)])
        if now is None:
            return ""
        if now == before:
            outside = [one["id"] for one in found if one["outside"]]
            but = f", except the autocommit_block of {', '.join(outside)}" if outside else ""
            at = f"the database is still at {', '.join(now) or 'no revision'}"
            return f"Nothing was changed{but}: {at}. Pending: {listed(found)}."
        left = pending(found, now)
        done = listed([one for one in found if one not in left])
        at = f"the database is at {', '.join(now)}"
        return f"Applied and kept before the failure: {done}; {at}. Pending: {listed(left)}."


def of_the_application(parameters: dict[str, Any]) -> list[str]:
    """Return the variables by which a migration may connect as the application in place of the owner, sorted."""
    user = parameters["app"]["user"]
    return sorted(
        name
        for name, value in environment(parameters, "owner").items()
        if value == user or re.search(rf"://{re.escape(user)}[:@]", value)
    )


def explain(failure: str, watchdog: Watchdog, parameters: dict[str, Any]) -> str:
    """Return the fix for a migration that failed by a timeout or as another user, or an empty string."""
    lock_timeout, name = parameters["lock_timeout"], parameters["database"]["name"]
    if watchdog.kept:
        others = f"{watchdog.kept} other session{'s' if watchdog.kept > 1 else ''} of {name}"
        fix = (
            "The migration waited for a lock, with other sessions queued behind: run again when the transaction with the "
            "lock has ended (see pg_stat_activity)."
            if watchdog.waits
            else "Split the migration into several with shorter locks, or raise the setting."
        )
        return (
            f"The migration was ended before it would block {others} for longer than db_migrate_lock_timeout "
            f"({lock_timeout} s). {fix}"
        )
    if "due to lock timeout" in failure:
        return (
            f"The migration waited for a lock for longer than db_migrate_lock_timeout ({lock_timeout} s). Run again when the "
            "transaction with the lock has ended (see pg_stat_activity)."
        )
    if "due to statement timeout" in failure:
        return (
            f"A statement took longer than db_migrate_statement_timeout ({parameters['statement_timeout']} s). If the statement "
            "blocks no session, such as CREATE INDEX CONCURRENTLY, raise the setting or set 0 for this run."
        )
    if "permission denied for schema" in failure and (names := of_the_application(parameters)):
        return (
            f"{', '.join(names)} in db_migrate_environment has {parameters['app']['user']}, who may not change the schema. If "
            "env.py or the command reads it, name it in db_migrate_url_variable (a URL) or db_migrate_connection_variables: a "
            "migration then gets the owner there."
        )
    return ""


def beyond(unknown: str, known: list[dict[str, Any]], applied: list[dict[str, Any]]) -> str:
    """Return a message about a database ahead of the release; raises DatabaseError if the release cannot run on the schema."""
    ids = {one["id"] for one in known}
    later = [one for one in applied if one["id"] not in ids]
    if unknown not in {one["id"] for one in later}:
        raise DatabaseError(
            f"The database is at {unknown}. This release does not contain this revision, and no deployment to this server has "
            "recorded it. Deploy a release with this revision."
        )
    for one in later:
        if one["contract"]:
            raise DatabaseError(
                f"The database is at {unknown}: migration {one['id']} ({one['title']}) removed objects that this release needs. "
                "Deploy a release with this migration, or restore a database snapshot from before the migration."
            )
    return f"At {unknown}, ahead of this release, which can run on this schema: {listed(later)}"


def state(release: Release, known: list[dict[str, Any]]) -> tuple[list[str], str]:
    """Return the database's revisions, and a message if the database is ahead of the release."""
    if not release.parameters["config"]:
        return [], ""
    try:
        return release.current(known), ""
    except DatabaseError as error:
        unknown = UNKNOWN.search(str(error))
        if not unknown:
            raise
    return [unknown[1]], beyond(unknown[1], known, release.parameters["applied"])


def upgrade(release: Release, *, check_mode: bool) -> dict[str, Any]:
    """Upgrade if revisions are pending, then run the command; returns the module's result."""
    known = release.revisions()
    before, ahead = state(release, known)
    left = [] if ahead else pending(known, before)
    # An empty database has no live release.
    now, held = split(left, release.parameters["serving"] if before else [])
    heads = ends(known, ids(known))
    after = before if ahead else ends(known, with_ancestors(known, before) | ids(now))
    targets = ends(known, ids(now)) if held else ["head" if len(heads) == 1 else "heads"]
    changes = bool(now)
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
    done = ahead or (f"Already at {', '.join(after)}" if known else "The release has no migrations")
    way = f"from {', '.join(before) or 'an empty database'} to {', '.join(after)}: {listed(now)}"
    later = f". After the cutover: {listed(held)}" if held else ""
    if check_mode:
        sql, why_not = release.sql(before, targets) if changes else ("", "")
        if changes:
            done = f"Would migrate {way}"
        if held:
            more, why_not = release.sql(after, ["head" if len(heads) == 1 else "heads"])
            sql = f"{sql}\n{LATER}\n{more}".strip() if more else sql
        done += later + (f". {why_not}" if why_not else "")
        return {**result, "sql": sql, "msg": done}
    if changes:
        release.migrate(before, now, targets)
        done = f"Migrated {way}"
    done += later
    for role, setting in (("owner", "owner_command"), ("app", "after_command")):
        if command := release.parameters[setting]:
            unchanged = release.command(command, role)
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
            **RELEASE,
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "ca_cert": {"type": "path", "required": True},
            "owner": {"type": "dict", "required": True, "options": ROLE},
            "app": {"type": "dict", "required": True, "options": ROLE},
            # With no_log Ansible would censor every "1" in the output, revisions included; Release.run redacts secrets.
            "environment": {"type": "dict", "default": {}, "no_log": False},
            "url_variable": {"type": "str", "default": "DATABASE_URL"},
            "url_scheme": {"type": "str", "default": "postgresql"},
            "url_query": {"type": "dict", "default": {}},
            "connection_variables": {"type": "dict", "default": {}, "options": parts},
            "after_command": {"type": "list", "elements": "str", "default": []},
            "owner_command": {"type": "list", "elements": "str", "default": []},
            "unchanged_lines": {"type": "list", "elements": "str", "default": ["unchanged"]},
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

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: the roles of a database, with exactly the required rights.

The collection community.postgresql grants and revokes single rights, one call each. This module compares all existing
rights with all required rights in one call, so it also finds rights that were granted by hand.
"""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_roles
short_description: Create the owner of a schema and the role of an application, with exact rights
description:
  - Creates the owner of a schema, and a log-in of an application. The application gets access to the rows of the owner's tables;
    any other right is revoked. Runs as the master user, without superuser rights.
  - A role without log-in holds the application's rights. It has the log-in's name with C(_rights) at its end, and the log-in is
    its member. So is a second log-in, named with C(_clone), which is used in turn with the first one when the password is rotated.
    It is created once it is the O(app.user).
options:
  state:
    description: V(absent) drops all these roles with all their objects in this database.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description: The role that owns the schema.
    type: dict
    required: true
    suboptions: &role
      user: {description: The name., type: str, required: true}
      password: {description: The password., type: str, required: true}
      verifier: {description: The SCRAM verifier of the password., type: str, required: true}
  app:
    description: The log-in of the application. The other one is its name with C(_clone) at the end, or without.
    type: dict
    required: true
    suboptions: *role
  close_other:
    description:
      - Whether the application's other log-in is closed, if it exists. It loses its log-in and its password, and its sessions end.
        Use it once the application has O(app).
    type: bool
    default: false
  encoding:
    description: The required encoding of the database.
    type: str
    required: true
  collation:
    description: The required collation of the database.
    type: str
    required: true
  tries:
    description: The maximum number of connection attempts.
    type: int
    default: 1
  lock_wait:
    description: The maximum wait for another run in seconds.
    type: int
    default: 300
  lock_timeout:
    description: The lock timeout of the owner's statements in this database in seconds.
    type: int
    default: 5
  statement_timeout:
    description: The timeout of the owner's statements in this database in seconds; 0 for no limit.
    type: int
    default: 5
extends_documentation_fragment:
  - table_order.infra.db_migrate
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.db_migrate_roles:
    database: "{{ db_migrate_database }}"
    owner: "{{ db_migrate_owner | combine({'verifier': db_migrate_owner.password | table_order.infra.db_migrate_scram_verifier}) }}"
    app: "{{ db_migrate_app | combine({'verifier': db_migrate_app.password | table_order.infra.db_migrate_scram_verifier}) }}"
    ca_cert: /etc/ssl/certs/rds-ca.pem
    encoding: UTF8
    collation: en_US.UTF-8

# The application has changed from shop_app to shop_app_clone.
- table_order.infra.db_migrate_roles:
    database: "{{ db_migrate_database }}"
    owner: "{{ db_migrate_owner | combine({'verifier': db_migrate_owner.password | table_order.infra.db_migrate_scram_verifier}) }}"
    app: "{{ {'user': 'shop_app_clone', 'password': next, 'verifier': next | table_order.infra.db_migrate_scram_verifier} }}"
    close_other: true
    ca_cert: /etc/ssl/certs/rds-ca.pem
    encoding: UTF8
    collation: en_US.UTF-8
"""

RETURN = """
changes: {description: 'The changes made, or planned in check mode.', type: list, elements: str, returned: success}
ready: {description: Whether the owner and the application could connect before this run., type: bool, returned: success}
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import (
    DATABASE,
    POLL,
    ROLE,
    DatabaseError,
    connect,
    lock,
    open_session,
    other_log_in,
    psycopg2,
    rights_role,
)

if psycopg2 is not None:
    from psycopg2 import sql
    from psycopg2.extras import NamedTupleCursor


Row = Any  # the driver has no types

TABLE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
# UPDATE is setval(): who may insert any number must be able to move the sequence behind it.
SEQUENCE = frozenset({"SELECT", "UPDATE", "USAGE"})
# The minimum rights of the owner, the exact rights of the application, and the rights that PUBLIC may keep.
OWNER_RIGHTS = {
    "DATABASE": frozenset({"CONNECT", "CREATE", "TEMPORARY"}),
    "SCHEMA": frozenset({"CREATE", "USAGE"}),
}
APP_RIGHTS = {
    "DATABASE": frozenset({"CONNECT"}),
    "SCHEMA": frozenset({"USAGE"}),
    "TABLE": TABLE,
    "SEQUENCE": SEQUENCE,
    "future SCHEMA": frozenset({"USAGE"}),
    "future TABLE": TABLE,
    "future SEQUENCE": SEQUENCE,
}
PUBLIC_RIGHTS = {"SCHEMA": frozenset({"USAGE"})}

# The schemas with the application's tables: public, and those that the owner has or has tables in. Not those of extensions.
# The beginning of each query below.
SCHEMAS = """
WITH owner AS (SELECT oid FROM pg_roles WHERE rolname = %(owner)s),
member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
schemas AS (
    SELECT pg_namespace.oid, nspname::text AS name, nspacl, nspowner
      FROM pg_namespace LEFT JOIN owner ON true
      WHERE (nspname = 'public' OR nspowner = owner.oid OR EXISTS (
               SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid AND relowner = owner.oid
                  AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')))
        AND nspname !~ '^pg_' AND ('pg_namespace'::regclass, pg_namespace.oid) NOT IN (TABLE member)
)
"""
# One row per object and right; an object without rights has one row without a grantee. The owner's rights for objects to come
# are those of the whole database, so that they include schemas which a migration creates.
RIGHTS = """
SELECT kind, schema, name, part, by_master, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE rolname::text END AS grantee,
       privilege_type AS right, is_grantable AS passes_on
  FROM (
    SELECT 'DATABASE', NULL, datname::text, NULL, coalesce(datacl, acldefault('d', datdba)), true
      FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'SCHEMA', NULL, name, NULL, coalesce(nspacl, acldefault('n', nspowner)),
             owner.oid IS NULL OR nspowner <> owner.oid
      FROM schemas LEFT JOIN owner ON true
    UNION ALL SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, schemas.name, relname::text, NULL,
             coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)), false
      FROM pg_class JOIN schemas ON relnamespace = schemas.oid JOIN owner ON relowner = owner.oid
      WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'COLUMN', schemas.name, relname::text, attname::text, attacl, false
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN schemas ON relnamespace = schemas.oid
      JOIN owner ON relowner = owner.oid
      WHERE attacl IS NOT NULL AND NOT attisdropped
    UNION ALL SELECT 'future ' || wanted.kind, NULL, NULL, NULL, defaclacl, false
      FROM (VALUES ('SCHEMA', 'n'::"char"), ('TABLE', 'r'), ('SEQUENCE', 'S')) AS wanted (kind, type)
      LEFT JOIN owner ON true
      LEFT JOIN pg_default_acl ON defaclrole = owner.oid AND defaclobjtype = wanted.type AND defaclnamespace = 0
    UNION ALL SELECT CASE defaclobjtype WHEN 'S' THEN 'future SEQUENCE' ELSE 'future TABLE' END, nspname::text, NULL, NULL,
             defaclacl, false
      FROM pg_default_acl JOIN owner ON defaclrole = owner.oid JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
      WHERE defaclobjtype IN ('r', 'S')
) AS objects (kind, schema, name, part, acl, by_master)
  LEFT JOIN aclexplode(acl) ON true LEFT JOIN pg_roles ON pg_roles.oid = grantee
  ORDER BY kind, schema NULLS FIRST, name, part
"""

ROLES = """
SELECT rolname::text AS name, rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolsuper, rolreplication, rolbypassrls,
       rolvaliduntil IS NOT NULL AND rolvaliduntil <> 'infinity' AS expires,
       array(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid) AS groups,
       array(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid AND admin_option) AS passes_on,
       has_database_privilege(oid, current_database(), 'CONNECT') AND rolcanlogin AS may_connect,
       coalesce((SELECT setconfig FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
                 WHERE setrole = pg_roles.oid AND datname = current_database()), '{}') AS configured
  FROM pg_roles WHERE rolname IN (%(owner)s, %(app)s, %(other)s, %(rights)s)
"""

# In all databases, as a log-in is.
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = %(other)s"

DATABASE_FACTS = """
SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collation,
       (SELECT coalesce(string_agg(schemas.name || '.' || relname || ' of ' || pg_get_userbyid(relowner), ', '), '')
          FROM pg_class JOIN schemas ON relnamespace = schemas.oid
         WHERE relkind IN ('r', 'p') AND pg_get_userbyid(relowner) <> %(owner)s
           AND ('pg_class'::regclass, pg_class.oid) NOT IN (TABLE member)) AS foreign_tables
  FROM pg_database WHERE datname = current_database()
"""

# In the catalogue of the whole cluster, objects of the cluster, such as a database's rights, belong to database 0.
USED_ELSEWHERE = """
SELECT rolname AS name, string_agg(DISTINCT datname, ', ' ORDER BY datname) AS others
  FROM pg_shdepend JOIN pg_roles ON refclassid = 'pg_authid'::regclass AND refobjid = pg_roles.oid
  JOIN pg_database ON pg_database.oid = CASE classid WHEN 'pg_database'::regclass THEN objid ELSE dbid END
 WHERE rolname IN (%(owner)s, %(app)s, %(other)s, %(rights)s) AND datname <> current_database()
 GROUP BY rolname ORDER BY rolname
"""


class Step(NamedTuple):
    """One change: its description, the statement, and whether the master user runs the statement."""

    text: str
    statement: Any
    master: bool


def refuse(found: Row, roles: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Raise DatabaseError for problems that no later step can fix."""
    name, encoding, collation = (
        parameters["database"]["name"],
        parameters["encoding"],
        parameters["collation"],
    )
    plain = [text.lower().replace("-", "") for text in (found.collation, collation)]
    if found.encoding != encoding or plain[0] != plain[1]:
        raise DatabaseError(
            f"{name} has the encoding {found.encoding} and the collation {found.collation}; expected {encoding} and "
            f"{collation}. A database cannot change either: recreate the database (TEMPLATE template0), or set "
            "db_migrate_encoding and db_migrate_collation to the existing values."
        )
    if found.foreign_tables:
        owner = parameters["owner"]["user"]
        raise DatabaseError(
            f"Tables in the application's schemas do not belong to {owner}: {found.foreign_tables}. Migrations cannot "
            f"change these tables. Change the owner, as the current owner: ALTER TABLE ... OWNER TO {owner}."
        )
    for role in roles.values():
        for attribute, word in (
            ("rolsuper", "SUPERUSER"),
            ("rolreplication", "REPLICATION"),
            ("rolbypassrls", "BYPASSRLS"),
        ):
            if getattr(role, attribute):
                raise DatabaseError(
                    f"{role.name} has {word}, which only a superuser can revoke: ALTER ROLE {role.name} NO{word}."
                )


def role_steps(roles: dict[str, Any], parameters: dict[str, Any]) -> list[Step]:
    """Return the changes to the attributes and memberships of all roles; that of the rights comes before its members."""
    steps = []
    owner, app = parameters["owner"]["user"], parameters["app"]["user"]
    rights, other = rights_role(app), other_log_in(app)
    for name in (owner, rights, app, other):
        role = roles.get(name)
        identifier = sql.Identifier(name)
        if role is None and name == other:
            continue
        if role is None and name == rights:
            statement = sql.SQL("CREATE ROLE {} WITH NOCREATEDB NOCREATEROLE").format(identifier)
            steps.append(Step(f"role {name}", statement, True))
        elif role is None:
            statement = sql.SQL("CREATE USER {} WITH NOCREATEDB NOCREATEROLE PASSWORD {}")
            verifier = sql.Literal(parameters["owner" if name == owner else "app"]["verifier"])
            steps.append(Step(f"role {name}", statement.format(identifier, verifier), True))
        else:
            attributes = [
                (not role.rolcanlogin and name in (owner, app), "LOGIN"),
                (role.rolcanlogin and name == rights, "NOLOGIN"),
                (not role.rolinherit and name in (app, other), "INHERIT"),
                (role.rolcreatedb, "NOCREATEDB"),
                (role.rolcreaterole, "NOCREATEROLE"),
                (role.expires, "VALID UNTIL 'infinity'"),
            ]
            for wrong, words in attributes:
                if wrong:
                    statement = sql.SQL("ALTER ROLE {} WITH " + words).format(identifier)
                    steps.append(Step(f"{name}: {words}", statement, True))
        if name != owner:
            steps += member_steps(name, role, {rights} - {name})
    return steps


def member_steps(name: str, role: Row | None, wanted: set[str]) -> list[Step]:
    """Return the changes to the memberships of a role of the application."""
    groups, passes_on = (set(role.groups), set(role.passes_on)) if role else (set(), set())
    return [
        Step(
            text.format(name, group), sql.SQL(words).format(sql.Identifier(group), sql.Identifier(name)), True
        )
        for text, words, found in (
            ("{}: a member of {}", "GRANT {} TO {}", wanted - groups),
            ("{}: no longer a member of {}", "REVOKE {} FROM {}", groups - wanted),
            ("{}: no longer grants {}", "REVOKE ADMIN OPTION FOR {} FROM {}", passes_on & wanted),
        )
        for group in sorted(found)
    ]


def timeout_steps(role: Row | None, parameters: dict[str, Any]) -> list[Step]:
    """Return the changes to the owner's timeouts, which apply to any driver and any env.py; only migrations use this role.

    With equal values PostgreSQL would report a lock wait as a statement timeout, so lock_timeout is slightly shorter.
    """
    name, database = parameters["owner"]["user"], parameters["database"]["name"]
    steps = []
    wanted = {
        "lock_timeout": f"{1000 * (parameters['lock_timeout'] - POLL):.0f}ms",
        "statement_timeout": f"{parameters['statement_timeout']}s"
        if parameters["statement_timeout"]
        else "0",
    }
    for timeout, value in wanted.items():
        if role is not None and f"{timeout}={value}" in role.configured:
            continue
        statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET " + timeout + " = {}").format(
            sql.Identifier(name), sql.Identifier(database), sql.Literal(value)
        )
        steps.append(Step(f"{name}: {timeout} {value} in {database}", statement, True))
    return steps


def right_steps(rows: list[Any], owner: str, app: str) -> list[Step]:
    """Return the changes from the existing to the required rights, which a log-in has only by its membership."""
    holder = rights_role(app)
    objects: dict[Target, dict[str, dict[str, bool]]] = {}
    for row in rows:
        target = Target(row.kind, row.schema, row.name, row.part, owner, row.by_master)
        grantees = objects.setdefault(target, {})
        if row.grantee:
            grantees.setdefault(row.grantee, {})[row.right] = row.passes_on
    steps = []
    for target, grantees in objects.items():
        kind = target.kind
        wanted = APP_RIGHTS["TABLE" if kind == "COLUMN" else kind]
        # Those of one schema would only repeat those of all.
        if kind.startswith("future") and target.schema:
            wanted = frozenset()
        has = grantees.get(holder, {})
        if kind != "COLUMN":
            steps += target.grant(holder, wanted - has.keys())
        if kind in OWNER_RIGHTS:
            steps += target.grant(owner, OWNER_RIGHTS[kind] - grantees.get(owner, {}).keys())
        steps += target.revoke(holder, has.keys() - wanted)
        steps += target.revoke(
            holder, {right for right in has if has[right] and right in wanted}, "GRANT OPTION FOR "
        )
        for log_in in (app, other_log_in(app)):
            steps += target.revoke(log_in, grantees.get(log_in, {}).keys())
        steps += target.revoke(
            "PUBLIC", grantees.get("PUBLIC", {}).keys() - PUBLIC_RIGHTS.get(kind, frozenset())
        )
    return steps


class Target(NamedTuple):
    """A database object with rights."""

    kind: str
    schema: str | None
    name: str | None
    part: str | None
    owner: str
    by_master: bool

    def grant(self, grantee: str, rights: Collection) -> list[Step]:
        """Return the step that grants ``rights``, unless empty."""
        return [self.step("GRANT", "to", grantee, rights)] if rights else []

    def revoke(self, grantee: str, rights: Collection, option: str = "") -> list[Step]:
        """Return the step that revokes ``rights``, or only their grant option, unless empty."""
        return [self.step(f"REVOKE {option}", "from", grantee, rights)] if rights else []

    def step(self, verb: str, preposition: str, grantee: str, rights: Collection) -> Step:
        """Return a step. The rights' names come from PostgreSQL or from this file."""
        future = self.kind.startswith("future")
        kind = "TABLE" if self.kind == "COLUMN" else self.kind.replace("future ", "")
        words = sorted(rights)
        listed = sql.SQL(", ").join(
            sql.SQL(word + " ({})").format(sql.Identifier(self.part)) if self.part else sql.SQL(word)
            for word in words
        )
        if future:
            place = (
                sql.SQL("IN SCHEMA {} ").format(sql.Identifier(self.schema)) if self.schema else sql.SQL("")
            )
            prefix = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} {}").format(
                sql.Identifier(self.owner), place
            )
            target = sql.SQL(kind + "S")
        else:
            prefix = sql.SQL("")
            target = sql.SQL(kind + " {}").format(sql.Identifier(*filter(None, (self.schema, self.name))))
        statement = sql.SQL("{}{} {} ON {} {} {}{}").format(
            prefix,
            sql.SQL(verb.strip()),
            listed,
            target,
            sql.SQL(preposition.upper()),
            sql.SQL("PUBLIC") if grantee == "PUBLIC" else sql.Identifier(grantee),
            # Also revokes rights that the grantee granted to other roles.
            sql.SQL(" CASCADE" if preposition == "from" else ""),
        )
        parts = (self.schema if future or self.schema != "public" else None, self.name, self.part)
        where = f"{self.kind.lower()}{'s' if future else ''} {'.'.join(filter(None, parts))}".strip()
        text = f"{verb.strip().lower()} {', '.join(words)} on {where} {preposition} {grantee}"
        return Step(text, statement, self.by_master)


class Roles:
    """The roles of one database, as seen by its master user."""

    def __init__(self, parameters: dict[str, Any], *, check_mode: bool) -> None:
        """Connect, and wait until another run ends."""
        self.parameters, self.check_mode = parameters, check_mode
        self.owner, self.app = parameters["owner"], parameters["app"]
        app = self.app["user"]
        self.other = other_log_in(app)
        self.names = {
            "owner": self.owner["user"],
            "app": app,
            "other": self.other,
            "rights": rights_role(app),
        }
        database = parameters["database"]
        self.master = connect(
            parameters,
            database["admin_user"],
            database["admin_password"],
            "db_migrate_database.admin_password",
            parameters["tries"],
        )
        lock(self.master, parameters["lock_wait"])

    def read(self, query: str) -> list[Any]:
        """Return the rows of a query about the roles."""
        with self.master.cursor(cursor_factory=NamedTupleCursor) as cursor:
            cursor.execute(SCHEMAS + query, self.names)
            return cursor.fetchall()

    def roles(self) -> dict[str, Any]:
        """Return the existing roles, by name."""
        return {row.name: row for row in self.read(ROLES)}

    def rights(self) -> list[Step]:
        """Return the changes to the rights."""
        return right_steps(self.read(RIGHTS), self.owner["user"], self.app["user"])

    def passwords(self, roles: dict[str, Any]) -> list[Step]:
        """Return the changes to passwords that do not work.

        A master user on RDS cannot read the stored verifier, so the password is tested with a login.
        """
        steps = []
        for role in (self.owner, self.app):
            known = roles.get(role["user"])
            if known is None or not known.may_connect:
                continue
            try:
                open_session(self.parameters, role["user"], role["password"]).close()
            except psycopg2.OperationalError:
                # Set as a verifier: a plain password would appear in the database's log.
                statement = sql.SQL("ALTER ROLE {} WITH PASSWORD {}")
                statement = statement.format(sql.Identifier(role["user"]), sql.Literal(role["verifier"]))
                steps.append(Step(f"{role['user']}: password", statement, True))
        return steps

    def close_other(self, roles: dict[str, Any]) -> list[str]:
        """Refuse the application's other log-in, and end its sessions; returns the changes."""
        if self.other not in roles:
            return []
        name = sql.Identifier(self.other)
        done = []
        if roles[self.other].rolcanlogin:
            statement = sql.SQL("ALTER ROLE {} WITH NOLOGIN PASSWORD NULL").format(name)
            done += self.do([Step(f"{self.other}: NOLOGIN", statement, True)])
        # A log-in before the last statement has a session now. Whoever ends a session must be a member of its role.
        [(count,)] = self.read(SESSIONS)
        if count:
            end = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}")
            done += self.do(
                [
                    Step("", sql.SQL("GRANT {} TO CURRENT_USER").format(name), True),
                    Step(
                        f"{self.other}: {count} session(s) ended", end.format(sql.Literal(self.other)), True
                    ),
                    Step("", sql.SQL("REVOKE {} FROM CURRENT_USER").format(name), True),
                ]
            )
        return [text for text in done if text]

    def do(self, steps: list[Step]) -> list[str]:
        """Apply the steps of each user in one transaction, and return their descriptions."""
        steps_by = {master: [step for step in steps if step.master is master] for master in (True, False)}
        if self.check_mode:
            return [step.text for step in steps]
        for master, mine in steps_by.items():
            if not mine:
                continue
            connection = self.master
            if not master:
                setting = "db_migrate_owner.password"
                connection = connect(self.parameters, self.owner["user"], self.owner["password"], setting)
            with connection, connection.cursor() as cursor:
                for step in mine:
                    try:
                        cursor.execute(step.statement)
                    except psycopg2.Error as error:
                        raise DatabaseError(f"Cannot apply: {step.text}: {str(error).strip()}") from error
            if not master:
                connection.close()
        return [step.text for step in steps]

    def make(self) -> dict[str, Any]:
        """Create or change the roles; returns the module's result."""
        roles = self.roles()
        refuse(self.read(DATABASE_FACTS)[0], roles, self.parameters)
        steps = role_steps(roles, self.parameters)
        steps += timeout_steps(roles.get(self.owner["user"]), self.parameters)
        rights = self.rights()
        done = self.do(steps + [step for step in rights if step.master])
        wrong = self.passwords(roles if self.check_mode else self.roles())
        done += self.do(wrong)
        done += self.do([step for step in rights if not step.master])
        done += self.close_other(roles) if self.parameters["close_other"] else []
        left = [] if self.check_mode else [step.text for step in self.rights()]
        if left:
            raise DatabaseError(
                f"The master user {self.parameters['database']['admin_user']} cannot change: {'; '.join(left)}. Another role "
                "granted these rights or owns the schema: revoke the rights as that role."
            )
        connectable = {name for name, role in roles.items() if role.may_connect}
        return {"changes": done, "ready": {self.owner["user"], self.app["user"]} <= connectable and not wrong}

    def remove(self) -> dict[str, Any]:
        """Drop the roles with their objects in this database; returns the module's result."""
        names = sorted(self.roles())
        # DROP OWNED would also revoke the right to connect to the other databases.
        for name, others in self.read(USED_ELSEWHERE):
            raise DatabaseError(
                f"Cannot drop role {name}, which {others} needs. Give each database users of its own (db_migrate_owner, "
                "db_migrate_app) and migrate it again, or drop the other database first."
            )
        steps = []
        # Dropping a role's objects or grants requires membership in the role; join all roles before the first drop.
        for words, text in (
            ("GRANT {} TO CURRENT_USER", ""),
            ("DROP OWNED BY {} CASCADE", "drop all objects of {}"),
            ("DROP ROLE {}", "drop role {}"),
        ):
            steps += [
                Step(text.format(name), sql.SQL(words).format(sql.Identifier(name)), True) for name in names
            ]
        return {"changes": [text for text in self.do(steps) if text], "ready": False}


def main() -> None:
    """Run the module."""
    role = {**ROLE, "verifier": {"type": "str", "required": True, "no_log": True}}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "owner": {"type": "dict", "required": True, "options": role},
            "app": {"type": "dict", "required": True, "options": role},
            "close_other": {"type": "bool", "default": False},
            "ca_cert": {"type": "path", "required": True},
            "encoding": {"type": "str", "required": True},
            "collation": {"type": "str", "required": True},
            "tries": {"type": "int", "default": 1},
            "lock_wait": {"type": "int", "default": 300},
            "lock_timeout": {"type": "int", "default": 5},
            "statement_timeout": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    try:
        roles = Roles(module.params, check_mode=module.check_mode)
        try:
            result = roles.make() if module.params["state"] == "present" else roles.remove()
        finally:
            roles.master.close()
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    after = "".join(f"{line}\n" for line in result["changes"])
    module.exit_json(changed=bool(result["changes"]), diff={"before": "", "after": after}, **result)


if __name__ == "__main__":
    main()

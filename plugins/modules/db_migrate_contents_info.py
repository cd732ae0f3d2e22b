#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: tell what a database contains, to compare two of them. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_contents_info
short_description: Tell what a database contains, to compare two of them
description:
  - Describes all schemas of the database but PostgreSQL's own, and counts the rows of each table, in one transaction that can only
    read. The filter C(db_migrate_contents_compared) compares two of its results.
options:
  owner:
    description: The user that reads, the owner of the tables.
    type: dict
    required: true
    suboptions:
      user: {description: The name., type: str, required: true}
      password: {description: The password., type: str, required: true}
  time_column:
    description: The column with the time at which a row was made, of the tables that have it.
    type: str
    default: created_at
  limits:
    description: A time for each table, to count the rows up to that time as well.
    type: dict
    default: {}
  seconds:
    description: How long one table may take. A count that takes longer is missing.
    type: int
    default: 60
  tries:
    description: The maximum number of attempts to log in, two seconds apart.
    type: int
    default: 1
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
extends_documentation_fragment:
  - table_order.infra.db_migrate
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- name: Tell what the restored database contains
  table_order.infra.db_migrate_contents_info:
    database: {host: db.example, port: 5432, name: tableorder, admin_user: tableorder_admin, admin_password: "{{ password }}"}
    owner: {user: tableorder_owner, password: "{{ owner_password }}"}
    ca_cert: /etc/ssl/certs/rds-ca.pem
  register: restored
"""

RETURN = """
schema:
  description: A sorted line for each column, index, constraint, view, function, trigger, extension, and right on a table.
  returned: always
  type: list
  elements: str
tables:
  description:
    - The tables with their C(rows), C(newest), the time of the newest row (empty without one), and C(until), the number of rows
      up to the time in O(limits).
    - A number that could not be read is null, and C(problem) says why.
  returned: always
  type: dict
  sample: {public.orders: {rows: 1204, newest: "2026-11-28T12:00:00+00:00", until: 1204, problem: ""}}
"""

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import (
    DATABASE,
    ROLE,
    Connection,
    DatabaseError,
    connect,
    psycopg2,
)

OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
RELATION = "format('%I.%I', n.nspname, c.relname)"
# Without what belongs to an extension, whose line tells all of it.
OWN = "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
OWN_FUNCTION = "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
SCHEMA = (
    """SELECT format('column %s %I %s%s%s', {relation}, a.attname, format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                      COALESCE(' default ' || pg_get_expr(f.adbin, f.adrelid), ''))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        WHERE {ours} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND {own}""",
    """SELECT format('index %s', pg_get_indexdef(i.indexrelid))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {ours} AND {own}""",
    """SELECT format('constraint %s %I %s', {relation}, o.conname, pg_get_constraintdef(o.oid))
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {ours} AND {own}""",
    """SELECT format('view %s %s', {relation}, md5(pg_get_viewdef(c.oid)))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {ours} AND c.relkind IN ('v', 'm') AND {own}""",
    """SELECT format('rights %s %s', {relation}, array_to_string(ARRAY(SELECT r::text FROM unnest(c.relacl) r ORDER BY 1), ','))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {ours} AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND {own}""",
    """SELECT format('function %I.%s %s', n.nspname, p.oid::regprocedure, md5(pg_get_functiondef(p.oid)))
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {ours} AND p.prokind IN ('f', 'p') AND {own_function}""",
    """SELECT format('trigger %s', pg_get_triggerdef(t.oid))
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {ours} AND NOT t.tgisinternal""",
    "SELECT format('extension %I', extname) FROM pg_extension",
)
TABLES = """
SELECT n.nspname, c.relname,
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = %s AND NOT a.attisdropped
               AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {ours} AND c.relkind = 'r' AND {own} ORDER BY 1, 2"""


def complete(query: str) -> Any:  # noqa: ANN401 - the driver has no types
    """Return a query with the parts that several have."""
    from psycopg2 import sql

    parts = {"ours": OURS, "relation": RELATION, "own": OWN, "own_function": OWN_FUNCTION}
    return sql.SQL(query).format(**{name: sql.SQL(part) for name, part in parts.items()})


def schema(cursor: Any) -> list[str]:  # noqa: ANN401 - the driver has no types
    """Return the lines of the schema."""
    lines = set()
    for query in SCHEMA:
        cursor.execute(complete(query))
        lines |= {row[0] for row in cursor.fetchall()}
    return sorted(lines)


def tables(cursor: Any, column: str, until: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    """Yield each table's name and what it contains."""
    from psycopg2 import sql

    cursor.execute(complete(TABLES), (column,))
    for space, name, timed in cursor.fetchall():
        shown = f"{space}.{name}"
        time = sql.Identifier(column) if timed else sql.SQL("NULL::timestamptz")
        query = sql.SQL("SELECT count(*), max({0}), count(*) FILTER (WHERE {0} <= {2}) FROM {1}").format(
            time, sql.Identifier(space, name), sql.Literal(until.get(shown) or None)
        )
        cursor.execute("SAVEPOINT before")
        try:
            cursor.execute(query)
        except (psycopg2.errors.QueryCanceled, psycopg2.errors.InsufficientPrivilege) as error:
            cursor.execute("ROLLBACK TO before")
            yield shown, {"rows": None, "newest": "", "until": None, "problem": str(error).strip()}
            continue
        rows, newest, counted = cursor.fetchone()
        yield (
            shown,
            {
                "rows": rows,
                "newest": newest.isoformat() if newest else "",
                "until": counted if timed and until.get(shown) else None,
                "problem": "",
            },
        )


def contents(connection: Connection, column: str, until: dict[str, str], seconds: int) -> dict[str, Any]:
    """Return the module's result; ends the session's transaction."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
            cursor.execute("SELECT set_config('search_path', 'pg_catalog', true)")
            cursor.execute("SELECT set_config('TimeZone', 'UTC', true)")
            return {"schema": schema(cursor), "tables": dict(tables(cursor, column, until))}
    finally:
        connection.rollback()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "owner": {"type": "dict", "required": True, "options": ROLE},
            "ca_cert": {"type": "path", "required": True},
            "time_column": {"type": "str", "default": "created_at"},
            "limits": {"type": "dict", "default": {}},
            "seconds": {"type": "int", "default": 60},
            "tries": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    options = module.params
    owner = options["owner"]
    try:
        connection = connect(
            options, owner["user"], owner["password"], "db_migrate_owner.password", options["tries"]
        )
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    try:
        found = contents(connection, options["time_column"], options["limits"], options["seconds"])
    except psycopg2.Error as error:
        module.fail_json(msg=f"{options['database']['host']} cannot be read: {str(error).strip()}")
    finally:
        connection.close()
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: tell what PostgreSQL's own statistics say of a database's performance. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_performance_info
short_description: Tell what PostgreSQL's own statistics say of a database's performance
description:
  - Reads the statistics that PostgreSQL collects, as the administrator, in one transaction that can only read.
  - It reads no row of any table. Statements come from the extension pg_stat_statements, with C($1) in place of each value.
options:
  seconds:
    description: How long one query may take.
    type: int
    default: 10
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
extends_documentation_fragment:
  - table_order.infra.db_migrate
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- name: Tell what the statistics say
  table_order.infra.db_migrate_performance_info:
    database: {host: db.example, port: 5432, name: tableorder, admin_user: tableorder_admin, admin_password: "{{ password }}"}
    ca_cert: /etc/ssl/certs/rds-ca.pem
  register: statistics
"""

RETURN = """
database:
  description: Since when the statistics count (C(since), ISO 8601 or null), and the blocks that were found in memory and read.
  returned: always
  type: dict
  sample: {since: "2026-11-01T00:00:00+00:00", hits: 120000, reads: 800}
tables:
  description: The tables with their C(rows), C(dead) rows, and the C(scans) of the whole table and of an index (C(index_scans)).
  returned: always
  type: list
  elements: dict
  sample: [{name: public.orders, rows: 1204, dead: 3, scans: 2, index_scans: 900}]
unused_indexes:
  description: Indexes that no query has used, and that no constraint needs, with their size in C(bytes).
  returned: always
  type: list
  elements: dict
  sample: [{name: public.orders_old, bytes: 16384}]
statements:
  description: The ten statements that took longest in sum; null without the extension pg_stat_statements.
  returned: always
  type: list
  elements: dict
  sample: [{statement: "SELECT * FROM orders WHERE id = $1", calls: 900, mean_ms: 0.4, total_ms: 360.0}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import (
    DATABASE,
    Connection,
    DatabaseError,
    connect,
    psycopg2,
)

STATISTICS = {
    "database": """SELECT stats_reset AS since, blks_hit AS hits, blks_read AS reads
        FROM pg_stat_database WHERE datname = current_database()""",
    "tables": """SELECT format('%I.%I', schemaname, relname) AS name, n_live_tup AS rows, n_dead_tup AS dead, seq_scan AS scans,
        coalesce(idx_scan, 0) AS index_scans FROM pg_stat_user_tables ORDER BY 1""",
    "unused_indexes": """SELECT format('%I.%I', s.schemaname, s.indexrelname) AS name, pg_relation_size(s.indexrelid) AS bytes
        FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
        WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        ORDER BY 2 DESC""",
}
WHERE = """SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'"""
# Only these: the text of others, such as ALTER ROLE, keeps its values, and with them passwords.
STATEMENTS = r"""SELECT left(regexp_replace(query, '\s+', ' ', 'g'), 300) AS statement, sum(calls)::bigint AS calls,
    (sum(total_exec_time) / sum(calls))::float AS mean_ms, sum(total_exec_time)::float AS total_ms
    FROM {}.pg_stat_statements(true) WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query ~* '^\s*(select|insert|update|delete|with)\M' AND calls > 0 GROUP BY 1 ORDER BY 4 DESC LIMIT 10"""


def rows(cursor: Any, query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the driver has no types
    """Return the rows of a query, times in ISO 8601."""
    cursor.execute(query)
    names = [column[0] for column in cursor.description]
    return [
        {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in zip(names, row)  # noqa: B905 - Amazon Linux's Python is 3.9
        }
        for row in cursor.fetchall()
    ]


def statistics(connection: Connection, seconds: int) -> dict[str, Any]:
    """Return the module's result; ends the session's transaction."""
    from psycopg2 import sql

    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
            cursor.execute("SELECT set_config('search_path', 'pg_catalog', true)")
            cursor.execute("SELECT set_config('TimeZone', 'UTC', true)")
            found: dict[str, Any] = {name: rows(cursor, query) for name, query in STATISTICS.items()}
            found["database"] = found["database"][0]
            places = rows(cursor, WHERE)
            found["statements"] = (
                rows(cursor, sql.SQL(STATEMENTS).format(sql.Identifier(places[0]["nspname"])))
                if places
                else None
            )
            return found
    finally:
        connection.rollback()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "ca_cert": {"type": "path", "required": True},
            "seconds": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    if psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"))
    database = module.params["database"]
    try:
        connection = connect(
            module.params,
            database["admin_user"],
            database["admin_password"],
            "db_migrate_database.admin_password",
        )
    except DatabaseError as error:
        module.fail_json(msg=str(error))
    try:
        found = statistics(connection, module.params["seconds"])
    except psycopg2.Error as error:
        module.fail_json(msg=f"{database['host']} cannot be read: {str(error).strip()}")
    finally:
        connection.close()
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

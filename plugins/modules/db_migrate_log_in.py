#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: check whether a login to the database succeeds. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_log_in
short_description: Check whether a login to the database succeeds
description:
  - Logs in as the master user over verified TLS and runs one statement. A failed login is a result, not an error.
options:
  tries:
    description: The maximum number of attempts, two seconds apart.
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
- name: Log in to the database
  table_order.infra.db_migrate_log_in:
    database: {host: db.example, port: 5432, name: tableorder, admin_user: tableorder_admin, admin_password: "{{ password }}"}
    ca_cert: /etc/ssl/certs/rds-ca.pem
"""

RETURN = """
answers:
  description: Whether the database answered the statement.
  returned: always
  type: bool
msg:
  description: The error with the fix, or a success message.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import (
    DATABASE,
    DatabaseError,
    connect,
    psycopg2,
)


def log_in(parameters: dict) -> tuple[bool, str]:
    """Return whether the database answers a statement, and a message."""
    database = parameters["database"]
    try:
        connection = connect(
            parameters,
            database["admin_user"],
            database["admin_password"],
            "db_migrate_database.admin_password",
            parameters["tries"],
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        finally:
            connection.close()
    except DatabaseError as error:
        return False, str(error)
    except psycopg2.Error as error:  # the connection broke after the login
        return False, str(error).strip()
    return True, "The database answers."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "dict", "required": True, "options": DATABASE},
            "ca_cert": {"type": "path", "required": True},
            "tries": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    answers, message = log_in(module.params)
    module.exit_json(changed=False, answers=answers, msg=message)


if __name__ == "__main__":
    main()

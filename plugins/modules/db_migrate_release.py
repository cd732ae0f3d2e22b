#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: check the requirements of a migration on a server. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = """
module: db_migrate_release
short_description: Check the requirements of a migration on a server
description:
  - Checks a release, its user, the CA bundle and the database driver of this Python.
options:
  ca_cert:
    description: The path of the CA bundle.
    type: path
    required: true
extends_documentation_fragment:
  - table_order.infra.db_migrate.release
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.db_migrate_release:
    path: /srv/shop/backend
    user: table-order
    ca_cert: /etc/ssl/certs/rds-ca.pem
"""

RETURN = """
missing: {description: The missing files and users., type: list, elements: str, returned: always}
problems: {description: The unusable files., type: list, elements: str, returned: always}
driver: {description: Whether this Python has the database driver., type: bool, returned: always}
"""

import pwd
import ssl
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.db_migrate import RELEASE, psycopg2

# Prints its unreadable arguments; runs as the migration user.
UNREADABLE = 'for file; do test -r "$file" || echo "$file"; done'


def leads_out(path: Path, inside: str) -> bool:
    """Return whether ``inside``, after following links, lies outside ``path``."""
    root = path.resolve()
    found = (path / inside).resolve()
    return root != found and root not in found.parents


def gather(parameters: dict[str, Any]) -> dict[str, list[str]]:
    """Return missing and unusable files, each with the name of its setting."""
    path, ca_cert, missing, problems = Path(parameters["path"]), Path(parameters["ca_cert"]), [], []
    wanted = {
        "db_migrate_alembic_ini": path / parameters["config"],
        "db_migrate_alembic_folder": path / parameters["directory"],
        "db_migrate_venv": path / parameters["venv"] / "bin/python",
        "db_migrate_ca_cert": ca_cert,
    }
    missing += [f"{file} ({setting})" for setting, file in wanted.items() if not file.exists()]
    try:
        pwd.getpwnam(parameters["user"])
    except KeyError:
        missing.append(f"the user {parameters['user']} (db_migrate_user)")
    for setting, part in (("alembic_ini", "config"), ("alembic_folder", "directory"), ("venv", "venv")):
        if leads_out(path, parameters[part]):
            problems.append(
                f"db_migrate_{setting} ({parameters[part]}) leads out of the release {path}, but the migration may only run files "
                "of the release. Replace the link by its target."
            )
    try:
        if ca_cert.exists():
            ssl.create_default_context(cafile=parameters["ca_cert"])
    except (ssl.SSLError, OSError) as error:
        problems.append(
            f"db_migrate_ca_cert ({parameters['ca_cert']}) is not a readable CA bundle ({error}). "
            "Install the database's CA bundle; the fastapi_app role does."
        )
    return {"missing": missing, "problems": problems}


def unreadable(module: AnsibleModule) -> list[str]:
    """Return a sentence for each file that the migration user cannot read."""
    parameters = module.params
    files = [
        f"{parameters['path']}/{parameters['config']}",
        f"{parameters['path']}/{parameters['directory']}",
        f"{parameters['path']}/{parameters['venv']}/bin/python",
        parameters["ca_cert"],
    ]
    runuser = module.get_bin_path("runuser", required=True)
    command = [runuser, "-u", parameters["user"], "--", "/bin/sh", "-c", UNREADABLE, "sh", *files]
    _dummy, output, _dummy = module.run_command(command, check_rc=True)
    return [
        f"{file} cannot be read by {parameters['user']} (db_migrate_user), which runs the migration. Grant read access."
        for file in output.splitlines()
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE,
            "ca_cert": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    found = gather(module.params)
    if not found["missing"]:
        found["problems"] += unreadable(module)
    module.exit_json(changed=False, driver=psycopg2 is not None, **found)


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Ansible module: look whether a server has what a migration needs. It changes nothing."""

from __future__ import annotations

import pwd
import ssl
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.db_migrate import psycopg2

DOCUMENTATION = """
module: db_migrate_release
short_description: Look whether a server has what a migration needs
description:
  - Looks at a release, the user who is to run it, the certificate authorities and the database driver of this Python.
options:
  path:
    description: The release.
    type: path
    required: true
  config:
    description: Alembic's configuration, in O(path).
    type: str
    required: true
  folder:
    description: Where Alembic runs, in O(path).
    type: str
    required: true
  venv:
    description: The virtual environment, in O(path).
    type: str
    required: true
  user:
    description: The user who runs the release's code.
    type: str
    required: true
  ca_cert:
    description: The certificate authorities.
    type: path
    required: true
author: [Table Order Infrastructure]
"""

EXAMPLES = """
- db_migrate_release:
    path: /opt/table-order/backend
    config: alembic.ini
    folder: .
    venv: venv
    user: table-order
    ca_cert: /etc/ssl/certs/rds-ca.pem
"""

RETURN = """
missing: {description: What is not there., type: list, elements: str, returned: always}
problems: {description: What is there and cannot be used., type: list, elements: str, returned: always}
driver: {description: Whether this Python has the database driver., type: bool, returned: always}
"""

# Prints those of its arguments that it cannot read; run as the application's user.
UNREADABLE = 'for file; do test -r "$file" || echo "$file"; done'


def leads_out(path: Path, inside: str) -> bool:
    """Say whether ``inside``, links followed, lies outside of ``path``."""
    root = path.resolve()
    found = (path / inside).resolve()
    return root != found and root not in found.parents


def look(parameters: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is missing, and what is there and cannot be used; each with the setting's name."""
    path, ca_cert, missing, problems = Path(parameters["path"]), Path(parameters["ca_cert"]), [], []
    wanted = {
        "db_migrate_alembic_ini": path / parameters["config"],
        "db_migrate_alembic_folder": path / parameters["folder"],
        "db_migrate_venv": path / parameters["venv"] / "bin/python",
        "db_migrate_ca_cert": ca_cert,
    }
    missing += [f"{file} ({setting})" for setting, file in wanted.items() if not file.exists()]
    try:
        pwd.getpwnam(parameters["user"])
    except KeyError:
        missing.append(f"the user {parameters['user']} (db_migrate_user)")
    for setting, part in (("alembic_ini", "config"), ("alembic_folder", "folder"), ("venv", "venv")):
        if leads_out(path, parameters[part]):
            problems.append(
                f"db_migrate_{setting} ({parameters[part]}) leads out of the release {path}: what runs there must be the "
                "release's own. Replace the link by what it leads to."
            )
    try:
        if ca_cert.exists():
            ssl.create_default_context(cafile=parameters["ca_cert"])
    except (ssl.SSLError, OSError) as error:
        problems.append(
            f"db_migrate_ca_cert ({parameters['ca_cert']}) holds no certificate authorities that can be read ({error}). "
            "Put the database's there; the fastapi_app role does."
        )
    return {"missing": missing, "problems": problems}


def unreadable(module: AnsibleModule) -> list[str]:
    """Return what the application's user may not read."""
    parameters = module.params
    files = [
        f"{parameters['path']}/{parameters['config']}",
        f"{parameters['path']}/{parameters['folder']}",
        f"{parameters['path']}/{parameters['venv']}/bin/python",
        parameters["ca_cert"],
    ]
    runuser = module.get_bin_path("runuser", required=True)
    command = [runuser, "-u", parameters["user"], "--", "/bin/sh", "-c", UNREADABLE, "sh", *files]
    _, output, _ = module.run_command(command, check_rc=True)
    return [
        f"{file} cannot be read by {parameters['user']} (db_migrate_user), who runs the migration. Give the right to."
        for file in output.splitlines()
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "config": {"type": "str", "required": True},
            "folder": {"type": "str", "required": True},
            "venv": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "ca_cert": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    found = look(module.params)
    if not found["missing"]:
        found["problems"] += unreadable(module)
    module.exit_json(changed=False, driver=psycopg2 is not None, **found)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Run a single command in the environment of the live release."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_run
short_description: Run a command in the environment of the live release
description:
  - Runs a program of the live release's virtual environment in a unit of its own, with the environment, the directory and
    the restrictions of the service, and waits for its end. No shell reads the words.
  - Fails without a live release, and with the command's own exit status.
  - Check mode runs nothing.
options:
  command:
    description:
      - A program of the virtual environment, without a path, and its arguments.
    type: list
    elements: str
    required: true
  properties:
    description:
      - The properties of the unit.
    type: list
    elements: str
    default: []
  directory:
    description:
      - Where the command starts, in the backend of the release.
    type: str
    default: "."
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Run a command
  table_order.infra.fastapi_app_run:
    site: "{{ __fastapi_app_site }}"
    command: [python, -m, app.report, --month, "3"]
    properties: [User=shop]
"""

RETURN = r"""
release:
  description: The live release.
  returned: when there is one
  type: str
  sample: 3f2a9c1b7d10-a1b2c3
rc:
  description: The exit status of the command.
  returned: when it ran
  type: int
stdout:
  description: What the command printed, without the values of its environment.
  returned: when it ran
  type: str
stderr:
  description: What the command printed as errors, without the values of its environment.
  returned: when it ran
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import (
    hidden,
    secret_values,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import transient
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    SITE_OPTIONS,
    Site,
    linked_release,
    release_facts,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "site": {"type": "dict", "required": True, "options": SITE_OPTIONS},
    "command": {"type": "list", "elements": "str", "required": True},
    "properties": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "str", "default": "."},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    site, command = Site.of(module.params["site"]), module.params["command"]
    release = linked_release(site.home / "backend")
    known = release_facts(site.releases / release) if release else {}
    if not (known.get("complete") and known["environment"]):
        module.fail_json(
            msg=f"No release of {site.service} is live, so nothing can run {' '.join(command)}. Deploy a release first."
        )
    file = site.env_file(release)
    try:
        # Before the command, during which a deployment may remove the release.
        secrets = secret_values(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        module.fail_json(
            msg=f"An earlier version of the role deployed {release}, so {file} is missing. Run the role's main entry point first "
            "(playbooks/configure.yml)."
        )
    if module.check_mode:
        module.exit_json(changed=True, release=release)
    own, words = site.command(release, file, module.params["directory"], command)
    status, output, errors = module.run_command(
        transient([*module.params["properties"], *own], words, "--wait", "--pipe", "--collect"),
        expand_user_and_vars=False,
    )
    result = {
        "release": release,
        "rc": status,
        "stdout": "\n".join(hidden(output.splitlines(), secrets)),
        "stderr": "\n".join(hidden(errors.splitlines(), secrets)),
    }
    if status:
        module.fail_json(
            msg=f"{' '.join(command)} of release {release} ended with exit status {status}.", **result
        )
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()

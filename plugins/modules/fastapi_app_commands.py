#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Run the commands of a deployment before or after its switch."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_commands
short_description: Run the commands of a deployment before or after its switch
description:
  - Runs programs of a release's virtual environment one after the other, in a unit of their own, with the properties that are
    given, and fails with the first that fails.
  - V(before) uses the environment of the candidate. V(after) uses that of the live release, and runs nothing unless the
    commands are due, that is, V(before) has said so for this release and they have not all ended well since.
  - While a command runs, the lease of the lock is renewed.
options:
  at:
    description:
      - When the commands run.
    type: str
    choices: [before, after]
    required: true
  release:
    description:
      - The release's name, a directory in C(releases). Needed for V(before).
    type: str
  commands:
    description:
      - The commands, each a program of the virtual environment without a path, and its arguments with single blanks.
    type: list
    elements: str
    default: []
  more:
    description:
      - With V(before), whether commands follow after the switch.
    type: bool
    default: false
  properties:
    description:
      - The properties of the unit.
    type: list
    elements: str
    default: []
  directory:
    description:
      - Where the commands start, in the backend of the release.
    type: str
    default: "."
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
  - table_order.infra.fastapi_app_site.step
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Run the commands before the switch
  table_order.infra.fastapi_app_commands:
    site: "{{ __fastapi_app_site }}"
    token: "{{ ('deploy' | table_order.infra.fastapi_app_holder).token }}"
    at: before
    release: 3f2a9c1b7d10-a1b2c3
    commands: [python -m app.seed]
    properties: [User=shop]
"""

RETURN = r"""
release:
  description: The release whose commands these are.
  returned: success
  type: str
  sample: 3f2a9c1b7d10-a1b2c3
journal:
  description: The last lines that the failed command printed, without secrets.
  returned: when a command failed
  type: list
  elements: str
lock_lost:
  description: Whether the run has lost the lock, so that nothing was cleared away.
  returned: when it has
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import (
    STEP_OPTIONS,
    Commands,
    Cutover,
    run_step,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **STEP_OPTIONS,
    "at": {"type": "str", "choices": ["before", "after"], "required": True},
    "release": {"type": "str"},
    "commands": {"type": "list", "elements": "str", "default": []},
    "more": {"type": "bool", "default": False},
    "properties": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "str", "default": "."},
}


def step(module: AnsibleModule, cutover: Cutover) -> dict[str, Any]:
    """Run the commands; return the module's result."""
    commands = Commands(*(module.params[name] for name in ("commands", "properties", "directory")))
    release = module.params["release"] if module.params["at"] == "before" else cutover.live
    if module.check_mode:
        changed = bool(commands.lines)
    elif module.params["at"] == "before":
        changed = cutover.run_before(release, commands, module.params["more"])
    else:
        changed = cutover.run_after(commands)
    return {"changed": changed, "release": release}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        ARGUMENT_SPEC, required_if=[("at", "before", ["release"])], supports_check_mode=True
    )
    run_step(module, lambda cutover: step(module, cutover))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Run a release beside the service, until it is put into service."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_candidate
short_description: Run a release beside the service until it is put into service
description:
  - V(started) starts a release as the candidate, on a port of its own, and waits until it is healthy. One that does not
    become healthy is stopped, and nothing is left of it. It gets no request by this.
  - The candidate is started from C(environments/RELEASE.env) in O(site.state), which must be there.
  - A candidate that has the requests is left alone in both states.
options:
  state:
    description:
      - V(stopped) stops the candidate and removes its links, its environment, and what an interrupted cutover remembers.
    type: str
    choices: [started, stopped]
    default: started
  release:
    description:
      - The release's name, a directory in C(releases). Needed for V(started).
    type: str
  urgent:
    description:
      - Whether it takes its full share of the processors while it starts, as in a rollback.
    type: bool
    default: false
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
  - table_order.infra.fastapi_app_site.step
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Start the candidate
  table_order.infra.fastapi_app_candidate:
    site: "{{ __fastapi_app_site }}"
    token: "{{ ('deploy' | table_order.infra.fastapi_app_holder).token }}"
    release: 3f2a9c1b7d10-a1b2c3

- name: Stop the candidate
  table_order.infra.fastapi_app_candidate:
    site: "{{ __fastapi_app_site }}"
    token: "{{ ('deploy' | table_order.infra.fastapi_app_holder).token }}"
    state: stopped
"""

RETURN = r"""
release:
  description: The release that the candidate runs; empty for none.
  returned: success
  type: str
  sample: 3f2a9c1b7d10-a1b2c3
log:
  description: The last lines that the candidate printed, without secrets.
  returned: when it did not become healthy
  type: list
  elements: str
journal:
  description: The last lines of its unit's journal, without secrets.
  returned: when it did not become healthy
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
    Cutover,
    run_step,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **STEP_OPTIONS,
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "release": {"type": "str"},
    "urgent": {"type": "bool", "default": False},
}


def step(module: AnsibleModule, cutover: Cutover) -> dict[str, Any]:
    """Start or stop the candidate; return the module's result."""
    wanted, before = module.params["release"], cutover.candidate
    if module.params["state"] == "started":
        changed = (
            not (cutover.candidate_has_requests and before == wanted)
            if module.check_mode
            else cutover.start_candidate(wanted, module.params["urgent"])
        )
        after = wanted
    else:
        changed = cutover.candidate_is_there if module.check_mode else cutover.stop_candidate()
        after = ""
    difference = {"before": {"candidate": before}, "after": {"candidate": after}}
    return {"changed": changed, "release": after, "diff": difference}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        ARGUMENT_SPEC, required_if=[("state", "started", ["release"])], supports_check_mode=True
    )
    run_step(module, lambda cutover: step(module, cutover))


if __name__ == "__main__":
    main()

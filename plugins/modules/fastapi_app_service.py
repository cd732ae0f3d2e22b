#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Run a release as the service, while the candidate has the requests."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_service
short_description: Run a release as the service
description:
  - While the candidate has the requests, waits until the service has no connection any more (for a bounded time), stops
    it, points C(backend) and C(frontend) to the release, gives it the candidate's environment, starts it, and waits until it
    is healthy.
  - A release that does not become healthy is replaced by O(fallback) with the environment that this had; that gets the
    requests, the candidate is stopped, and the module fails. Where the fallback does not become healthy either, the candidate
    keeps the requests.
  - Stops the other processes of the application before, and starts them from the release once it is healthy.
  - A service that has the requests is never stopped. One that runs this release already, from what lies on the disk, and is
    healthy, is left alone.
options:
  release:
    description:
      - The release's name, a directory in C(releases).
    type: str
    required: true
  fallback:
    description:
      - The release that was live before; empty for none, which leaves nothing live.
    type: str
    default: ""
  require_processes:
    description:
      - Whether O(fallback) replaces a release also if one of its other processes does not keep running. Where O(fallback) is no
        other release, the release stays live and the module fails. Without this option the module warns.
    type: bool
    default: false
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
  - table_order.infra.fastapi_app_site.step
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Run the release as the service
  table_order.infra.fastapi_app_service:
    site: "{{ __fastapi_app_site }}"
    token: "{{ ('deploy' | table_order.infra.fastapi_app_holder).token }}"
    release: 3f2a9c1b7d10-a1b2c3
    fallback: 8d0e11c2b3a4-a1b2c3
"""

RETURN = r"""
release:
  description: The release that the service runs.
  returned: success
  type: str
  sample: 3f2a9c1b7d10-a1b2c3
log:
  description: The last lines that the service printed, without secrets.
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
    "release": {"type": "str", "required": True},
    "fallback": {"type": "str", "default": ""},
    "require_processes": {"type": "bool", "default": False},
}


def step(module: AnsibleModule, cutover: Cutover) -> dict[str, Any]:
    """Run the release as the service; return the module's result."""
    release, before = module.params["release"], cutover.live
    changed = (
        not cutover.is_current(release)
        if module.check_mode
        else cutover.run(release, module.params["fallback"], module.params["require_processes"])
    )
    difference = {"before": {"live": before}, "after": {"live": release}}
    return {"changed": changed, "release": release, "diff": difference}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    run_step(module, lambda cutover: step(module, cutover))


if __name__ == "__main__":
    main()

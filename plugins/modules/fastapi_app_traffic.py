#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Send requests to the service or to the candidate, and ask nginx whether they go there."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_traffic
short_description: Send requests to the service or to the candidate
description:
  - nginx looks with each request for a file, the flag. Where it is, the candidate gets the requests, otherwise the service.
    This makes or removes the flag, has the front ends of that release served, and asks nginx, ten times in a row, whether
    requests go there.
  - Where they do not go to the candidate, the service gets them again, and the candidate is stopped.
  - Where they do not go to the service, the candidate gets them again, and keeps running. From a candidate that had them,
    the connections are waited for, for a bounded time.
  - In check mode nginx is asked as well; what it says otherwise is returned and is no failure, since its configuration may
    be about to be changed.
options:
  to:
    description:
      - Who is to get the requests.
    type: str
    choices: [service, candidate]
    required: true
  ask:
    description:
      - Whether nginx is asked. Only for V(service).
    type: bool
    default: true
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
  - table_order.infra.fastapi_app_site.step
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Send requests to the candidate
  table_order.infra.fastapi_app_traffic:
    site: "{{ __fastapi_app_site }}"
    token: "{{ ('deploy' | table_order.infra.fastapi_app_holder).token }}"
    to: candidate
"""

RETURN = r"""
release:
  description: The release that gets the requests; empty for none.
  returned: success
  type: str
  sample: 3f2a9c1b7d10-a1b2c3
complaint:
  description: What nginx says otherwise; empty where requests go to O(to).
  returned: in check mode
  type: str
lock_lost:
  description: Whether the run has lost the lock, so that nothing was cleared away.
  returned: when it has
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import CANDIDATE, SERVICE
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import (
    STEP_OPTIONS,
    Cutover,
    run_step,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import StepError

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **STEP_OPTIONS,
    "to": {"type": "str", "choices": [SERVICE, CANDIDATE], "required": True},
    "ask": {"type": "bool", "default": True},
}


def step(module: AnsibleModule, cutover: Cutover) -> dict[str, Any]:
    """Send requests where they are to go; return the module's result."""
    to, ask = module.params["to"], module.params["ask"]
    before = CANDIDATE if cutover.candidate_has_requests else SERVICE
    result: dict[str, Any] = {"diff": {"before": {"requests": before}, "after": {"requests": to}}}
    if module.check_mode:
        result |= {"changed": before != to, "complaint": ""}
        try:
            if ask and before == to:
                cutover.checks.ask(to)
        except StepError as error:
            result["complaint"] = str(error)
    elif to == CANDIDATE:
        result["changed"] = cutover.send_to_candidate()
    else:
        result["changed"] = cutover.send_to_service(ask)
    return {**result, "release": cutover.candidate if to == CANDIDATE else cutover.live}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    run_step(module, lambda cutover: step(module, cutover))


if __name__ == "__main__":
    main()

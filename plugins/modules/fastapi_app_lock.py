#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: the deployment lock, with its holder, action, time and reason."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_lock
short_description: Take or release the deployment lock
description:
  - The lock is a file with its holder. A run removes its lock at the end, so taking the lock does not count as a change.
options:
  path: {description: The path of the lock., type: path, required: true}
  state: {description: Whether to take or to release the lock., type: str, choices: [present, absent], default: present}
  holder: {description: The requesting run; C(token) identifies the run., type: dict, required: true}
  expired_token: {description: The token of a holder whose run has ended without releasing the lock., type: str, default: ""}
  lease:
    description:
      - Seconds after the last renewal until the lock expires. The lock stores the holder's lease, which applies to later runs. A
        run with a longer wait takes the lock again with a longer lease.
    type: int
    default: 3600
  wait: {description: The maximum wait for another run in seconds., type: int, default: 0}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_lock:
    path: /var/lib/table-order/lock.json
    holder: {token: "7c1d", who: ann@laptop, what: deploy}
    wait: 60
"""

RETURN = """
taken: {description: "Whether this call took the lock; false if this run already held the lock.", type: bool, returned: success}
stale: {description: The previous holder after a takeover; otherwise empty., type: dict, returned: success}
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    give_lock_back,
    read_json,
    take_lock,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "holder": {"type": "dict", "required": True},
            # Not a secret: a token identifies a run.
            "expired_token": {"type": "str", "default": "", "no_log": False},
            "lease": {"type": "int", "default": 3600},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    options, path = module.params, Path(module.params["path"])
    if module.check_mode:
        module.exit_json(changed=False, taken=False, stale={})
    if options["state"] == "absent":
        give_lock_back(path, options["holder"]["token"])
        module.exit_json(changed=False, taken=False, stale={})
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    end = time.monotonic() + options["wait"]
    while (result := take_lock(path, options["holder"], options["expired_token"], options["lease"])) is None:
        if time.monotonic() >= end:
            module.fail_json(msg="held", holder=read_json(path))
        time.sleep(0.5)
    module.exit_json(changed=bool(result["stale"]), **result)


if __name__ == "__main__":
    main()

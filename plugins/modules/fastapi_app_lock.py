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
- fastapi_app_lock:
    path: /var/lib/table-order/lock.json
    holder: {token: "7c1d", who: ann@laptop, what: deploy}
    wait: 60
"""

RETURN = """
taken: {description: "Whether this call took the lock; false if this run already held the lock.", type: bool, returned: success}
stale: {description: The previous holder after a takeover; otherwise empty., type: dict, returned: success}
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Serialize calls of this module; no guard is held between two calls."""
    with path.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def read(path: Path) -> dict[str, Any]:
    """Return the holder, or an empty dictionary; an unreadable lock has no holder who could release the lock."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(path: Path, holder: dict[str, Any]) -> None:
    """Replace the lock file atomically."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(holder, ensure_ascii=False))
    draft.replace(path)


def lease_of(present: dict[str, Any], parameters: dict[str, Any]) -> int:
    """Return the lease of a lock in seconds; a lock of an earlier version has no lease."""
    lease = present.get("lease")
    return lease if isinstance(lease, int) else parameters["lease"]


def take(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """Take the lock and return the module's result, or None while another run holds the lock."""
    path, holder = Path(parameters["path"]), parameters["holder"]
    with alone(path):
        present = read(path)
        mine = present.get("token") == holder["token"]
        expired = bool(present) and time.time() - path.stat().st_mtime > lease_of(present, parameters)
        stale = (
            bool(present) and not mine and (present.get("token") == parameters["expired_token"] or expired)
        )
        if present and not mine and not stale:
            return None
        # Also for a lock that this run already holds: this renews the lease.
        since = {"since": present["since"]} if mine else {}
        write(path, {**holder, **since, "lease": parameters["lease"]})
        return {"taken": not mine, "stale": present if stale else {}}


def release(parameters: dict[str, Any]) -> None:
    """Remove the lock, if this run holds it."""
    path = Path(parameters["path"])
    if not path.parent.is_dir():
        return
    with alone(path):
        if read(path).get("token") == parameters["holder"]["token"]:
            path.unlink()


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
    path = Path(module.params["path"])
    if module.check_mode:
        module.exit_json(changed=False, taken=False, stale={})
    if module.params["state"] == "absent":
        release(module.params)
        module.exit_json(changed=False, taken=False, stale={})
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    end = time.monotonic() + module.params["wait"]
    while (result := take(module.params)) is None:
        if time.monotonic() >= end:
            module.fail_json(msg="held", holder=read(path))
        time.sleep(0.5)
    module.exit_json(changed=bool(result["stale"]), **result)


if __name__ == "__main__":
    main()

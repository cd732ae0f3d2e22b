#!/usr/bin/python
"""Ansible module: one deployment at a time, with who, when, what and why."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: fastapi_app_lock
short_description: Take or give back the lock of deployments
description:
  - The lock is a file that says who deploys. It is gone when a run has ended, so that taking it is no change.
options:
  path: {description: The lock., type: path, required: true}
  state: {description: Whether to hold it., type: str, choices: [present, absent], default: present}
  holder: {description: "Who wants it: a dictionary whose C(token) tells runs apart.", type: dict, required: true}
  gone: {description: The token of a holder that has ended without giving it back., type: str, default: ""}
  lease:
    description:
      - So many seconds after its last renewal the lock is nobody's. The holder's own is written into it, and binds those who
        come later; a run that is about to wait for longer takes it again with a longer one.
    type: int
    default: 3600
  wait: {description: How long to wait for another run, in seconds., type: int, default: 0}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_lock:
    path: /var/lib/table-order/lock.json
    holder: {token: "7c1d", who: ann@laptop, what: deploy}
    wait: 60
"""

RETURN = """
taken: {description: "Whether this call took it: not when this run held it already.", type: bool, returned: success}
stale: {description: "The holder whose lock was taken over, or nothing.", type: dict, returned: success}
"""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only call of this module that looks and writes; between two calls nobody is held up."""
    with path.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def read(path: Path) -> dict[str, Any]:
    """Return the holder; an empty dictionary when there is none. What cannot be read has no holder that could end it."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(path: Path, holder: dict[str, Any]) -> None:
    """Replace the lock as a whole."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(holder, ensure_ascii=False))
    draft.replace(path)


def lease_of(present: dict[str, Any], parameters: dict[str, Any]) -> int:
    """Return for how long, in seconds, a lock is its holder's; one of an earlier version does not say it."""
    lease = present.get("lease")
    return lease if isinstance(lease, int) else parameters["lease"]


def take(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """Take the lock and return the module's result, or None while somebody else holds it."""
    path, holder = Path(parameters["path"]), parameters["holder"]
    with alone(path):
        present = read(path)
        mine = present.get("token") == holder["token"]
        expired = bool(present) and time.time() - path.stat().st_mtime > lease_of(present, parameters)
        stale = bool(present) and not mine and (present.get("token") == parameters["gone"] or expired)
        if present and not mine and not stale:
            return None
        # Also when it is held already: the lease begins anew.
        since = {"since": present["since"]} if mine else {}
        write(path, {**holder, **since, "lease": parameters["lease"]})
        return {"taken": not mine, "stale": present if stale else {}}


def give_back(parameters: dict[str, Any]) -> None:
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
            # Not a secret: a token tells runs apart.
            "gone": {"type": "str", "default": "", "no_log": False},
            "lease": {"type": "int", "default": 3600},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    if module.check_mode:
        module.exit_json(changed=False, taken=False, stale={})
    if module.params["state"] == "absent":
        give_back(module.params)
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

#!/usr/bin/python
"""Ansible module: wait until nobody is connected to a port any more."""

from __future__ import annotations

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: fastapi_app_drain
short_description: Wait until nobody is connected to a port any more, for a bounded time
description:
  - Counts the established connections to a local port, as the kernel's tables list them. Changes nothing, and does not fail
    when some are left (open streams end only when somebody ends them).
options:
  port: {description: The port., type: int, required: true}
  timeout: {description: How long to wait, in seconds., type: float, default: 5}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_drain:
    port: 8000
"""

RETURN = """
left: {description: How many connections were left., type: int, returned: always}
seconds: {description: How long it took., type: float, returned: always}
"""

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
# A connection that nginx took before the switch may carry its request a moment later.
GRACE = 0.3


def connections(port: int, tables: tuple[str, ...] = TABLES) -> int:
    """Return how many established connections have ``port`` as their local one."""
    suffix, found = f":{port:04X}", 0
    for table in tables:
        path = Path(table)
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            fields = line.split()
            found += fields[1].endswith(suffix) and fields[3] == ESTABLISHED
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "required": True},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    began, timeout = time.monotonic(), module.params["timeout"]
    time.sleep(min(GRACE, timeout))
    while (left := connections(module.params["port"])) and time.monotonic() - began < timeout:
        time.sleep(0.1)
    module.exit_json(changed=False, left=left, seconds=round(time.monotonic() - began, 2))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: wait until a port has no connections."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_drain
short_description: Wait until a port has no connections, for a limited time
description:
  - Counts the established connections to a local port in the kernel's tables. Changes nothing. Remaining connections are not an
    error, because event streams never end.
options:
  port: {description: The local port., type: int, required: true}
  timeout: {description: The maximum wait in seconds., type: float, default: 5}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- fastapi_app_drain:
    port: 8000
"""

RETURN = """
left: {description: The number of remaining connections., type: int, returned: always}
seconds: {description: The duration of the wait in seconds., type: float, returned: always}
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
# nginx may send a request on a connection from before the switch a moment later.
GRACE = 0.3


def connections(port: int, tables: tuple[str, ...] = TABLES) -> int:
    """Return the number of established connections with the local port ``port``."""
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

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Look at what answers at a server's public address."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: public_address_info
short_description: Look at what answers at a server's public address
description:
  - Sends one request to the address, for the host name, and connects to the port of SSH. Sends no secret and trusts every
    certificate, so that an expired one is not the end of the look.
  - The module C(ansible.builtin.uri) cannot ask an address for another host name over TLS.
options:
  address:
    description: The public address.
    type: str
    required: true
  host_name:
    description: The host name of the request; empty for the address.
    type: str
    default: ""
  port:
    description: The port of the request.
    type: int
    required: true
  tls:
    description: Whether the request uses TLS.
    type: bool
    default: true
  path:
    description: The path of the request.
    type: str
    default: /
  ssh_port:
    description: The port of SSH.
    type: int
    default: 22
  seconds:
    description: Timeout of each of the two.
    type: int
    default: 3
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Look at the public address
  table_order.infra.public_address_info:
    address: 203.0.113.7
    host_name: shop.example.org
    port: 443
    path: /api/health
  delegate_to: localhost
"""

RETURN = r"""
url:
  description: What was requested.
  returned: always
  type: str
  sample: https://shop.example.org/api/health
status:
  description: The status of the answer; 0 without one.
  returned: always
  type: int
  sample: 200
milliseconds:
  description: How long the answer took.
  returned: always
  type: int
  sample: 35
error:
  description: Why there was no answer.
  returned: always
  type: str
  sample: timed out
ssh:
  description: Why the port of SSH did not accept a connection; empty if it did.
  returned: always
  type: str
  sample: ""
"""

import http.client
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def reason(error: Exception) -> str:
    """Return why a connection failed, in a few words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def accepts(address: str, port: int, seconds: int) -> str:
    """Return why a port does not accept a connection, empty if it does."""
    try:
        socket.create_connection((address, port), seconds).close()
    except OSError as error:
        return reason(error)
    return ""


def request(options: dict[str, Any], host: str) -> dict[str, Any]:
    """Return the ``status`` of an answer, its ``milliseconds`` and the ``error`` without one."""
    begun = time.monotonic()
    status, error = 0, ""
    try:
        connection = socket.create_connection((options["address"], options["port"]), options["seconds"])
        with connection:
            if options["tls"]:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection = context.wrap_socket(connection, server_hostname=host)
            client = http.client.HTTPConnection(host)
            client.sock = connection
            client.request("GET", options["path"], headers={"Host": host, "Connection": "close"})
            status = client.getresponse().status
    except (OSError, http.client.HTTPException) as failure:
        error = reason(failure)
    return {"status": status, "milliseconds": round(1000 * (time.monotonic() - begun)), "error": error}


def look(options: dict[str, Any]) -> dict[str, Any]:
    """Return the module's result."""
    host, port, scheme = options["host_name"] or options["address"], options["port"], "http"
    if options["tls"]:
        scheme = "https"
    shown = "" if port == {"http": 80, "https": 443}[scheme] else f":{port}"
    with ThreadPoolExecutor(2) as pool:
        ssh = pool.submit(accepts, options["address"], options["ssh_port"], options["seconds"])
        answer = request(options, host)
        return {"url": f"{scheme}://{host}{shown}{options['path']}", **answer, "ssh": ssh.result()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "host_name": {"type": "str", "default": ""},
            "port": {"type": "int", "required": True},
            "tls": {"type": "bool", "default": True},
            "path": {"type": "str", "default": "/"},
            "ssh_port": {"type": "int", "default": 22},
            "seconds": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **look(module.params))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Probe on the server how the application connects to the cache, and whether the cache requires a password."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: aws_cache_probe
short_description: Report how the application connects to the cache
description:
  - Reads the environment of the running process, not of files, and sends one PING with TLS and without a password.
  - Changes nothing. Returns no address and no password.
options:
  service:
    description: systemd unit of the application.
    type: str
    required: true
  host:
    description: The cache's host name.
    type: str
    required: true
  port:
    description: The cache's port.
    type: int
    required: true
  ca_file:
    description: CA bundle for the cache's certificate, a file on the server. Empty uses the system's bundle.
    type: str
    default: ""
  password:
    description: A password to try.
    type: str
    default: ""
  timeout:
    description: Timeout in seconds of the connection and of the answer.
    type: int
    default: 10
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Probe the application's connection to the cache
  table_order.infra.aws_cache_probe:
    service: table-order-backend.service
    host: master.table-order-redis.xxxxxx.apn2.cache.amazonaws.com
    port: 6379
"""

RETURN = r"""
application_uses_tls:
  description: Whether the running process has a REDIS_URL with TLS to this cache.
  type: bool
  returned: success
application_sends_password:
  description: Whether that URL holds a password.
  type: bool
  returned: success
password_needed:
  description: Whether the cache refuses a client without a password.
  type: bool
  returned: success
password_accepted:
  description: Whether the cache accepts O(password).
  type: bool
  returned: with O(password)
"""

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule


def redis_url(environment: bytes) -> str:
    """Return REDIS_URL from the content of /proc/PID/environ; empty if the variable is missing."""
    for line in environment.split(b"\0"):
        name, _dummy, value = line.partition(b"=")
        if name == b"REDIS_URL":
            return value.decode()
    return ""


def facts_of_url(url: str, host: str) -> dict[str, bool]:
    """Return the result keys of this module that follow from the client's URL."""
    parts = urlsplit(url)
    tls = parts.scheme == "rediss" and parts.hostname == host.lower()
    return {"application_uses_tls": tls, "application_sends_password": tls and bool(parts.password)}


def password_needed(connection: socket.socket) -> bool:
    """Send a PING, and return whether the cache refuses it for a missing password. Raises OSError."""
    connection.sendall(b"PING\r\n")
    answer = connection.recv(64)
    if answer.startswith(b"+PONG"):
        return False
    if answer.startswith(b"-NOAUTH"):
        return True
    raise OSError(f"the cache answers {answer[:20]!r} to a PING")


def password_accepted(connection: socket.socket, password: str) -> bool:
    """Log in with a password, and return whether the cache accepts it. Raises OSError."""
    words = (b"AUTH", password.encode())
    connection.sendall(b"*2\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    answer = connection.recv(64)
    if answer.startswith((b"+OK", b"-WRONGPASS")):
        return answer.startswith(b"+OK")
    raise OSError(f"the cache answers {answer[:20]!r} to an AUTH")


def running_environment(module: AnsibleModule, service: str) -> bytes:
    """Return the environment of the unit's main process; empty if the unit does not run. Raises OSError."""
    command = ["systemctl", "show", "--property=MainPID", "--value", service]
    pid = module.run_command(command)[1].strip()
    return b"" if pid in ("", "0") else Path(f"/proc/{pid}/environ").read_bytes()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "ca_file": {"type": "str", "default": ""},
            "password": {"type": "str", "default": "", "no_log": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    host, port, timeout = (module.params[name] for name in ("host", "port", "timeout"))
    try:
        found = facts_of_url(redis_url(running_environment(module, module.params["service"])), host)
        context = ssl.create_default_context(cafile=module.params["ca_file"] or None)
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            found["password_needed"] = password_needed(connection)
            if module.params["password"]:
                found["password_accepted"] = password_accepted(connection, module.params["password"])
    except OSError as error:
        module.fail_json(msg=f"The TLS probe of the cache at {host}:{port} failed: {error}")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

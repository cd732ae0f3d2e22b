# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Replaces the interpreter: runs Ansible's modules in warm_server.py, and other programs in the real interpreter."""

from __future__ import annotations

import json
import os
import socket
import sys

# An async module outlives its caller, so it runs in the real interpreter.
MODULES, EXCEPT = "AnsiballZ_", "AnsiballZ_async_wrapper.py"
ACCEPTED = b"+"


def hand_over(real: str, address: str) -> None:
    """Run what ``sys.argv`` names at the server of ``address`` and end with its status, or become ``real``."""
    arguments = sys.argv[1:]
    name = arguments[0].rpartition("/")[2] if arguments else ""
    status = ask(address, arguments) if name.startswith(MODULES) and name != EXCEPT else None
    if status is None:
        os.execv(real, [real, *arguments])  # noqa: S606
    os._exit(status)


def ask(address: str, arguments: list[str]) -> int | None:
    """Return a module's exit status, or None if the server did not start the module."""
    mask = os.umask(0)
    os.umask(mask)
    call = json.dumps([arguments, dict(os.environ), mask, os.nice(0)]).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, [len(call).to_bytes(4, "big")], [0, 1, 2])
            connection.sendall(call)
            if connection.recv(1) != ACCEPTED:
                return None
        except OSError:
            return None
        # It has begun: whatever happens now, not a second time.
        try:
            return (connection.recv(1) or b"\1")[0]
        except OSError:
            return 1

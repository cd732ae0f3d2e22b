# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that identify the lock holder and detect a holder that has ended. Both run on the controller."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROGRAM = re.compile(r"ansible(-playbook|-console|-pull)?")


def _fields(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the program name, which may contain any character."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _is_ansible(process: int) -> bool:
    """Return whether a process is an Ansible program; a shell with such a word in its command is not."""
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[:3]
    except OSError:
        return False
    return any(PROGRAM.fullmatch(Path(os.fsdecode(argument)).name) for argument in arguments)


def _run() -> int:
    """Return the process ID of this run: the topmost Ansible process, because workers are short-lived."""
    found = process = os.getpid()
    while process > 1 and _is_ansible(process):
        found, process = process, int(_fields(process)[1])
    return found


def _started(process: int) -> str:
    """Return the start time of a process in ticks since boot, or an empty string for an ended process."""
    try:
        fields = _fields(process)
        # A zombie has ended; its parent has not read the exit status yet.
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return ""


def _machine() -> str:
    """Return an ID of this machine, boot and PID namespace, or an empty string without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def holder(what: str, why: str = "") -> dict[str, Any]:
    """Return the holder entry of the lock and the audit log for the action ``what``."""
    machine = _machine()
    process = _run() if machine else os.getppid()
    started = _started(process) if machine else ""
    return {
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "what": what,
        "why": why,
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine,
        "process": process,
        "started": started,
        "token": hashlib.sha256(f"{machine} {process} {started}".encode()).hexdigest()[:16],
    }


def has_ended(lock: dict[str, Any]) -> bool:
    """Return whether the run that holds ``lock`` has ended; False for a run on another machine."""
    machine = _machine()
    return bool(machine) and lock.get("machine") == machine and _started(lock["process"]) != lock["started"]


def lock_line(lock: dict[str, Any]) -> str:
    """Return a line about the lock holder, who may be unknown."""
    line = f"{lock.get('what', 'a run')} by {lock.get('who', 'an unknown user')} since {lock.get('since', 'an unknown time')}"
    return f"{line} ({lock['why']})" if lock.get("why") else line


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_holder": holder,
            "fastapi_app_has_ended": has_ended,
            "fastapi_app_lock_line": lock_line,
        }

"""Filters that say who deploys, and whether a run that held the lock has ended. They run on the controller."""

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
    """Return the fields of /proc/PID/stat after the program's name, which may hold anything."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _is_ansible(process: int) -> bool:
    """Say whether it is one of ansible's programs; a shell whose command or script begins with that name is none."""
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[:3]
    except OSError:
        return False
    return any(PROGRAM.fullmatch(Path(os.fsdecode(argument)).name) for argument in arguments)


def _run() -> int:
    """Return the process of this run: the oldest of ansible's, whose workers come and go."""
    found = process = os.getpid()
    while process > 1 and _is_ansible(process):
        found, process = process, int(_fields(process)[1])
    return found


def _started(process: int) -> str:
    """Return when a process was started, in the kernel's ticks since boot; nothing when there is none, or it has ended."""
    try:
        fields = _fields(process)
        # A zombie has ended, too: nobody has asked how.
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        return ""


def _machine() -> str:
    """Return what tells this machine, its boot and its process numbers from all others; nothing where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def holder(what: str, why: str = "") -> dict[str, Any]:
    """Return who does ``what``, as the lock and the record of deployments say it."""
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


def is_gone(lock: dict[str, Any]) -> bool:
    """Say whether the run that holds ``lock`` has ended; of a run on another machine nobody can know."""
    machine = _machine()
    return bool(machine) and lock.get("machine") == machine and _started(lock["process"]) != lock["started"]


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"fastapi_app_holder": holder, "fastapi_app_is_gone": is_gone}

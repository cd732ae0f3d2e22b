#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Look at what a person on call wants to know of a server."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: server_status_info
short_description: Look at what a person on call wants to know of a server
description:
  - Reads how full the file systems and the memory are, the failed units of systemd, the pending security updates, and the
    certificates that nginx presents. Reads only, and downloads nothing but lists of packages.
  - A part that fails leaves the others alone, and says why it failed.
options:
  nginx:
    description: The file of nginx's configuration, whose certificates are read.
    type: path
    default: /etc/nginx/nginx.conf
  seconds:
    description: How long the package manager may take to tell the updates.
    type: int
    default: 6
attributes:
  check_mode:
    description: Reads only, also in check mode.
    support: full
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = r"""
- name: Look at the server
  table_order.infra.server_status_info:
  become: true
  register: server
"""

RETURN = r"""
looks:
  description:
    - "Each part by its name. A part has C(found), or C(error), a sentence that says why nothing is known."
    - "C(disks): the file systems with their C(place), C(percent) and C(inodes_percent) in use, and C(free_gib)."
    - "C(memory): C(percent) in use, without what the system gives back when asked, C(total_mib), and C(swap_percent)."
    - "C(units): the names of the failed units. C(load): the mean of one minute by C(cores). C(kernel): the running one."
    - "C(updates): the names of the C(packages) with pending security updates, and a newer C(release) of Amazon Linux, if any."
    - "C(certificates): those of nginx's configuration with C(file), C(names) and C(until), ISO 8601 in UTC."
  returned: always
  type: dict
  sample:
    memory: {found: {percent: 41, total_mib: 3904, swap_percent: 0}}
    updates: {error: "dnf did not answer within 6 seconds."}
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.programs import LookError, run

MOUNTS = Path("/proc/mounts")
MEMORY = Path("/proc/meminfo")
LISTS = Path("/var/lib/apt/lists")
# File systems in memory, or of the system itself.
REAL = ("/dev/", "overlay", "nfs")
OLD = timedelta(days=3)
"""Of apt's lists: what is younger than them is not known."""


def disks() -> list[dict[str, Any]]:
    """Return each mounted file system of a disk once, the fullest first."""
    found, seen = [], set()
    for line in MOUNTS.read_text().splitlines():
        source, place = line.split()[:2]
        place = place.replace("\\040", " ")
        if not source.startswith(REAL) or not Path(place).is_dir():
            continue
        device = Path(place).stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        its = os.statvfs(place)
        if not its.f_blocks:
            continue
        # As df shows them: of what others than root may use.
        used = its.f_blocks - its.f_bfree
        found.append(
            {
                "place": place,
                "percent": round(100 * used / ((used + its.f_bavail) or 1)),
                "inodes_percent": round(100 * (its.f_files - its.f_ffree) / its.f_files)
                if its.f_files
                else 0,
                "free_gib": round(its.f_bavail * its.f_frsize / 2**30, 1),
            }
        )
    if not found:
        raise LookError(f"{MOUNTS} names no file system of a disk.")
    return sorted(found, key=lambda one: -max(one["percent"], one["inodes_percent"]))


def memory() -> dict[str, int]:
    """Return how much memory is in use."""
    numbers = {
        name: int(rest.split()[0])
        for name, _colon, rest in (line.partition(":") for line in MEMORY.read_text().splitlines())
    }
    total, swap = numbers["MemTotal"], numbers.get("SwapTotal", 0)
    return {
        "percent": round(100 * (total - numbers["MemAvailable"]) / total),
        "total_mib": total // 1024,
        "swap_percent": round(100 * (swap - numbers.get("SwapFree", 0)) / swap) if swap else 0,
    }


def units() -> list[str]:
    """Return the names of the failed units."""
    lines = run(["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--all"]).splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def load() -> dict[str, Any]:
    """Return the load of a minute, and the number of cores."""
    return {"minute": round(os.getloadavg()[0], 2), "cores": os.cpu_count() or 1}


def kernel() -> str:
    """Return the release of the running kernel."""
    return os.uname().release


def apt_updates(seconds: int) -> dict[str, Any]:
    """Return the security updates that apt's lists name. Raises LookError for old lists: status installs and refreshes nothing."""
    fetched = [path.stat().st_mtime for path in LISTS.glob("*_*Release")]
    if not fetched:
        raise LookError("There are no package lists on the server: apt-get update.")
    age = timedelta(seconds=time.time() - max(fetched))
    if age > OLD:
        raise LookError(f"The package lists are {age.days} days old: apt-get update.")
    command = ["apt-get", "--simulate", "--quiet=2", "--option=Debug::NoLocking=1", "dist-upgrade"]
    lines = [line for line in run(command, seconds).splitlines() if line.startswith("Inst ")]
    return {
        "packages": sorted(line.split()[1] for line in lines if re.search(r"[( ,]Debian-Security:", line)),
        "release": "",
    }


def dnf_updates(seconds: int) -> dict[str, Any]:
    """Return the security updates of the newest release of Amazon Linux, which a server is not updated to by itself."""
    command = ["dnf", "--quiet", "--releasever=latest", "updateinfo", "list", "--security", "--updates"]
    end = time.monotonic() + seconds
    lines = [line.split() for line in run(command, seconds).splitlines()]
    packages = sorted({_name(words[2]) for words in lines if len(words) >= 3})
    command = ["dnf", "check-release-update", "--latest-only", "--version-only"]
    told = run(command, max(1, round(end - time.monotonic())), (0, 1, 100))
    newest = re.findall(r"^\d{4}\.\d+\.\d{8}$", told, re.MULTILINE)
    current = run(["rpm", "--query", "system-release", "--queryformat", "%{VERSION}"]).strip()
    return {
        "packages": packages,
        "release": newest[-1] if newest and newest[-1] != current else "",
    }


def _name(package: str) -> str:
    """Return a package's name without version, release and architecture."""
    return package.rsplit("-", 2)[0]


def updates(seconds: int) -> dict[str, Any]:
    """Return the pending security updates."""
    if shutil.which("dnf"):
        return dnf_updates(seconds)
    if shutil.which("apt-get"):
        return apt_updates(seconds)
    raise LookError("The server has neither dnf nor apt-get.")


def certificates(configuration: str) -> list[dict[str, Any]]:
    """Return the certificates of nginx's configuration, each once."""
    try:
        text = Path(configuration).read_text()
    except OSError as error:
        raise LookError(f"{configuration} cannot be read: {error.strerror}.") from error
    files = re.findall(r"^\s*ssl_certificate\s+\"?([^;\"]+)\"?;", text, re.MULTILINE)
    return [certificate(file) for file in dict.fromkeys(files)]


def certificate(file: str) -> dict[str, Any]:
    """Return whom a certificate names, and until when it is valid."""
    command = ["openssl", "x509", "-in", file, "-noout", "-enddate", "-subject", "-nameopt", "RFC2253"]
    told = run([*command, "-ext", "subjectAltName"])
    end = re.search(r"^notAfter=(.*)$", told, re.MULTILINE)
    if not end:
        raise LookError(f"openssl names no end of {file}.")
    until = datetime.strptime(end[1].strip(), "%b %d %H:%M:%S %Y GMT").replace(
        tzinfo=timezone.utc  # noqa: UP017 - Amazon Linux's Python is 3.9
    )
    names = re.findall(r"DNS:([^,\s]+)", told) or re.findall(r"^subject=.*CN=([^,\n]+)", told, re.MULTILINE)
    return {"file": file, "names": names, "until": until.isoformat()}


def look(part: Callable[[], Any]) -> dict[str, Any]:
    """Return what a part ``found``, or its ``error``."""
    try:
        return {"found": part()}
    except LookError as error:
        return {"error": str(error)}
    except (OSError, KeyError, ValueError, IndexError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def parts(options: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the parts by name."""
    yield from (("disks", disks), ("memory", memory), ("units", units), ("load", load), ("kernel", kernel))
    yield "certificates", lambda: certificates(options["nginx"])
    yield "updates", lambda: updates(options["seconds"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "nginx": {"type": "path", "default": "/etc/nginx/nginx.conf"},
            "seconds": {"type": "int", "default": 6},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, looks={name: look(part) for name, part in parts(module.params)})


if __name__ == "__main__":
    main()

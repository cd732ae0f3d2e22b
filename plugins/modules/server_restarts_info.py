#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: find what must restart after an update of packages."""

from __future__ import annotations

DOCUMENTATION = """
module: server_restarts_info
short_description: Find what must restart after an update of packages
description:
  - Finds processes whose program or libraries were replaced or removed on disk since their start, by the kernel's maps of their
    memory, and names their units. Needs neither C(needs-restarting) nor C(needrestart), which differ between the platforms; the
    latter also restarts services by itself.
  - Finds a kernel that was installed after the boot. Amazon Linux names the packages of its newer kernels after their series, such
    as C(kernel6.12), which C(dnf needs-restarting -r) does not know.
  - Supports rpm and dpkg. Changes nothing.
options: {}
attributes:
  check_mode: {description: Reads only., support: full}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.server_restarts_info:
  register: found

- ansible.builtin.systemd_service:
    name: "{{ item }}"
    state: restarted
  loop: "{{ found.services }}"
  when: not found.reboot
"""

RETURN = """
services: {description: The services to restart., type: list, elements: str, returned: always, sample: [nginx.service]}
manager: {description: Whether systemd itself must be executed again (C(systemctl daemon-reexec))., type: bool, returned: always}
reboot: {description: Whether only a reboot ends the use of what was replaced., type: bool, returned: always}
reasons: {description: "Why a reboot is needed, a line each.", type: list, elements: str, returned: always}
kernel:
  description: The C(running) kernel, and the package of the C(newest) one that is installed; empty without a package.
  type: dict
  returned: always
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

PROC = Path("/proc")
DPKG = Path("/var/lib/dpkg/info")
DELETED = " (deleted)"
# Memory that never was a package's file.
ANONYMOUS = ("/memfd:", "/dev/", "/run/", "/tmp/", "/var/tmp/", "/SYSV")  # noqa: S108 - compared only
# Their restart takes the rest of the system along.
BUSES = ("dbus.service", "dbus-broker.service")
KERNEL = re.compile(r"kernel[0-9.]*(-core|-rt|-rt-core)?|linux-image-[0-9].*")


class Kernel(NamedTuple):
    """An installed kernel's package."""

    installed: float
    """Seconds since 1970."""
    name: str


def replaced(process: Path) -> list[str]:
    """Return the programs and libraries of a process that are gone from the disk; none of a process that has ended."""
    try:
        maps = (process / "maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    # address, permissions, offset, device, inode, path
    found = [line.split(maxsplit=5) for line in maps if line.endswith(DELETED)]
    code = {words[5][: -len(DELETED)] for words in found if len(words) == 6 and "x" in words[1]}
    return sorted(path for path in code if path.startswith("/") and not path.startswith(ANONYMOUS))


def stale_units(units: dict[int, str]) -> dict[str, list[str]]:
    """Return what was replaced by unit; ``units`` has the unit of each process."""
    stale: dict[str, set[str]] = {}
    for process, unit in units.items():
        files = replaced(PROC / str(process))
        if files:
            stale.setdefault(unit, set()).update(files)
    return {unit: sorted(files) for unit, files in sorted(stale.items())}


def units_of(listed: str) -> dict[int, str]:
    """Return the unit of each process, of the lines "number unit" of ps."""
    pairs = [line.split() for line in listed.splitlines()]
    return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2}


def booted() -> float:
    """Return the start of the first process, in seconds since 1970: in a container its own, not its host's."""
    since = next(
        int(line.split()[1]) for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime ")
    )
    # The second word is a name in brackets, which may contain spaces.
    ticks = int((PROC / "1/stat").read_text().rpartition(")")[2].split()[19])
    return since + ticks / os.sysconf("SC_CLK_TCK")


def rpm_kernels(module: AnsibleModule, rpm: str) -> Iterator[Kernel]:
    """Yield the kernels of an rpm system."""
    query = "%{NAME} %{INSTALLTIME} %{VERSION}-%{RELEASE}.%{ARCH}\n"
    lines = module.run_command([rpm, "-qa", "--qf", query, "kernel*"], check_rc=True)[1].splitlines()
    for name, installed, version in (line.split() for line in lines):
        if KERNEL.fullmatch(name):
            yield Kernel(float(installed), f"{name}-{version}")


def dpkg_kernels(module: AnsibleModule, dpkg: str) -> Iterator[Kernel]:
    """Yield the kernels of a dpkg system."""
    # Status 1 is none.
    lines = module.run_command([dpkg, "-W", "-f", "${Package} ${db:Status-Abbrev}\n", "linux-image-*"])[
        1
    ].splitlines()
    for words in (line.split() for line in lines):
        if words[1:] == ["ii"] and KERNEL.fullmatch(words[0]):
            yield Kernel((DPKG / f"{words[0]}.list").stat().st_mtime, words[0])


def newest_kernel(module: AnsibleModule) -> Kernel | None:
    """Return the kernel that was installed last."""
    rpm, dpkg = module.get_bin_path("rpm"), module.get_bin_path("dpkg-query")
    found = dpkg_kernels(module, dpkg) if dpkg else rpm_kernels(module, rpm) if rpm else iter(())
    return max(found, default=None)


def restarts(stale: dict[str, list[str]], kernel: Kernel | None, since: float) -> dict[str, Any]:
    """Return what must restart; ``since`` is the boot, in seconds since 1970."""
    reasons = [
        f"{unit} uses what was replaced ({', '.join(stale[unit])}), and cannot restart by itself"
        for unit in BUSES
        if unit in stale
    ]
    if kernel and kernel.installed > since:
        reasons.insert(0, f"{kernel.name} was installed after the boot")
    # Sessions end by themselves; a user's manager is of the sessions.
    services = [
        unit
        for unit in stale
        if unit.endswith(".service") and unit not in BUSES and not unit.startswith("user@")
    ]
    return {
        "services": services,
        "manager": "init.scope" in stale,
        "reboot": bool(reasons),
        "reasons": reasons,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        listed = module.run_command(["ps", "-eo", "pid=,unit="], check_rc=True)[1]
        kernel = newest_kernel(module)
        found = restarts(stale_units(units_of(listed)), kernel, booted())
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"The state of processes and packages cannot be read: {error}")
    names = {"running": os.uname().release, "newest": kernel.name if kernel else ""}
    module.exit_json(changed=False, kernel=names, **found)


if __name__ == "__main__":
    main()

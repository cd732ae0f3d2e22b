#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: gather the state of an application on a server: releases, lock, audit log and units."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_info
short_description: Gather the state of an application on a server
description:
  - Reads the links to the live release, the releases with their manifests, the lock and the audit log. Changes nothing.
options:
  settled:
    description: Whether to wait for the end of a cutover step that a killed run left at work on the server.
    type: bool
    default: false
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_info:
    site: "{{ __fastapi_app_site }}"
  register: found
"""

RETURN = """
live: {description: The ID of the live release; empty for none., type: str, returned: always}
frontend: {description: The release of the served front ends., type: str, returned: always}
candidate: {description: The release of the candidate; empty for none., type: str, returned: always}
candidate_live: {description: Whether traffic goes to the candidate., type: bool, returned: always}
switched_from: {description: The old release of an unfinished cutover; empty for none., type: str, returned: always}
previous: {description: "The latest earlier live release that is complete and not void; empty for none.",
  type: str, returned: always}
releases:
  description:
    - The manifest of each release (empty when incomplete), with C(complete), C(voided) (the reason of a rollback, or empty),
      C(environment) (the SHA-256 of its environment's file), C(revisions) (its migrations) and C(changed) (seconds since 1970).
  type: dict
  returned: always
started_from: {description: The fingerprint of the running process., type: str, returned: always}
fingerprint:
  description: The fingerprint of the live release on disk; the running process is stale if this differs from C(started_from).
  type: str
  returned: always
lock: {description: "The lock holder, with C(age) in seconds; empty without a lock.", type: dict, returned: always}
units:
  description:
    - The state of the socket, the service, its processes and the candidate, by unit; C(skipped) for a process whose program the
      release does not have.
  type: dict
  returned: always
prepared:
  description: Whether the candidate's unit is of this version of the role, and the other processes have their units.
  type: bool
  returned: always
outdated:
  description:
    - Whether an earlier version of the role prepared the server, so that the service reads its environment elsewhere. The role's
      entry point C(main) moves it.
  type: bool
  returned: always
former_environments: {description: "Releases whose environment is still C(.env) in their backend, as earlier versions kept it.",
  type: list, elements: str, returned: always}
candidate_env_files: {description: Candidate env files left by a deployment., type: list, elements: str, returned: always}
killed_previews:
  description: Directories of check runs that are older than the longest lease, one day. A check run holds no lock.
  type: list
  elements: str
  returned: always
history: {description: The last lines of the audit log., type: list, elements: dict, returned: always}
schema_revisions: {description: The revisions of the last migration., type: list, elements: dict, returned: always}
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    SITE_OPTIONS,
    Site,
    all_releases,
    candidate_env_files,
    checksum,
    fingerprint,
    has_former_environment,
    history,
    killed_previews,
    linked_release,
    lock_facts,
    one_step_at_a_time,
    previous,
    read_json,
)

UNITS = Path("/etc/systemd/system")


def unit_facts(module: AnsibleModule, unit: str) -> dict[str, str]:
    """Return the state of a unit and its env files, by systemd's names."""
    names = "ActiveState,BindPaths,ConditionResult,ConditionTimestampMonotonic,EnvironmentFiles"
    lines = module.run_command(["systemctl", "show", f"--property={names}", unit])[1].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def reads(facts: dict[str, str], file: Path) -> bool:
    """Return whether a unit takes its environment from a file."""
    return str(file) in facts.get("EnvironmentFiles", "").split()


def unit_state(unit: str, facts: dict[str, str], site: Site) -> str:
    """Return systemd's state of a unit, or "skipped" for a process whose program the release does not have."""
    checked = facts.get("ConditionTimestampMonotonic", "0") not in ("", "0")
    lacking = unit in site.process_units and checked and facts.get("ConditionResult") == "no"
    state = facts.get("ActiveState", "")
    return "skipped" if lacking and state == "inactive" else state


def has_its_processes(site: Site) -> bool:
    """Return whether the units of the other processes are those of the settings."""
    # Not the directories of drop-ins, which are an operator's.
    there = {path.name for path in UNITS.glob(f"{site.service}-process-*") if path.is_file()}
    timers = [unit for unit in site.process_units if unit.endswith(".timer")]
    return there == {*site.process_units, *(f"{unit.removesuffix('.timer')}.service" for unit in timers)}


def has_its_directories(site: Site, facts: dict[str, str]) -> bool:
    """Return whether the candidate's unit mounts the shared directories of the settings; others may be an operator's."""
    sources = {mount.partition(":")[0] for mount in facts.get("BindPaths", "").split()}
    shared = site.home / "shared"
    return {one for one in sources if Path(one).is_relative_to(shared)} == {
        str(shared / directory) for directory in site.shared
    }


def gather(module: AnsibleModule) -> dict[str, Any]:
    """Return the state of the application."""
    site = Site.of(module.params["site"])
    releases = all_releases(site.releases)
    entries, live = history(site.audit_log), linked_release(site.home / "backend")
    former = sorted(name for name in releases if has_former_environment(site.releases / name))
    checksums = {file: checksum(Path(file)) for file in site.files}
    units = {
        unit: unit_facts(module, unit)
        for unit in (site.socket_unit, site.service_unit, *site.process_units, site.candidate_unit)
    }
    service = units[site.service_unit]
    try:
        started_from = (site.state / "started-from").read_text()
    except OSError:
        started_from = ""
    return {
        "live": live,
        "frontend": linked_release(site.home / "frontend"),
        "candidate": linked_release(site.home / "candidate"),
        "candidate_live": site.flag.exists(),
        "switched_from": read_json(site.state / "switching.json").get("from", ""),
        "previous": previous(live, entries, releases),
        "releases": releases,
        "started_from": started_from,
        "fingerprint": fingerprint(live, releases.get(live, {}).get("environment", ""), checksums),
        "lock": lock_facts(site.state / "lock.json"),
        "units": {unit: unit_state(unit, facts, site) for unit, facts in units.items()},
        "prepared": reads(units[site.candidate_unit], site.candidate_env_link)
        and reads(service, site.service_env_link)
        and not former
        and has_its_processes(site)
        and has_its_directories(site, units[site.candidate_unit]),
        "outdated": bool(former)
        or (bool(service.get("EnvironmentFiles")) and not reads(service, site.service_env_link)),
        "former_environments": former,
        "candidate_env_files": candidate_env_files(site.releases, site.state / "environments", releases),
        "killed_previews": killed_previews(site.home),
        "history": entries,
        "schema_revisions": read_json(site.state / "schema.json").get("revisions", []),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "site": {"type": "dict", "required": True, "options": SITE_OPTIONS},
            "settled": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    state = Path(module.params["site"]["state"])
    settled = module.params["settled"] and state.is_dir()
    try:
        with one_step_at_a_time(state) if settled else nullcontext():
            found = gather(module)
    except TimeoutError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

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
  home: {description: The home of the application., type: path, required: true}
  state: {description: The state directory of the role., type: path, required: true}
  audit_log: {description: The audit log of deployments., type: path, required: true}
  flag: {description: The file that sends traffic to the candidate., type: path, required: true}
  units: {description: Units to query., type: list, elements: str, required: true}
  files: {description: Files to hash., type: list, elements: path, default: []}
  settled:
    description: Whether to wait for the end of a cutover step that a killed run left at work on the server.
    type: bool
    default: false
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- table_order.infra.fastapi_app_info:
    home: /opt/table-order
    state: /var/lib/table-order
    audit_log: /opt/table-order/logs/deployments.log
    flag: /run/table-order/candidate-live
    units: [table-order-backend.service]
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
      C(environment) (the SHA-256 of its C(.env)), C(revisions) (its migrations) and C(changed) (seconds since 1970).
  type: dict
  returned: always
started_from: {description: The fingerprint of the running process., type: str, returned: always}
fingerprint:
  description: The fingerprint of the live release on disk; the running process is stale if this differs from C(started_from).
  type: str
  returned: always
lock: {description: "The lock holder, with C(age) in seconds; empty without a lock.", type: dict, returned: always}
units: {description: The state of each unit., type: dict, returned: always}
checksums: {description: The SHA-256 of each file; empty for a missing file., type: dict, returned: always}
candidate_env_files: {description: Candidate env files left by a deployment., type: list, elements: str, returned: always}
history: {description: The last lines of the audit log., type: list, elements: dict, returned: always}
schema_revisions: {description: The revisions of the last migration., type: list, elements: dict, returned: always}
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    all_releases,
    candidate_env_files,
    checksum,
    fingerprint,
    history,
    linked_release,
    lock_facts,
    one_step_at_a_time,
    previous,
    read_json,
)


def unit_state(module: AnsibleModule, unit: str) -> str:
    """Return the state of a unit from systemd."""
    return module.run_command(["systemctl", "show", "--property=ActiveState", "--value", unit])[1].strip()


def gather(module: AnsibleModule) -> dict[str, Any]:
    """Return the state of the application."""
    parameters = module.params
    home, state = Path(parameters["home"]), Path(parameters["state"])
    releases = all_releases(home / "releases")
    entries, live = history(Path(parameters["audit_log"])), linked_release(home / "backend")
    checksums = {file: checksum(Path(file)) for file in parameters["files"]}
    try:
        started_from = (state / "started-from").read_text()
    except OSError:
        started_from = ""
    return {
        "live": live,
        "frontend": linked_release(home / "frontend"),
        "candidate": linked_release(home / "candidate"),
        "candidate_live": Path(parameters["flag"]).exists(),
        "switched_from": read_json(state / "switching.json").get("from", ""),
        "previous": previous(live, entries, releases),
        "releases": releases,
        "started_from": started_from,
        "fingerprint": fingerprint(live, releases.get(live, {}).get("environment", ""), checksums),
        "lock": lock_facts(state / "lock.json"),
        "units": {unit: unit_state(module, unit) for unit in parameters["units"]},
        "checksums": checksums,
        "candidate_env_files": candidate_env_files(home / "releases", state / "environments", releases),
        "history": entries,
        "schema_revisions": read_json(state / "schema.json").get("revisions", []),
    }


def main() -> None:
    """Run the module."""
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "home": path,
            "state": path,
            "audit_log": path,
            "flag": path,
            "units": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "settled": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    state = Path(module.params["state"])
    settled = module.params["settled"] and state.is_dir()
    try:
        with one_step_at_a_time(state) if settled else nullcontext():
            found = gather(module)
    except TimeoutError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()

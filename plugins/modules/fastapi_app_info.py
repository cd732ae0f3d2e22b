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
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- fastapi_app_info:
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
lock: {description: "The lock holder, with C(age) in seconds; empty without a lock.", type: dict, returned: always}
units: {description: The state of each unit., type: dict, returned: always}
checksums: {description: The SHA-256 of each file; empty for a missing file., type: dict, returned: always}
candidate_env_files: {description: Candidate env files left by a deployment., type: list, elements: str, returned: always}
history: {description: The last lines of the audit log., type: list, elements: dict, returned: always}
schema_revisions: {description: The revisions of the last migration., type: list, elements: dict, returned: always}
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

SHOWN_HISTORY = 100
FORMER_ENV_FILES = (".env.candidate", ".env.before")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, or an empty dictionary for a missing or truncated file."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, or an empty string."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def linked_release(link: Path) -> str:
    """Return the ID of the release behind a link, or an empty string."""
    try:
        return link.readlink().parent.name
    except OSError:
        return ""


def release(path: Path) -> dict[str, Any]:
    """Return the state of one release."""
    manifest = read_json(path / "manifest.json")
    return {
        **manifest,
        "complete": bool(manifest) and (path / "backend/venv/bin/uvicorn").exists(),
        "voided": read_json(path / "voided.json").get("why", ""),
        # Without a manifest the build user may have created a pipe here, and reading would block.
        "environment": checksum(path / "backend/.env") if manifest else "",
        "revisions": [revision["id"] for revision in read_json(path / "revisions.json").get("revisions", [])],
        "changed": path.stat().st_mtime,
    }


def candidate_env_files(
    directory: Path, environments: Path, releases: dict[str, dict[str, Any]]
) -> list[str]:
    """Return the candidate env files left by a deployment, except files of a release's own source.

    An earlier version of the role kept both files next to the release's .env, where a source may have files of the same name.
    """
    kept = [str(path) for path in environments.glob("*")]
    for name, known in releases.items():
        if "files" in known:
            sources = {Path(file).name for file in known["files"]}
            former = (directory / name / "backend" / file for file in FORMER_ENV_FILES if file not in sources)
            kept += [str(path) for path in former if path.exists()]
    return sorted(kept)


def history(path: Path) -> list[dict[str, Any]]:
    """Return the last lines of the audit log, newest last; lines truncated by a full disk are skipped."""
    entries = []
    try:
        # Read as bytes: a line may be truncated in the middle of a character.
        lines = path.read_bytes().splitlines()[-SHOWN_HISTORY:]
    except OSError:
        return []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return [entry for entry in entries if isinstance(entry, dict)]


def previous(live: str, entries: list[dict[str, Any]], releases: dict[str, dict[str, Any]]) -> str:
    """Return the latest earlier live release that can be live again, or an empty string."""
    for entry in reversed(entries):
        # A killed run has not logged its release: the last logged release then came before it.
        was_live = entry.get("release", "") if entry.get("result") == "live" else ""
        for name in (was_live, entry.get("from", "")):
            known = releases.get(name)
            if name and name != live and known and known["complete"] and not known["voided"]:
                return name
    return ""


def unit_state(module: AnsibleModule, unit: str) -> str:
    """Return the state of a unit from systemd."""
    return module.run_command(["systemctl", "show", "--property=ActiveState", "--value", unit])[1].strip()


def lock(path: Path) -> dict[str, Any]:
    """Return the lock holder with the age of the lock, or an empty dictionary."""
    holder = read_json(path)
    try:
        return {**holder, "age": max(0, round(time.time() - path.stat().st_mtime))} if holder else {}
    except OSError:  # The lock was released between the two calls.
        return {}


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
        },
        supports_check_mode=True,
    )
    home, state = Path(module.params["home"]), Path(module.params["state"])
    directory = home / "releases"
    releases = (
        {entry.name: release(entry) for entry in directory.iterdir() if entry.is_dir()}
        if directory.is_dir()
        else {}
    )
    entries, live = history(Path(module.params["audit_log"])), linked_release(home / "backend")
    try:
        started_from = (state / "started-from").read_text()
    except OSError:
        started_from = ""
    module.exit_json(
        changed=False,
        live=live,
        frontend=linked_release(home / "frontend"),
        candidate=linked_release(home / "candidate"),
        candidate_live=Path(module.params["flag"]).exists(),
        switched_from=read_json(state / "switching.json").get("from", ""),
        previous=previous(live, entries, releases),
        releases=releases,
        started_from=started_from,
        lock=lock(state / "lock.json"),
        units={unit: unit_state(module, unit) for unit in module.params["units"]},
        checksums={file: checksum(Path(file)) for file in module.params["files"]},
        candidate_env_files=candidate_env_files(directory, state / "environments", releases),
        history=entries,
        schema_revisions=read_json(state / "schema.json").get("revisions", []),
    )


if __name__ == "__main__":
    main()

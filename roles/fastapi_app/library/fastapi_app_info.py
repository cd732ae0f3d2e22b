#!/usr/bin/python
"""Ansible module: what there is of an application on a server: releases, what is live, who deploys, what was done."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: fastapi_app_info
short_description: Read what there is of an application on a server
description:
  - Reads the links to the live release, the releases with their manifests, the lock, and the record of deployments.
    Changes nothing.
options:
  home: {description: The application's folder., type: path, required: true}
  state: {description: The folder of what the role remembers., type: path, required: true}
  record: {description: The record of deployments., type: path, required: true}
  flag: {description: The file that sends requests to the candidate., type: path, required: true}
  units: {description: Units whose state is wanted., type: list, elements: str, required: true}
  files: {description: Files whose SHA-256 is wanted., type: list, elements: path, default: []}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_info:
    home: /opt/table-order
    state: /var/lib/table-order
    record: /opt/table-order/logs/deployments.log
    flag: /run/table-order/candidate-live
    units: [table-order-backend.service]
  register: found
"""

RETURN = """
live: {description: The live release's id; empty for none., type: str, returned: always}
frontend: {description: The release of the front ends that are served., type: str, returned: always}
candidate: {description: The release that is being put into service; empty for none., type: str, returned: always}
candidate_live: {description: Whether requests go to the candidate., type: bool, returned: always}
came_from: {description: The release that a switch began with; empty for none., type: str, returned: always}
previous: {description: "The release that was live before, is complete, and was not left by a rollback; empty for none.",
  type: str, returned: always}
releases:
  description:
    - Each release's manifest (empty when incomplete), with C(complete), C(voided) (why it was left by a rollback, or empty),
      C(environment) (the SHA-256 of its C(.env)), C(revisions) (the migrations that it knows) and C(changed) (seconds since 1970).
  type: dict
  returned: always
started_from: {description: What the running process was started from., type: str, returned: always}
lock: {description: "Who deploys, with C(age) in seconds; empty for nobody.", type: dict, returned: always}
units: {description: The state of each unit., type: dict, returned: always}
checksums: {description: The SHA-256 of each file; empty for one that is not there., type: dict, returned: always}
drafts: {description: "Environments that a deployment has not cleared away.", type: list, elements: str, returned: always}
history: {description: The record's last lines., type: list, elements: dict, returned: always}
schema_revisions: {description: The revisions of the last migration., type: list, elements: dict, returned: always}
"""

SHOWN_HISTORY = 100
FORMER_DRAFTS = (".env.candidate", ".env.before")


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds, or an empty dictionary when it is not there or was cut short."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def checksum(path: Path) -> str:
    """Return a file's SHA-256, or nothing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def linked_release(link: Path) -> str:
    """Return the id of the release that a link points into, or nothing."""
    try:
        return link.readlink().parent.name
    except OSError:
        return ""


def release(path: Path) -> dict[str, Any]:
    """Return what is known of one release."""
    manifest = read_json(path / "manifest.json")
    return {
        **manifest,
        "complete": bool(manifest) and (path / "backend/venv/bin/uvicorn").exists(),
        "voided": read_json(path / "voided.json").get("why", ""),
        # Before that the builder may have put anything there, such as a pipe, which nobody writes to.
        "environment": checksum(path / "backend/.env") if manifest else "",
        "revisions": [revision["id"] for revision in read_json(path / "revisions.json").get("revisions", [])],
        "changed": path.stat().st_mtime,
    }


def drafts(folder: Path, environments: Path, releases: dict[str, dict[str, Any]]) -> list[str]:
    """Return the environments that a deployment has not cleared away: never a file of a release's own source.

    An earlier version of the role kept its two beside the release's .env, where a source may have files of these names.
    """
    kept = [str(path) for path in environments.glob("*")]
    for name, known in releases.items():
        if "files" in known:
            sources = {Path(file).name for file in known["files"]}
            former = (folder / name / "backend" / file for file in FORMER_DRAFTS if file not in sources)
            kept += [str(path) for path in former if path.exists()]
    return sorted(kept)


def history(path: Path) -> list[dict[str, Any]]:
    """Return the last lines of the record, the newest last; a line that a full disk cut short is left out."""
    entries = []
    try:
        # Of bytes: a line may have been cut in the middle of a character.
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
    """Return the release that was live before ``live`` and can be again, or nothing."""
    for entry in reversed(entries):
        # A run that was killed has not written down what it made live: then the last one that is written was before it.
        was_live = entry.get("release", "") if entry.get("result") == "live" else ""
        for name in (was_live, entry.get("from", "")):
            known = releases.get(name)
            if name and name != live and known and known["complete"] and not known["voided"]:
                return name
    return ""


def unit_state(unit: str) -> str:
    """Return what systemd says of a unit."""
    asked = subprocess.run(
        ["systemctl", "show", "--property=ActiveState", "--value", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip()


def lock(path: Path) -> dict[str, Any]:
    """Return who holds the lock and for how long, or an empty dictionary."""
    holder = read_json(path)
    try:
        return {**holder, "age": max(0, round(time.time() - path.stat().st_mtime))} if holder else {}
    except OSError:  # It was given back between the two.
        return {}


def main() -> None:
    """Run the module."""
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "home": path,
            "state": path,
            "record": path,
            "flag": path,
            "units": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    home, state = Path(module.params["home"]), Path(module.params["state"])
    folder = home / "releases"
    releases = (
        {entry.name: release(entry) for entry in folder.iterdir() if entry.is_dir()}
        if folder.is_dir()
        else {}
    )
    entries, live = history(Path(module.params["record"])), linked_release(home / "backend")
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
        came_from=read_json(state / "switching.json").get("from", ""),
        previous=previous(live, entries, releases),
        releases=releases,
        started_from=started_from,
        lock=lock(state / "lock.json"),
        units={unit: unit_state(unit) for unit in module.params["units"]},
        checksums={file: checksum(Path(file)) for file in module.params["files"]},
        drafts=drafts(folder, state / "environments", releases),
        history=entries,
        schema_revisions=read_json(state / "schema.json").get("revisions", []),
    )


if __name__ == "__main__":
    main()

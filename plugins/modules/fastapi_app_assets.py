#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ansible module: collect the hashed files of all kept releases."""

from __future__ import annotations

DOCUMENTATION = """
module: fastapi_app_assets
short_description: Collect the hashed front end files of all releases in one directory
description:
  - A page loaded before a deployment requests the hashed files of its own release. The module keeps a hard link to each file
    in one directory (a copy on another file system), and removes the files of removed releases.
options:
  releases: {description: The directory of the releases., type: path, required: true}
  dest: {description: The directory of the collected files., type: path, required: true}
  builds: {description: "Paths of the builds in a release's C(frontend), such as C(admin-ui/build).", type: list, elements: str,
    required: true}
author: Table Order Infrastructure (@table-order)
"""

EXAMPLES = """
- fastapi_app_assets:
    releases: /opt/table-order/releases
    dest: /opt/table-order/assets
    builds: [customer-ui/build, admin-ui/build]
"""

RETURN = """
added: {description: The number of added files., type: int, returned: always}
removed: {description: The number of removed files., type: int, returned: always}
"""

import errno
import os
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def wanted(releases: Path, builds: list[str]) -> dict[Path, Path]:
    """Return the path of each hashed file by its relative path; the newest release wins on conflicts."""
    found: dict[Path, Path] = {}
    for release in sorted(releases.iterdir(), key=lambda path: path.stat().st_mtime):
        if not (release / "manifest.json").exists():
            continue
        frontend = release / "frontend"
        for build in builds:
            for file in (frontend / build / "assets").rglob("*"):
                if file.is_file() and not file.is_symlink():
                    found[file.relative_to(frontend)] = file
    return found


def keep(file: Path, place: Path) -> None:
    """Create a hard link to a file, or a copy on another file system."""
    try:
        os.link(file, place)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            raise
        shutil.copy2(file, place)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "releases": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "builds": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    releases, dest = Path(module.params["releases"]), Path(module.params["dest"])
    files = wanted(releases, module.params["builds"]) if releases.is_dir() else {}
    there = {path.relative_to(dest) for path in dest.rglob("*") if not path.is_dir()}
    missing, extra = files.keys() - there, there - files.keys()
    if not module.check_mode:
        for place in missing:
            (dest / place).parent.mkdir(parents=True, exist_ok=True)
            keep(files[place], dest / place)
        for place in extra:
            (dest / place).unlink()
    module.exit_json(changed=bool(missing or extra), added=len(missing), removed=len(extra))


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Ansible module: keep the hashed files of every release that is still there."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: fastapi_app_assets
short_description: Keep the hashed files of all releases' front ends in one folder
description:
  - A page that was loaded before a deployment asks for files of its own release. This keeps a second name (a hard link) of
    each in one folder (a copy, where that is another file system), and removes those whose release is gone.
options:
  releases: {description: The folder of releases., type: path, required: true}
  dest: {description: The folder that gets all of them., type: path, required: true}
  builds: {description: "Where front ends lie in a release's C(frontend), such as C(admin-ui/build).", type: list, elements: str,
    required: true}
author: [Table Order]
"""

EXAMPLES = """
- fastapi_app_assets:
    releases: /opt/table-order/releases
    dest: /opt/table-order/assets
    builds: [customer-ui/build, admin-ui/build]
"""

RETURN = """
added: {description: How many names were added., type: int, returned: always}
removed: {description: How many were removed., type: int, returned: always}
"""


def wanted(releases: Path, builds: list[str]) -> dict[Path, Path]:
    """Return the place of each hashed file, relative to the folder, with where it is; the newest release's, if several."""
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
    """Give a file a second name, or copy it to another file system."""
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

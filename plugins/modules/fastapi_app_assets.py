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
- table_order.infra.fastapi_app_assets:
    releases: /srv/shop/releases
    dest: /srv/shop/assets
    builds: [menu/build, admin/build]
"""

RETURN = """
added: {description: The number of added files., type: int, returned: always}
removed: {description: The number of removed files., type: int, returned: always}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import (
    asset_changes,
    keep_assets,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import Files


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
    releases, archive, builds = (
        Path(module.params["releases"]),
        Path(module.params["dest"]),
        module.params["builds"],
    )
    if module.check_mode:
        missing, extra = asset_changes(releases, archive, builds)
        added, removed = len(missing), len(extra)
    else:
        added, removed = keep_assets(Files(lambda step: None), releases, archive, builds)
    module.exit_json(changed=added + removed > 0, added=added, removed=removed)


if __name__ == "__main__":
    main()

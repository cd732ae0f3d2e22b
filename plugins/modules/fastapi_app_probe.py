#!/usr/bin/python
# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Wait until the service's responses are healthy, as a deployment does."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fastapi_app_probe
short_description: Wait until the service is healthy
description:
  - Requests the health URL of the service until a number of consecutive responses is healthy. Changes nothing.
options:
  release:
    description: The release that the responses must name, if O(site.health.names_release).
    type: str
    required: true
  times:
    description: The required number of consecutive healthy responses.
    type: int
    default: 1
  tries:
    description: The maximum number of unhealthy responses. The default is O(site.health.tries).
    type: int
extends_documentation_fragment:
  - table_order.infra.fastapi_app_site
author: Table Order Infrastructure (@table-order)
attributes:
  check_mode:
    description: Also probes in check mode.
    support: full
"""

EXAMPLES = r"""
- name: Probe the service
  table_order.infra.fastapi_app_probe:
    site: "{{ __fastapi_app_site }}"
    release: 3f2a9c1b7d10-a1b2c3
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import Checks
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import StepError, local
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import SITE_OPTIONS, Site


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "site": {"type": "dict", "required": True, "options": SITE_OPTIONS},
            "release": {"type": "str", "required": True},
            "times": {"type": "int", "default": 1},
            "tries": {"type": "int"},
        },
        supports_check_mode=True,
    )
    site = Site.of(module.params["site"])
    health = site.health._replace(
        times=module.params["times"], tries=module.params["tries"] or site.health.tries
    )
    checks = Checks(site._replace(health=health), local(lambda step: None, module.run_command))
    try:
        checks.probe(module.params["release"], health.url)
    except StepError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()

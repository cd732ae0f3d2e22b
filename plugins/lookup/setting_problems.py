# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""A lookup that finds invalid settings of the collection's roles."""

from __future__ import annotations

DOCUMENTATION = r"""
name: setting_problems
author: Table Order Infrastructure (@table-order)
version_added: 1.0.0
short_description: Find invalid settings of roles of this collection
description:
  - Checks the variables of the task that are settings of a role, before the role changes anything.
  - Finds unknown names, values of another type or form than the role accepts, and settings that do not fit together.
options:
  _terms:
    description: Names of roles, without the collection's name. All roles, if none is named.
    type: list
    elements: str
  part:
    description:
      - The entry point of the role, for a role whose entry points need different settings.
      - V(names) checks the names of the settings alone, and that a name that several roles share is not set for one of them.
    type: str
    default: main
"""
EXAMPLES = r"""
- name: Check the settings
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ query('table_order.infra.setting_problems', 'nginx') }}"
"""
RETURN = r"""
_raw:
  description: A sentence for each invalid setting, with its name, its value, what is accepted and the fix.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleUndefinedVariable
from ansible.plugins.lookup import LookupBase
from ansible.template import Templar
from ansible_collections.table_order.infra.plugins.plugin_utils.settings import ROLES, problems


class Rendered(dict[str, Any]):
    """The variables of a task; each is rendered when it is read."""

    def __init__(self, variables: Mapping[str, Any], templar: Templar) -> None:
        """Take the variables as they were written."""
        super().__init__(variables)
        self.templar = templar

    def __getitem__(self, name: str) -> object:
        """Return the value of a variable."""
        if name not in self:
            raise AnsibleUndefinedVariable(f"{name!r} is undefined")
        return self.templar.template(super().__getitem__(name))


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[str], variables: Mapping[str, Any], **kwargs: object) -> list[str]:
        """Return the problems of the roles that ``terms`` names."""
        self.set_options(var_options=variables, direct=kwargs)
        rendered, part = Rendered(variables, self._templar), self.get_option("part")
        roles = terms or sorted(path.name for path in ROLES.iterdir())
        return [problem for role in roles for problem in problems(role, rendered, part)]

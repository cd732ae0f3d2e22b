"""Each variable of a role renders with the defaults: an operator in the wrong place ends every run, and no linter sees it."""

import contextlib

import pytest
import yaml
from ansible.errors import AnsibleUndefinedVariable

from tests.unit.tasks import ROOT
from tests.unit.test_settings_wired import Scope

VARIABLES = [
    (path.parts[-3], name)
    for path in sorted(ROOT.glob("roles/*/vars/main.yml"))
    for name, value in (yaml.safe_load(path.read_text()) or {}).items()
    # The collection's filters are not loaded here.
    if "| table_order.infra." not in str(value)
]


@pytest.mark.parametrize(("role", "name"), VARIABLES)
def test_a_variable_renders_or_needs_what_a_task_finds(role, name):
    with contextlib.suppress(AnsibleUndefinedVariable):
        Scope(role).see(f"{{{{ {name} }}}}")

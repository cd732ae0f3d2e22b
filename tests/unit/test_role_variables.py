"""Each variable of a role renders with the defaults: an operator in the wrong place ends every run, and no linter sees it."""

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleUndefinedVariable

from tests.unit.tasks import ROOT
from tests.unit.test_settings_wired import Scope

VARIABLES = [
    (path.parts[-3], name)
    for path in sorted(ROOT.glob("roles/*/vars/main.yml"))
    for name in yaml.safe_load(path.read_text()) or {}
]


@pytest.mark.parametrize(("role", "name"), VARIABLES)
def test_a_variable_renders_or_needs_what_a_task_finds(role, name):
    try:
        Scope(role).see(f"{{{{ {name} }}}}")
    except AnsibleUndefinedVariable:
        pass
    except AnsibleError as error:
        assert "No filter named 'table_order.infra." in str(error), error

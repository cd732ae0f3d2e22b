"""Every package that a role installs on Amazon Linux has a name that Amazon Linux knows."""

import re
from pathlib import Path

import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[2]
KNOWN = yaml.safe_load((Path(__file__).parent / "amazon_linux_2023_packages.yml").read_text())["packages"]
# Names that are computed on the server out of the variables below, a package file, and "everything that is installed".
COMPUTED = {"{{ __fastapi_app_missing }}", "{{ __cloudwatch_agent_file }}", "*"}
VARIABLE = re.compile(r"\w*_packages?")


def variables(role):
    """What a role's variables are on Amazon Linux."""
    found = {}
    for name in ("defaults/main.yml", "vars/main.yml", "vars/amazon.yml"):
        if (role / name).exists():
            found |= yaml.safe_load((role / name).read_text()) or {}
    return found


def names(value, known):
    """The package names in a variable's value, or in a task's "name"."""
    values = value if isinstance(value, list) else [value]
    return {rendered(item, known) for item in values}


def rendered(text, known):
    """Text in which no variable is left, those within variables' values included."""
    while "{{" in text:
        text = jinja2.Template(text, undefined=jinja2.StrictUndefined).render(known)
    return text


def tasks(node):
    """Every mapping in a task file, those of its blocks included."""
    if isinstance(node, list):
        for item in node:
            yield from tasks(item)
    elif isinstance(node, dict):
        yield node
        for key in ("block", "rescue", "always"):
            yield from tasks(node.get(key))


def installed(role):
    """What the role's tasks give to a package manager that Amazon Linux has, as written there."""
    for path in sorted(role.glob("tasks/**/*.yml")):
        for task in tasks(yaml.safe_load(path.read_text())):
            for module in ("ansible.builtin.dnf", "ansible.builtin.package"):
                # What is removed has been installed by another task, or was there before.
                if module in task and task[module].get("state") != "absent":
                    name = task[module]["name"]
                    yield from name if isinstance(name, list) else [name]


ROLES = sorted(path.parent for path in ROOT.glob("roles/*/tasks"))
HOST_ROLES = [role for role in ROLES if any(installed(role))]


def test_the_host_roles_are_found():
    assert {"cloudwatch_agent", "db_migrate", "fastapi_app", "nginx"} <= {role.name for role in HOST_ROLES}


@pytest.mark.parametrize("role", HOST_ROLES, ids=lambda role: role.name)
def test_amazon_linux_has_the_packages(role):
    known = variables(role)
    wanted = set()
    for name, value in known.items():
        if VARIABLE.fullmatch(name):
            wanted |= names(value, known)
    for name in set(installed(role)) - COMPUTED:
        expression = re.fullmatch(r"\{\{ (\w+) \}\}", name)
        if expression:
            # Then the names are among the variables above.
            assert VARIABLE.fullmatch(expression[1]), f"{name} is not followed by this test"
        else:
            wanted.add(name)
    assert wanted, "no package was found"
    assert wanted - KNOWN.keys() == set()

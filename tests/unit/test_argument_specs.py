"""A role's specification and its defaults are the same list of settings, with the same values."""

from pathlib import Path

import pytest
import yaml

ROLES = sorted(path.parents[1] for path in Path(__file__).parents[2].glob("roles/*/tasks/main.yml"))


def read(role, name):
    return yaml.safe_load((role / name).read_text()) or {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_specification_equals_defaults(role):
    defaults = read(role, "defaults/main.yml")
    specification = read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option.get("default") for name, option in specification.items()} == defaults


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_setting_is_described_and_carries_the_role_name(role):
    for name, option in read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"].items():
        assert option["description"], f"{name} has no description"
        assert option["type"], f"{name} has no type"
        assert name.startswith(role.name + "_"), f"{name} does not begin with the role's name"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_task_files_stay_readable(role):
    for path in role.glob("tasks/**/*.yml"):
        lines = len(path.read_text().splitlines())
        assert lines <= 120, f"{path} has {lines} lines, 120 are the most"
    assert len((role / "tasks/main.yml").read_text().splitlines()) <= 25

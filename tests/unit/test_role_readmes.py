"""A role's README says what its specification says ("make docs" writes that part), and what the role does to a host."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = json.loads((ROOT / "iam/operator-policy.json").read_text())
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
ANSWERS = ("Privileges", "Changes", "Idempotent", "Check mode", "Reversible")


@pytest.mark.parametrize("role", ROLES)
def test_the_settings_are_those_of_the_specification(role):
    check = subprocess.run(
        [ROOT / "scripts/docs", "--check", role], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, f"write them again with: make docs\n{check.stdout[-2000:]}"


@pytest.mark.parametrize("role", ROLES)
def test_it_answers_what_an_operator_asks_first(role):
    text = (ROOT / "roles" / role / "README.md").read_text()
    missing = [answer for answer in ANSWERS if f"| {answer} |" not in text]
    assert not missing, f"roles/{role}/README.md has no row for {missing}"


def test_the_operators_rights_that_roles_name_are_those_of_the_policy():
    rows = [
        line
        for role in ROLES
        for line in (ROOT / "roles" / role / "README.md").read_text().splitlines()
        if line.startswith("| Privileges |") and "operator-policy" in line
    ]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {statement["Sid"] for statement in POLICY["Statement"]}

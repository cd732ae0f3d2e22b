"""A role's README matches its specification ("make docs" writes that part), and lists the role's changes on a host."""

import re
import subprocess
from pathlib import Path

import pytest

import iam

ROOT = Path(__file__).parents[2]
# The policies of what roles do; "destroy" is said in words, and the locks are the playbooks'.
POLICIES = [
    iam.render(policy, iam.Target("production", "ap-northeast-2", "123456789012"))
    for policy in iam.POLICIES
    if policy != "destroy"
]
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
        if line.startswith("| Privileges |") and "scripts/policy" in line
    ]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    sids = {statement["Sid"] for policy in POLICIES for statement in policy["Statement"]}
    assert named == sids - {"Lock"}

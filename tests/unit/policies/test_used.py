"""Both directions: what the playbooks used is allowed by the policies named for them, and what is allowed was used or has a reason.

iam/used.json is written from the recordings of tests/e2e, which keep each action that the operator used, by playbook and test:
WRITE_USED=.state/artifacts/permissions.json pytest tests/unit/policies/test_used.py
"""

import os
from pathlib import Path

import pytest
import yaml

import iam
from iam import usage
from iam.usage import Usage
from local_cloud.policies import matches

DIRECTORY = Path(__file__).parent
README = usage.named(usage.README.read_text())


@pytest.fixture(scope="module")
def used() -> dict[str, Usage]:
    """The recordings, by playbook."""
    if recorded := os.environ.get("WRITE_USED"):
        usage.record(Path(recorded))
    return usage.by_name(usage.read(usage.USED.read_text()), list(README))


@pytest.fixture(scope="module")
def actions() -> set[str]:
    """All actions of the recordings."""
    return {
        action for one in usage.read(usage.USED.read_text()).values() for action, kind in one.kinds() if kind
    }


def test_readme_names_policies_for_every_playbook():
    directory = usage.ROOT / "playbooks"
    assert {name.removesuffix(" --check") for name in README} == {
        "site.yml",
        *(path.name for path in directory.glob("*.yml")),
    }
    assert {policy for policies in README.values() for policy in policies} == set(iam.POLICIES)
    assert usage.named((usage.ROOT / "README.ko.md").read_text()) == README


@pytest.mark.parametrize("playbook", README)
def test_a_playbook_used_what_its_policies_allow(playbook, used):
    assert usage.beyond(used[playbook], README[playbook]) == []


def test_site_needs_what_its_playbooks_need():
    assert set(README["site.yml"]) == {policy for name in usage.SITE for policy in README[name]}


def test_a_playbook_used_something_of_each_of_its_policies_or_there_is_a_reason(used):
    reasons = yaml.safe_load((DIRECTORY / "unused_policies.yml").read_text())
    listed = ["{playbook}: {policy}".format(**one) for those in reasons.values() for one in those]
    found = [
        f"{playbook}: {policy}"
        for playbook, policies in README.items()
        for policy in usage.needless(used[playbook], policies)
    ]
    assert sorted(listed) == sorted(found), "unused_policies.yml lists each once, and no other"


def test_what_is_allowed_was_used_or_has_a_reason(actions):
    reasons = yaml.safe_load((DIRECTORY / "unused.yml").read_text())
    listed = [action for names in reasons.values() for action in names]
    allowed = {action for policy in iam.POLICIES for action in usage.allowed(policy)}
    unused = [pattern for pattern in allowed if not any(matches(pattern, one) for one in actions)]
    assert sorted(listed) == sorted(unused), (
        "unused.yml lists each action once that no recording has, and no other"
    )


def test_each_playbook_is_recorded_in_each_of_its_states(used):
    """The states that have no recording yet are listed, so that the next recording takes them off."""
    states = yaml.safe_load((DIRECTORY / "states.yml").read_text())
    missing = [
        f"{playbook}: {state}"
        for playbook, tests in states["recorded by"].items()
        for state, names in tests.items()
        if not used[playbook].recorded & set(names)
    ]
    assert set(states["recorded by"]) == set(README)
    assert sorted(states["not yet"] or []) == sorted(missing), (
        "states.yml lists those without a recording, and no other"
    )


def test_the_table_is_the_one_in_the_documents(used):
    written = (usage.ROOT / "docs/permissions.md").read_text()
    assert written == usage.table(usage.read(usage.USED.read_text()), README), (
        "write it again with: scripts/docs"
    )


# -- the comparison itself ---------------------------------------------------------------------------------

SNAPSHOT, TAGS = "rds:CreateDBSnapshot", "ec2:CreateTags"


def test_a_recording_is_told_by_playbook_and_comes_back_from_the_file():
    found = usage.of_recording(
        {
            "deploy.yml | a": {SNAPSHOT: [["operate"], ["operate", "destroy"]]},
            "deploy.yml | b": {TAGS: [["account"]]},
            "status.yml --check | b": {TAGS: [[]]},
        }
    )
    assert found["deploy.yml"].recorded == {"a", "b"}
    assert usage.read(usage.written(found)) == found


def test_what_no_named_policy_allows_is_beyond_them_and_what_no_call_needs_is_needless():
    one = Usage({"a"}, {SNAPSHOT: {frozenset({"operate", "destroy"})}, TAGS: {frozenset({"account"})}})
    assert usage.beyond(one, ["operate"]) == [f"{TAGS} (allowed by account)"]
    assert usage.beyond(one, ["account", "destroy"]) == []
    assert usage.needless(one, ["operate", "destroy", "account"]) == ["operate", "destroy"]
    assert usage.needless(one, ["operate", "account"]) == []
    nobody = Usage({"a"}, {TAGS: {frozenset()}})
    assert usage.beyond(nobody, list(iam.POLICIES)) == [f"{TAGS} (allowed by none)"]


def test_a_problem_names_the_playbook_the_action_and_the_policies():
    found = usage.problems(
        {
            "deploy.yml --check | a": {TAGS: [["account"]]},
            "site.yml | a": {TAGS: [["operate"]]},
            "other.yml | a": {TAGS: [[]]},
        },
        {"deploy.yml": ["plan", "operate"], "site.yml": ["operate", "account"]},
    )
    assert found == [f"deploy.yml used {TAGS} (allowed by account); README.md names plan, operate for it"]


def test_a_check_run_counts_for_its_own_name_where_it_has_one_and_all_for_site():
    one = {
        name: Usage({name}, {}) for name in ("provision.yml", "provision.yml --check", "deploy.yml --check")
    }
    names = usage.by_name(one, ["provision.yml", "provision.yml --check", "deploy.yml", "site.yml"])
    assert names["provision.yml"].recorded == {"provision.yml"}
    assert names["provision.yml --check"].recorded == {"provision.yml --check"}
    assert names["deploy.yml"].recorded == {"deploy.yml --check"}
    assert names["site.yml"].recorded == set(one)

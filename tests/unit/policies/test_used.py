"""Both directions: what the playbooks used in tests/e2e is allowed, and what is allowed was used or has a reason.

used.json is written from the recordings of tests/e2e, which keep each action that the operator used:
WRITE_USED=.state/artifacts/permissions.json pytest tests/unit/policies/test_used.py
"""

import json
import os
from pathlib import Path

import pytest
import yaml

import iam
from local_cloud.policies import as_list, matches
from tests.unit.policies.calls import ACCOUNT, REGION

FOLDER = Path(__file__).parent
ABOUT = iam.Target("production", REGION, ACCOUNT)


@pytest.fixture(scope="module")
def used() -> set[str]:
    """The actions of the recordings."""
    if recorded := os.environ.get("WRITE_USED"):
        actions = {action for test in json.loads(Path(recorded).read_text()).values() for action in test}
        (FOLDER / "used.json").write_text(json.dumps(sorted(actions), indent=1) + "\n")
    return set(json.loads((FOLDER / "used.json").read_text()))


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    """The actions of the policies, with * where they have it."""
    return {
        action
        for policy in iam.POLICIES
        for statement in iam.render(policy, ABOUT)["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }


def test_what_was_used_is_allowed(used, allowed):
    assert [one for one in sorted(used) if not any(matches(pattern, one) for pattern in allowed)] == []


def test_what_is_allowed_was_used_or_has_a_reason(used, allowed):
    reasons = yaml.safe_load((FOLDER / "unused.yml").read_text())
    listed = [action for actions in reasons.values() for action in actions]
    unused = [pattern for pattern in allowed if not any(matches(pattern, one) for one in used)]
    assert sorted(listed) == sorted(unused), (
        "unused.yml lists each action once that no recording has, and no other"
    )

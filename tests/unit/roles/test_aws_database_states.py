"""The table of RDS's states is complete: every state has all facts, and a lasting one has its fix."""

from pathlib import Path

import pytest
import yaml

from local_cloud.shims.rds import states

ROLE = Path(__file__).parents[3] / "roles/aws_database"
STATES = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__aws_database_states"]


def test_it_has_every_state_that_the_local_cloud_shows():
    assert STATES.keys() >= states.STATES


@pytest.mark.parametrize("state", STATES)
def test_a_state_answers_every_question(state):
    row = STATES[state]
    assert row["serves"] in {"yes", "log-in", "no"}
    assert {type(row[name]) for name in ("snapshot", "change", "transient")} == {bool}
    # A lasting state has a fix; the role waits for a transient one.
    assert ("fix" in row) is not row["transient"]


def test_it_agrees_with_what_rds_refuses():
    assert {state for state, row in STATES.items() if row["snapshot"]} == states.MAY_BE_SNAPSHOTTED
    assert {state for state, row in STATES.items() if row["change"]} == states.MAY_BE_CHANGED


@pytest.mark.parametrize("state", ["backing-up", "storage-optimization", "configuring-log-exports"])
def test_what_serves_holds_no_deployment_up(state):
    assert STATES[state]["serves"] == "yes"


@pytest.mark.parametrize("state", ["modifying", "rebooting", "upgrading", "maintenance"])
def test_where_the_state_does_not_tell_a_log_in_does(state):
    assert STATES[state]["serves"] == "log-in"

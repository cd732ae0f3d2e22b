"""Faults of AWS in the middle of the longer procedures: each finishes, or stops with one message and its next run finishes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.drills import runbook
from tests.drills.faults import (
    AWAY,
    CONFIRMED,
    EXPIRED,
    FAILING,
    SIGN_IN,
    SLOW,
    THROTTLED,
    check_no_secrets,
    check_stopped,
    faults,
    one_of_everything,
)
from tests.e2e import site
from tests.e2e.deployment import settled, state

DATABASE = f"{site.TARGET.name}-db"
LARGE = ("-e", json.dumps({"aws_compute_instance_type": "t3.large"}))
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(autouse=True)
def _afterwards() -> Any:
    """Nothing is there twice, no procedure is open, and the service is up."""
    yield
    one_of_everything()
    assert site.parameters(f"/{site.TARGET.name}/procedure") == []
    settled(state())
    site.play("playbooks/verify.yml").check()


def delete_database() -> None:
    """Delete the database, as a person does by mistake; its automated backups stay."""
    site.call("PUT", "/local-cloud/delays", {"log": 0})
    rds = site.aws("rds")
    rds.modify_db_instance(DBInstanceIdentifier=DATABASE, DeletionProtection=False, ApplyImmediately=True)
    time.sleep(3)
    rds.delete_db_instance(
        DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=DATABASE, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


# cost.yml asks AWS only for its inventory.
@pytest.mark.parametrize("playbook", ["topology", "right_size", "maintain"])
def test_a_report_outlasts_throttling(playbook: str) -> None:
    with faults(THROTTLED):
        check_no_secrets(site.play(f"playbooks/{playbook}.yml").check().output)


def test_the_whole_site_outlasts_slow_answers() -> None:
    with faults(SLOW):
        run = site.play("site.yml").check()
    assert run.changed == 0, "\n".join(run.changes)


def test_a_backup_check_outlasts_throttling() -> None:
    with faults(THROTTLED):
        check_no_secrets(runbook.play("backup_check").check().output)


def recover(directory: Path) -> site.Run:
    return runbook.play("recover_database", *CONFIRMED, "-e", f"recover_database_list={directory}/lost.txt")


def test_a_deleted_database_returns_under_throttling(tmp_path: Path) -> None:
    delete_database()
    with faults(THROTTLED):
        check_no_secrets(recover(tmp_path).check().output)


def test_a_deleted_database_returns_after_credentials_have_expired(tmp_path: Path) -> None:
    """In the middle of the restore, so that the run cannot release its locks either."""
    delete_database()
    with faults(
        {**EXPIRED, "action": "rds:ModifyDBInstance"}, {**EXPIRED, "action": "ssm:PutParameter", "after": 2}
    ):
        check_stopped(recover(tmp_path), SIGN_IN)
    recover(tmp_path).check()


def test_a_terminated_server_returns_under_errors() -> None:
    site.aws("ec2").terminate_instances(InstanceIds=[site.instance()])
    with faults(FAILING):
        check_no_secrets(runbook.play("recover_server", *CONFIRMED).check().output)


def test_a_terminated_server_returns_after_credentials_have_expired() -> None:
    site.aws("ec2").terminate_instances(InstanceIds=[site.instance()])
    with faults({**EXPIRED, "action": "AssociateAddress"}):
        check_stopped(runbook.play("recover_server", *CONFIRMED), SIGN_IN)
    runbook.play("recover_server", *CONFIRMED).check()


def test_a_server_gets_its_size_under_slow_answers_and_its_old_one_under_errors() -> None:
    with faults(SLOW):
        runbook.play("scale", *LARGE).check()
    with faults(AWAY):
        runbook.play("scale").check()


def test_a_rotation_goes_on_after_credentials_have_expired() -> None:
    """Right before the new value becomes the current one."""
    before = site.secrets()[f"{site.TARGET.name}/rds/owner"]
    with faults({**EXPIRED, "action": "UpdateSecretVersionStage"}):
        check_stopped(runbook.play("rotate_secrets", *CONFIRMED, "-e", "rotate_secrets=owner"), SIGN_IN)
    with faults(AWAY):
        runbook.play("rotate_secrets", *CONFIRMED, "-e", "rotate_secrets=owner").check()
    assert site.secrets()[f"{site.TARGET.name}/rds/owner"] != before

"""The role aws_database against moto with the shims: what it asks RDS for, in each state that RDS may be in."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from moto.rds.models import rds_backends

from tests.unit.roles.cloud_runs import INTERPRETER, warm_python
from tests.unit.roles.preflight_runs import INLINE

ROOT = Path(__file__).parents[3]
NAME = "table-order-unit-db"
SECRET = "table-order-unit/rds/master"
PASSWORD = "0123456789abcdef"
TAGS = {"Project": "table-order", "Environment": "unit", "ManagedBy": "ansible"}
VARIABLES = {
    "ansible_python_interpreter": INTERPRETER,
    "table_order_environment": "unit",
    "table_order_region": "ap-northeast-2",
    "table_order_account_id": "123456789012",
    "table_order_poll_seconds": 0,
    "aws_database_wait_retries": 3,
    "aws_database_apply_immediately": True,
}


@pytest.fixture(scope="module")
def rds(client):
    return client("rds")


@pytest.fixture(scope="module")
def secrets(client):
    return client("secretsmanager")


@pytest.fixture
def master(secrets):
    """The master user's secret."""
    text = json.dumps({"username": "tableorder_admin", "password": PASSWORD})
    secrets.create_secret(Name=SECRET, SecretString=text)
    yield SECRET
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def play(url, vpc, tmp_path):
    """Run an entry point of the role; returns exit status, output and the number of changes."""

    def run(tasks_from="main", *arguments, **variables):
        roles = {"name": "table_order.infra.aws_database", "tasks_from": tasks_from}
        playbook = tmp_path / "play.yml"
        settings = VARIABLES | {
            "aws_database_subnet_ids": [vpc["a"], vpc["c"]],
            "aws_database_security_group_ids": [vpc["group"]],
        }
        tasks = [{"ansible.builtin.include_role": roles}]
        tasks += [
            {
                "ansible.builtin.debug": {"var": "aws_database_endpoint"},
                "when": "aws_database_endpoint is defined",
            }
        ]
        hosts = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": settings}
        playbook.write_text(json.dumps([hosts | {"tasks": tasks}]))
        environment = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "ap-northeast-2",
            "AWS_MAX_ATTEMPTS": "1",
        }
        command = [*INLINE, "-i", "localhost,", str(playbook), "-e", json.dumps(variables)]
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | warm_python()[0] | environment,
            cwd=ROOT,
        )

    return run


@pytest.fixture
def backend():
    """What RDS has, cleared before and after."""
    backend = rds_backends["123456789012"]["ap-northeast-2"]

    def clear():
        backend.databases.pop(NAME, None)
        backend.database_snapshots.clear()

    clear()
    yield backend
    clear()


@pytest.fixture(scope="module")
def created():
    """The database and its state when the role had created it: once for all tests, since a run takes ten seconds."""
    return {}


@pytest.fixture
def database(play, master, backend, created):
    """The database as the role has created it."""
    if not created:
        done = play()
        assert done.returncode == 0, done.stdout
        created["database"] = backend.databases[NAME]
        created["state"] = dict(vars(created["database"]))
    database = backend.databases[NAME] = created["database"]
    vars(database).clear()
    vars(database).update(created["state"])
    return database


def manual(backend):
    """The names of the manual snapshots."""
    return {name for name in backend.database_snapshots if not name.startswith("rds:")}


def text(done):
    """What a run printed, in one line."""
    return " ".join(done.stdout.split())


def test_a_second_run_changes_nothing(play, database):
    assert "changed=0" in play().stdout


def test_a_database_is_created_with_the_secrets_password(database):
    assert database._master_user_password == PASSWORD


def test_no_database_without_the_masters_secret(play, backend):
    done = play()
    assert done.returncode != 0
    assert f"{SECRET}, does not exist" in text(done)
    assert "playbooks/provision.yml --tags aws_security" in text(done)
    assert NAME not in backend.databases


def test_no_database_while_the_masters_secret_is_to_be_deleted(play, backend, secrets, master):
    secrets.delete_secret(SecretId=SECRET)
    done = play()
    assert done.returncode != 0
    assert f"aws secretsmanager restore-secret --secret-id {SECRET} --region ap-northeast-2" in text(done)
    assert NAME not in backend.databases


def test_no_database_with_a_secret_without_a_password(play, backend, secrets, master):
    secrets.put_secret_value(SecretId=SECRET, SecretString='{"username": "tableorder_admin"}')
    done = play()
    assert done.returncode != 0
    assert f"The secret {SECRET} has no username, or no password" in text(done)


def test_another_port_is_refused_with_the_one_to_set(play, database):
    done = play("discover", aws_database_port=5433)
    assert done.returncode != 0
    assert "aws_database_port is 5433. Accepted: 5432" in text(done)
    assert "set aws_database_port to 5432." in text(done)


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_missing_secret_of_an_existing_database_is_refused(play, database, secrets, check):
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    done = play("discover", *check)
    assert done.returncode != 0
    assert f"{NAME} exists, but the secret of its master user, {SECRET}, does not exist" in text(done)
    assert f"aws secretsmanager create-secret --name {SECRET} --region ap-northeast-2" in text(done)
    assert '"username": "tableorder_admin"' in text(done).replace("\\", "")
    assert f"aws rds modify-db-instance --db-instance-identifier {NAME} --region ap-northeast-2" in text(done)


def test_a_secret_to_be_deleted_of_an_existing_database_is_refused(play, database, secrets):
    secrets.delete_secret(SecretId=SECRET)
    done = play("discover")
    assert done.returncode != 0
    assert f"aws secretsmanager restore-secret --secret-id {SECRET} --region ap-northeast-2" in text(done)


def test_check_mode_needs_no_secret(play, backend):
    done = play("main", "--check")
    assert done.returncode == 0, done.stdout
    assert NAME not in backend.databases


def test_the_declared_size_is_a_minimum(play, database):
    database.allocated_storage = 450
    done = play(aws_database_allocated_storage_gib=20)
    assert "changed=0" in done.stdout
    assert database.allocated_storage == 450
    done = play(aws_database_allocated_storage_gib=600)
    assert done.returncode == 0, done.stdout
    assert (database.allocated_storage, database.iops, database.storage_throughput) == (600, 12000, 500)


@pytest.mark.parametrize("status", ["storage-optimization", "backing-up", "modifying"])
def test_a_deployment_goes_on_in_a_state_that_serves(play, database, status):
    database.status = status
    done = play("await")
    assert done.returncode == 0, done.stdout
    assert f'"state": "{status}"' in text(done) or f"state: {status}" in text(done)
    assert f"log_in: {str(status == 'modifying').lower()}" in text(done)


def test_a_stopped_database_is_refused_at_once_with_what_to_do(play, database):
    database.status = "stopped"
    done = play("await")
    assert done.returncode != 0
    assert f"aws rds start-db-instance --db-instance-identifier {NAME} --region ap-northeast-2" in text(done)
    assert "RETRYING" not in done.stdout


def test_what_does_not_serve_yet_is_waited_for_and_named(play, database):
    database.status = "starting"
    done = play("await")
    assert done.returncode != 0
    assert f"{NAME} is starting: waiting until it serves" in text(done)
    assert f"{NAME} is still starting after 3 checks" in text(done)


def test_snapshots_of_earlier_migrations_go_and_no_others(play, database, backend):
    def name(day):
        return f"{NAME}-before-migration-202601{day:02}120000"

    own = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    for day in (1, 2, 3):
        backend.create_db_snapshot(NAME, name(day), tags=own)
    others = {f"{NAME}-before-migration-by-hand", "by-hand"}
    for other in others:
        backend.create_db_snapshot(NAME, other)
    done = play(
        "snapshot",
        aws_database_snapshot_name=name(5),
        aws_database_migration_snapshots_kept=2,
        aws_database_snapshot_quota=6,  # five are there
    )
    assert done.returncode == 0, done.stdout
    assert manual(backend) == {name(3), name(5)} | others


def test_no_snapshot_beyond_the_quota_and_none_while_a_backup_runs(play, database, backend):
    backend.create_db_snapshot(NAME, "by-hand")
    done = play("snapshot", aws_database_snapshot_name=f"{NAME}-x", aws_database_snapshot_quota=1)
    assert "There are 1 manual snapshots in ap-northeast-2, and the quota is 1" in text(done)
    database.status = "backing-up"
    done = play("snapshot", aws_database_snapshot_name=f"{NAME}-x")
    assert f"{NAME} is backing-up: waiting until RDS can take a snapshot" in text(done)
    assert done.returncode != 0
    assert manual(backend) == {"by-hand"}


def test_a_database_is_removed_with_a_last_snapshot_while_its_storage_is_optimized(play, database, backend):
    database.status = "storage-optimization"
    done = play("absent")
    assert done.returncode == 0, done.stdout
    assert NAME not in backend.databases
    assert any(one.startswith(f"{NAME}-final-") for one in backend.database_snapshots)

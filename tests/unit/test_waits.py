"""Every task with retries: a temporary answer of AWS is retried, any other answer ends the task at once.

The expressions are the tasks' own, evaluated with what the module returns; the texts are AWS's.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.tasks import Task, all_tasks
from tests.unit.test_settings_wired import Scope, trusted

OTHER = "An error occurred (AccessDenied): User is not authorized to perform this"
# The state in which the databases' tasks find the database, if they check it, and the cache's client.
AROUND = {
    "__aws_database_state": {"transient": True, "change": True},
    "aws_database_size": {"wanted": "db.t3.large", "storage_wanted": 30},
    "__aws_compute_address": {"public_ip": "203.0.113.9"},
    "__aws_cache_client": {"application_uses_tls": True},
    # After the changes of provision.yml.
    "__account_settles": True,
    "__account_left": "{{ __account_found.left }}",
}
CACHE = {"transit_encryption": True, "transit_encryption_mode": "preferred", "auth_token_enabled": False}
SIZE = {
    "db_instance_class": "db.t3.large",
    "allocated_storage": 30,
    "db_instance_status": "storage-optimization",
}
LEAST_SECONDS = 60
# What the module returns when EC2 does not show yet what it has created: a traceback, and no message.
CRASHED = {"failed": True}
DATABASE_BUSY = (
    "An error occurred (InvalidDBInstanceState): Instance table-order-db is not in available state."
)
NO_PROFILE = "Value (table-order-ec2-role) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"


def failed(message: str) -> dict[str, Any]:
    return {"failed": True, "msg": message, "error": {"message": message}}


def error(message: str) -> tuple[list[Any], list[Any]]:
    """Return the results that cause a retry, and those that end the task, for a task that waits on one AWS error."""
    return [failed(message)], [{"changed": True}, failed(OTHER)]


def found(kind: str, pending: dict[str, Any], *ended: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Return the same for a task that reads a resource until it has the wanted state."""
    return [{kind: [pending]}], [{kind: one} for one in ended]


def found_again(
    kind: str, pending: dict[str, Any], *ended: list[dict[str, Any]]
) -> tuple[list[Any], list[Any]]:
    """Return the same for a task after an earlier answer of AWS: a failed read then means nothing."""
    again, over = found(kind, pending, *ended)
    return [failed(OTHER), *again], over


# Task, results that cause a retry, and results that end the task.
WAITS = {
    "aws_cache/absent.yml: Delete the subnet group": error(
        "An error occurred (CacheSubnetGroupInUse): Cache subnet group is currently in use by a cache cluster."
    ),
    "aws_cache/await.yml: Wait for the cache to serve": found_again(
        "replication_groups",
        {"status": "creating"},
        [{"status": "available"}],
        [],
        [{"status": "create-failed"}],
    ),
    # The step to TLS is due: the client uses TLS already.
    "aws_cache/secure.yml: wait until available if a step is due": found_again(
        "replication_groups",
        CACHE | {"status": "modifying"},
        [CACHE | {"status": "available"}],
    ),
    "aws_compute/absent.yml: Wait for the termination of the server": found_again(
        "instances", {"instance_id": "i-1"}, []
    ),
    # EC2 may not show a new server at once.
    "aws_compute/address.yml: Wait for the server to run": (
        [{"instances": []}, {"instances": [{"state": {"name": "pending"}}]}],
        [{"instances": [{"state": {"name": name}}]} for name in ("running", "stopped")],
    ),
    "aws_compute/address.yml: Wait for EC2 to report the Elastic IP": found_again(
        "instances", {"public_ip_address": "198.51.100.1"}, [{"public_ip_address": "203.0.113.9"}]
    ),
    "aws_compute/await.yml: Wait for the server's status checks": found_again(
        "statuses", {"passed": False}, [{"passed": True}]
    ),
    "aws_compute/image.yml: Wait for the image": found_again(
        "images", {"state": "pending"}, [{"state": "available"}], [{"state": "failed"}]
    ),
    "aws_compute/instance.yml: Create the server": error(NO_PROFILE),
    "aws_compute/restore.yml: Wait for the new root volume": (
        [failed(OTHER), {"state": "pending"}, {"state": "in-progress"}, {"state": "failing"}],
        [{"state": "succeeded"}, {"state": "failed"}, {"state": "failed-detached"}],
    ),
    "aws_compute/profile.yml: Associate the instance profile with the server": error(NO_PROFILE),
    "aws_database/absent_instance.yml: Delete the database": error(DATABASE_BUSY),
    "aws_database/absent_instance.yml: Wait for the deletion of the database": found_again(
        "instances", {"db_instance_status": "deleting"}, []
    ),
    "aws_database/absent.yml: Delete the parameter group": error(
        "An error occurred (InvalidDBParameterGroupState): One or more database instances are still members of this group"
    ),
    "aws_database/absent.yml: Delete the subnet group": error(
        "An error occurred (InvalidDBSubnetGroupStateFault): Cannot delete the subnet group because at least one database "
        "instance is still using it"
    ),
    "aws_database/instance.yml: Create the database": error(DATABASE_BUSY),
    "aws_database/restore.yml: Set the master user's password": error(DATABASE_BUSY),
    "playbooks/tasks/rotate_password.yml: Set the next password of the master user": error(DATABASE_BUSY),
    "aws_database/instance.yml: Raise the storage": error(DATABASE_BUSY),
    "aws_database/scale.yml: Raise the storage": error(DATABASE_BUSY),
    "aws_database/scale.yml: Set the class of the database": error(DATABASE_BUSY),
    # The state is that of a database that serves: AROUND.
    "aws_database/scale.yml: Wait for the new size of the database": found_again(
        "instances", SIZE | {"db_instance_class": "db.t3.small"}, [SIZE]
    ),
    "aws_database/snapshot.yml: Wait for the completion of the snapshot": found_again(
        "snapshots", {"status": "creating"}, [{"status": "available"}], [{"status": "failed"}]
    ),
    "aws_network/vpc.yml: Create the subnets": (
        [CRASHED, failed("Failed to describe newly created subnet")],
        [{"changed": True}, failed(OTHER)],
    ),
    "aws_security/groups.yml: Create the server's security group": (
        [CRASHED],
        [{"changed": True}, failed(OTHER)],
    ),
    "aws_security/groups.yml: Create the security groups of the database and the cache": (
        [CRASHED],
        [{"changed": True}, failed(OTHER)],
    ),
    "aws_security/absent_groups.yml: Delete the security groups": error(
        "An error occurred (DependencyViolation): resource sg-1 has a dependent object"
    ),
    "aws_storage/absent.yml: Delete the bucket and the objects": error(
        "Failed to delete objects in the bucket: An error occurred (AccessDenied)"
    ),
    "aws_storage/bucket.yml: Create the bucket": error(
        "Failed to update bucket policy: An error occurred (MalformedPolicy): Invalid principal in policy"
    ),
    "fastapi_app/host/database_ca.yml: Fetch the CA bundle": (
        [failed("Request failed: timed out")],
        [{"status": 200}],
    ),
    "playbooks/backup_check.yml: Delete the databases that earlier checks left": error(DATABASE_BUSY),
    "playbooks/backup_check.yml: Wait for the restored database": found_again(
        "instances",
        {"db_instance_status": "creating"},
        [{"db_instance_status": "available"}],
        [{"db_instance_status": "storage-optimization"}],
        [{"db_instance_status": "incompatible-restore"}],
    ),
    "playbooks/backup_check.yml: Delete the restored database": error(DATABASE_BUSY),
    "playbooks/backup_check.yml: Wait for the end of the restored database": found_again(
        "instances", {"db_instance_status": "deleting"}, []
    ),
    "playbooks/tasks/rotate_password.yml: Wait until the database accepts the next password": (
        [{"answers": False, "msg": "password authentication failed"}],
        [{"answers": True, "msg": "The database answers."}],
    ),
    "playbooks/tasks/rotate_password.yml: Wait until the database refuses the old password": (
        [{"answers": True, "msg": "The database answers."}, {"answers": False, "msg": "timeout expired"}],
        [{"answers": False, "msg": 'FATAL: password authentication failed for user "tableorder_owner"'}],
    ),
    "playbooks/tasks/rotate_application.yml: Wait until the database refuses the old log-in": (
        [{"answers": True, "msg": "The database answers."}, {"answers": False, "msg": "timeout expired"}],
        [{"answers": False, "msg": 'FATAL: password authentication failed for user "tableorder_app"'}],
    ),
    "playbooks/tasks/rotate_cache_password.yml: Wait until the cache accepts the next password": (
        [{"password_accepted": False}, failed("The TLS probe of the cache failed: timed out")],
        [{"password_accepted": True}],
    ),
    "playbooks/tasks/rotate_cache_password.yml: Wait until the cache refuses the old password": (
        [{"password_accepted": True}, failed("The TLS probe of the cache failed: timed out")],
        [{"password_accepted": False}],
    ),
    "playbooks/tasks/patch_wait.yml: Wait for the application to answer": (
        [failed(OTHER), failed("Status code was 503 and not [200]: HTTP Error 503: Service Unavailable")],
        [{"status": 200}],
    ),
    "playbooks/tasks/account.yml: Read the account": (
        [{"left": ["table-order-vpc"]}],
        [{"left": []}, failed(OTHER)],
    ),
}
# By the states of the database: tests/unit/roles/test_aws_database_states.py.
BY_STATE = {"roles/aws_database/tasks/wait.yml"}
# A file of Amazon's content network: either it comes or it does not.
SHORT = {"roles/fastapi_app/tasks/host/database_ca.yml"}


def waiting() -> list[Task]:
    return [task for task in all_tasks() if "until" in task.keywords]


def names(key: str, task: Task) -> bool:
    path, name = key.split(": ", 1)
    return task.path in (path, f"roles/{path.replace('/', '/tasks/', 1)}") and name in task.name


def test_every_task_that_tries_again_is_here_and_no_other():
    known = {str(task) for task in all_tasks() for key in WAITS if names(key, task)}
    assert len(known) == len(WAITS)
    assert {str(task) for task in waiting() if task.path not in BY_STATE} == known


@pytest.mark.parametrize("key", WAITS)
def test_it_is_tried_again_after_what_passes_and_after_nothing_else(key):
    [task] = [task for task in all_tasks() if names(key, task)]
    again, ended = WAITS[key]

    def is_over(result: dict[str, Any]) -> bool:
        values = Scope(task.role).variables | trusted(
            AROUND | {"ansible_check_mode": False} | task.keywords["vars"]
        )
        values[task.keywords["register"]] = result
        return Templar(loader=DataLoader(), variables=values).evaluate_conditional(
            trusted(task.keywords["until"])
        )

    assert [is_over(result) for result in again] == [False] * len(again)
    assert [is_over(result) for result in ended] == [True] * len(ended)


@pytest.mark.parametrize("task", [task for task in waiting() if task.path not in SHORT], ids=str)
def test_it_is_tried_for_a_minute_or_more(task):
    scope = Scope(task.role)
    tries, delay = (
        int(scope.see(task.keywords[name], **task.keywords["vars"])) for name in ("retries", "delay")
    )
    assert tries * delay >= LEAST_SECONDS

"""Faults of AWS in the middle of a run: it finishes, or it stops with one message and the next run finishes.

docs/local-cloud.md describes the faults, docs/runbooks/README.md what an operator sees. Those of the longer procedures are in
test_faults_of_procedures.py.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.drills import runbook
from tests.drills.faults import (
    AWAY,
    CONFIRMED,
    DENIED,
    EXPIRED,
    FAILING,
    OPERATOR,
    SIGN_IN,
    SLOW,
    THROTTLED,
    check_no_secrets,
    check_stopped,
    faults,
    one_of_everything,
)
from tests.e2e import site

PROVISION = ("playbooks/provision.yml",)
ALARM = f"{site.TARGET.name}-ec2-high-cpu"


def no_alarm() -> None:
    """Give provision.yml something to do."""
    site.aws("cloudwatch").delete_alarms(AlarmNames=[ALARM])


def nothing() -> None:
    """Leave the site as it is."""


@pytest.mark.parametrize(
    ("playbook", "fault", "before"),
    [
        ("plan", THROTTLED, nothing),
        ("provision", FAILING, no_alarm),
        ("status", SLOW, nothing),
        ("deploy", AWAY, nothing),
    ],
)
def test_a_run_outlasts(playbook: str, fault: dict[str, object], before: Callable[[], None]) -> None:
    before()
    with faults(fault):
        run = site.play(f"playbooks/{playbook}.yml").check()
    check_no_secrets(run.output)
    one_of_everything()


def test_credentials_that_expire_in_the_middle() -> None:
    """From the first change on, so that the run cannot release its lock either: the next one takes it at once."""
    no_alarm()
    lock = {**EXPIRED, "action": "ssm:PutParameter", "after": 1}
    with faults({**EXPIRED, "action": "monitoring:PutMetricAlarm"}, lock):
        check_stopped(site.play(*PROVISION), "Create the alarms", SIGN_IN)
    assert site.play(*PROVISION).check().changed == 1
    one_of_everything()


def test_credentials_that_expire_before_secrets_are_read() -> None:
    """The task's message is hidden, but not its code; the deployment lock is released over SSH."""
    with faults({**EXPIRED, "action": "GetSecretValue"}):
        check_stopped(site.play("playbooks/deploy.yml"), "ExpiredTokenException", SIGN_IN)
    assert site.play("playbooks/deploy.yml").check().changed == 0


def test_an_inventory_that_cannot_be_read_says_only_that() -> None:
    with faults({**EXPIRED, "action": "DescribeInstances"}):
        run = site.play("playbooks/plan.yml")
    assert run.status != 0
    assert SIGN_IN in run.output
    assert len(run.output.splitlines()) <= 2, run.output


def test_a_denied_change_stops_a_procedure_which_releases_its_locks() -> None:
    """And a reload of the inventory that fails on the way does not keep it from that."""
    cache = site.aws("elasticache")
    for group in cache.describe_replication_groups()["ReplicationGroups"]:
        cache.delete_replication_group(ReplicationGroupId=group["ReplicationGroupId"])
    # The inventory asks at the beginning, and the procedure before it stops.
    look_up = {**EXPIRED, "action": "DescribeAvailabilityZones", "after": 1}
    with faults({**DENIED, "action": "CreateReplicationGroup"}, look_up):
        check_stopped(runbook.play("recover_cache", *CONFIRMED), "The cache is not created", "scripts/policy")
    runbook.play("recover_cache", *CONFIRMED).check()
    one_of_everything()


@pytest.mark.parametrize(
    ("command", "fault", "status"),
    [
        ("status", {**EXPIRED, "after": 3}, 2),
        ("plan", {**OPERATOR, "action": "DescribeDBInstances", "kind": "throttling"}, 1),
    ],
)
def test_what_could_not_be_read_is_told_by_the_exit_code(
    command: str, fault: dict[str, object], status: int
) -> None:
    with faults(fault):
        done = subprocess.run(
            [f"scripts/{command}", str(site.ROOT / site.INVENTORY)],
            cwd=site.ROOT,
            env=site.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == status, done.stdout + done.stderr
    assert "could not be looked at" in done.stdout or "too many requests" in done.stderr


def test_what_ec2_shows_late_is_made_once() -> None:
    """Another subnet, under the eventual consistency of all that is new."""
    ec2, tag = site.aws("ec2"), {"Name": "tag:Name", "Values": [f"{site.TARGET.name}-late"]}
    subnets = [
        {
            "name": next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "Name"),
            "cidr": one["CidrBlock"],
            "zone": one["AvailabilityZone"],
            "public": one["MapPublicIpOnLaunch"],
        }
        for one in ec2.describe_subnets(Filters=site.OURS)["Subnets"]
    ]
    late = {**subnets[-1], "name": tag["Values"][0], "public": False}
    late["cidr"] = re.sub(r"\d+\.0/24$", "99.0/24", late["cidr"])
    wanted = json.dumps({"aws_network_subnets": [*subnets, late]})
    site.call("PUT", "/local-cloud/consistency", {"ec2": 3, "iam": 10, "tags": 20})
    try:
        site.play(*PROVISION, "--tags", "aws_network", "-e", wanted).check()
    finally:
        site.call("PUT", "/local-cloud/consistency", {})
    [made] = ec2.describe_subnets(Filters=[tag])["Subnets"]
    own = {"Name": "association.subnet-id", "Values": [made["SubnetId"]]}
    [table] = ec2.describe_route_tables(Filters=[own])["RouteTables"]
    [association] = [one for one in table["Associations"] if one.get("SubnetId") == made["SubnetId"]]
    ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_subnet(SubnetId=made["SubnetId"])

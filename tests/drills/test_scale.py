"""Server, database and cache get other sizes and their old ones again, as the runbook says; also killed, and without capacity."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.drills import runbook
from tests.e2e import kills, site
from tests.e2e.deployment import load, settled, state

SIZES = {
    "aws_compute_instance_type": "t3.large",
    "aws_database_instance_class": "db.t3.medium",
    "aws_database_allocated_storage_gib": 30,
    "aws_cache_node_type": "cache.t3.small",
}
# Storage never shrinks.
BIG, USUAL = (
    ("t3.large", "db.t3.medium", 30, "cache.t3.small"),
    ("t3.medium", "db.t3.small", 30, "cache.t3.micro"),
)
UP = ("-e", json.dumps(SIZES))
# A quarter of the usual load: it goes on while the service does not.
RATE, STREAMS = 50, 50
# In the order of the procedure.
STEPS = [
    "elasticache:ModifyReplicationGroup 1",
    "rds:ModifyDBInstance 1",
    "ec2:StopInstances 1",
    "ec2:ModifyInstanceAttribute 1",
    "ec2:StartInstances 1",
]


def sizes() -> tuple[str, str, int, str]:
    """Return what AWS says of server, database, storage and cache."""
    # Not those that an earlier drill has terminated.
    ours = [{"Name": "instance-id", "Values": [site.instance()]}]
    [[server]] = [
        one["Instances"] for one in site.aws("ec2").describe_instances(Filters=ours)["Reservations"]
    ]
    [database] = site.aws("rds").describe_db_instances()["DBInstances"]
    [cache] = site.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert server["State"]["Name"] == "running"
    return (
        server["InstanceType"],
        database["DBInstanceClass"],
        database["AllocatedStorage"],
        cache["CacheNodeType"],
    )


def usual() -> None:
    """Scale down again."""
    runbook.play("scale").check()
    assert sizes()[::3] == USUAL[::3]


def result(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_each_part_scales_up_and_down_again(tmp_path: Path, record_property: Any) -> None:
    before, address, written = sizes(), site.public_address(), tmp_path / "result.json"
    told = runbook.play("scale", "--check", *UP).check()
    assert "t3.medium -> t3.large" in told.output
    assert (told.changed, sizes()) == (0, before)
    with load(tmp_path, RATE, STREAMS) as running:
        runbook.play("scale", *UP, "-e", f"procedure_json={written}").check()
    assert sizes() == BIG
    assert site.public_address() == address
    settled(state())
    # What was acknowledged is there, whatever failed meanwhile.
    assert (running.shown["orders_missing"], running.shown["orders_twice"]) == (0, 0)
    measured = result(written)
    assert measured["status"] == "done"
    assert 0 < measured["downtime"] < measured["seconds"]
    record_property("rto", measured["downtime"])
    record_property("failed", running.shown["not_2xx"] + running.shown["lost"])
    record_property("lost", running.shown["orders_missing"])
    record_property("document", "5 to 10 min")
    again = runbook.play("scale", *UP).check()
    assert "Nothing to do" in again.output
    assert again.changed == 0, "\n".join(again.changes)
    usual()


def test_without_capacity_the_old_size_runs(tmp_path: Path, record_property: Any) -> None:
    site.call("PUT", "/local-cloud/capacity", {"refused": ["t3.large"]})
    written = tmp_path / "result.json"
    only = ("-e", "aws_compute_instance_type=t3.large", "-e", f"procedure_json={written}")
    # The module tries to start the server again for some minutes.
    refused = runbook.play("scale", *only)
    site.call("PUT", "/local-cloud/capacity", {"refused": []})
    assert refused.status != 0
    said = " ".join(refused.output.split())
    assert "The server did not start as t3.large, and runs as t3.medium again" in said
    assert "sufficient t3.large capacity" in said
    assert sizes()[0] == "t3.medium"
    assert result(written)["status"] == "stopped"
    settled(state())
    site.play("playbooks/verify.yml").check()
    record_property("rto", result(written)["seconds"])


@pytest.mark.parametrize("offer", ["aws_compute_instance_type=t9.huge", "aws_cache_node_type=cache.t9.huge"])
def test_a_size_that_aws_does_not_offer_is_refused_before_anything(offer: str) -> None:
    before = sizes()
    refused = runbook.play("scale", "-e", offer)
    assert refused.status != 0
    assert "does not offer" in refused.output
    assert sizes() == before


def test_killed_after_each_step_the_next_run_finishes(tmp_path: Path) -> None:
    killer, left, address = kills.Calls(), list(STEPS), site.public_address()
    written, times = tmp_path / "result.json", {}
    # Rotations of other drills have added versions of secrets.
    before = site.inventory_of_resources()
    while left:
        place = killer.kill(left, *runbook.command("scale"), *UP)
        assert place, f"the run has ended without {left}"
        left.remove(place)
        times[place] = time.time()
    runbook.play("scale", *UP, "-e", f"procedure_json={written}").check()
    # The killed runs' time counts: the server was stopped from one of them to another.
    stopped = times["ec2:StartInstances 1"] - times["ec2:StopInstances 1"]
    print(f"down {result(written)['downtime']} s, stopped {stopped:.0f} s")
    assert result(written)["downtime"] > stopped - 10
    assert sizes() == BIG
    assert site.public_address() == address
    assert site.inventory_of_resources() == before
    assert site.parameters(f"/{site.TARGET.name}/procedure") == []
    settled(state())
    site.play("playbooks/verify.yml").check()
    usual()

"""Creations that are slow, and creations that are interrupted."""

from __future__ import annotations

import signal

from tests.e2e import site


def test_slow_creations_overlap() -> None:
    site.fresh_cloud()
    at_once = site.play("site.yml").check()
    site.fresh_cloud(database=60, cache=45, server=30)
    slow = site.play("site.yml").check()
    longer = slow.seconds - at_once.seconds
    print(f"with delays of 60, 45 and 30 s: {slow.seconds:.0f} s, {longer:.0f} s longer")
    assert longer <= 60


def test_a_run_goes_on_while_the_database_of_another_is_being_created() -> None:
    site.fresh_cloud(database=300)
    site.play("playbooks/provision.yml", "--tags", "aws_network,aws_security,aws_database").check()
    for mode in ((), ("--check",)):
        again = site.play("playbooks/provision.yml", "--tags", "aws_database", *mode).check()
        assert again.changed == 0, "\n".join(again.changes)
    [database] = site.aws("rds").describe_db_instances()["DBInstances"]
    assert database["DBInstanceStatus"] == "creating", "the test's delay was too short"


def test_a_killed_run_is_finished_by_the_next() -> None:
    site.fresh_cloud()
    killed = 0
    # While the network, the server, and what is on the server are made; test_deployments.py kills deployments.
    for moment in (12, 30, 70):
        run = site.play("site.yml", timeout=moment)
        if run.status != -signal.SIGKILL:
            run.check()  # a fast machine may be finished before the last moments
            break
        killed += 1
    assert killed >= 2
    site.play("site.yml").check()
    assert site.inventory_of_resources() == {
        "vpcs": 1,
        "servers": 1,
        "addresses": 1,
        "databases": 1,
        "caches": 1,
        "buckets": 1,
        "secrets": {
            "table-order/rds/master": 1,
            "table-order/rds/owner": 1,
            "table-order/app/database": 1,
            "table-order/app/settings": 1,
        },
    }
    assert site.play("site.yml").check().changed == 0

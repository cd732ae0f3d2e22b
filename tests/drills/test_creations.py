"""Creations that are slow; test_runs_killed.py has those that are killed."""

from __future__ import annotations

from tests.e2e import site


def test_a_run_goes_on_while_the_database_of_another_is_being_created() -> None:
    site.fresh_cloud(database=300)
    site.play("playbooks/provision.yml", "--tags", "aws_network,aws_security,aws_database").check()
    for mode in ((), ("--check",)):
        again = site.play("playbooks/provision.yml", "--tags", "aws_database", *mode).check()
        assert again.changed == 0, "\n".join(again.changes)
    [database] = site.aws("rds").describe_db_instances()["DBInstances"]
    assert database["DBInstanceStatus"] == "creating", "the test's delay was too short"


# The last one: it leaves the site on which the other drills are made.
def test_slow_creations_overlap() -> None:
    site.fresh_cloud(database=60, cache=45, server=30)
    slow = site.play("site.yml").check()
    site.fresh_cloud()
    at_once = site.play("site.yml").check()
    longer = slow.seconds - at_once.seconds
    print(f"with delays of 60, 45 and 30 s: {slow.seconds:.0f} s, {longer:.0f} s longer")
    assert longer <= 60

"""Only snapshots that this service's deployments made are removed, the oldest first."""

import pytest

from tests.unit.roles.modules import load

FILTERS = load("filter/aws_database_snapshots.py")
NAME = "table-order-db"
TAGS = {"Project": "table-order", "Environment": "production", "ManagedBy": "ansible"}


def listed(tags):
    return [{"key": key, "value": value} for key, value in tags.items()]


def snapshot(day, **other):
    return {
        "db_snapshot_identifier": f"{NAME}-before-migration-202601{day:02}120000",
        "db_instance_identifier": NAME,
        "snapshot_type": "manual",
        "status": "available",
        "tag_list": listed(TAGS | {"Name": "x"}),
    } | other


def superfluous(snapshots, keep=2):
    return FILTERS.superfluous_snapshots(snapshots, NAME, TAGS, keep)


def test_the_newest_are_kept():
    assert superfluous([snapshot(day) for day in (3, 1, 4, 2)]) == [
        f"{NAME}-before-migration-202601{day}120000" for day in ("02", "01")
    ]


def test_fewer_than_that_are_left_alone():
    assert superfluous([snapshot(1), snapshot(2)]) == []


@pytest.mark.parametrize(
    "foreign",
    [
        {"db_snapshot_identifier": f"{NAME}-before-migration-by-hand"},
        {"db_snapshot_identifier": f"{NAME}-before-migration-20260101120000-copy"},
        {"db_snapshot_identifier": f"{NAME}-final-20260101120000"},
        {"db_snapshot_identifier": f"{NAME}2-before-migration-20260101120000"},
        {"db_instance_identifier": "other-db"},
        {"snapshot_type": "automated"},
        {"tag_list": []},
        {"tag_list": listed(TAGS | {"Environment": "staging"})},
    ],
)
def test_those_of_others_are_never_named(foreign):
    assert superfluous([snapshot(1) | foreign, *[snapshot(day) for day in (2, 3)]], keep=1) == [
        f"{NAME}-before-migration-20260102120000"
    ]


def test_one_that_is_being_made_does_not_push_out_one_that_can_be_restored():
    assert superfluous([snapshot(1), snapshot(2), snapshot(3, status="creating")]) == []


def test_those_that_failed_go():
    assert superfluous([snapshot(1, status="failed"), snapshot(2), snapshot(3)]) == [
        f"{NAME}-before-migration-20260101120000"
    ]


@pytest.mark.parametrize("keep", [0, -1])
def test_the_newest_stays_in_any_case(keep):
    assert superfluous([snapshot(1), snapshot(2)], keep) == [f"{NAME}-before-migration-20260101120000"]

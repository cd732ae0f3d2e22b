"""The advice about sizes: what is read, which measured load asks for which size, and what that changes in the cost."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.filter.right_size import right_size, right_size_metrics, right_size_text
from tests.unit.cost.sample import REGION, resource

GIB = 2**30
WEEK = 7 * 24
# A load for which each size of the default site is right: too much for a smaller one.
FITTING: dict[str, dict[str, float]] = {
    "server": {"cpu": 15, "credits": 300, "memory": 60, "disk": 40},
    "db": {"cpu": 5, "credits": 200, "free": 0.5 * GIB, "connections": 20},
    "redis": {"cpu": 2, "credits": 100, "memory": 30, "evictions": 0},
}


def account(**sizes: str) -> list[dict[str, Any]]:
    """Return the three resources with their ids."""
    found = [
        resource("EC2::VPC", "vpc"),
        resource("EC2::Instance", "server", InstanceType=sizes.get("server", "t3.medium")),
        resource(
            "RDS::DBInstance", "db", DBInstanceClass=sizes.get("db", "db.t3.small"), AllocatedStorage="20"
        ),
        resource(
            "ElastiCache::ReplicationGroup",
            "redis",
            CacheNodeType=sizes.get("redis", "cache.t3.micro"),
            NumCacheClusters="1",
        ),
    ]
    return [one | {"id": f"id-of-{one['name']}"} for one in found]


def measured(hours: int = WEEK, **changed: float | None) -> dict[str, list[list[float]]]:
    """Return metrics of some hours, with other values for those named like server_cpu; None measures nothing."""
    return {
        f"{name} {figure}": [[hour * 3600, changed.get(f"{name}_{figure}", value)] for hour in range(hours)]
        for name, figures in FITTING.items()
        for figure, value in figures.items()
        if changed.get(f"{name}_{figure}", value) is not None
    }


def advice(
    metrics: dict[str, list[list[float]]], region: str = REGION, **sizes: str
) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in right_size(account(**sizes), metrics, region)}


def test_a_load_that_fits_keeps_every_size():
    found = advice(measured())
    assert {(one["advice"], one["to"], one["change_usd"]) for one in found.values()} == {("keep", "", None)}
    assert found["server"]["reasons"] == ["120 % of the memory of t3.small would be used, more than 70 %"]
    assert found["redis"]["reasons"] == ["there is no smaller size of the family"]


def test_less_than_a_week_is_not_enough():
    found = advice(measured(hours=WEEK - 1, server_memory=99))
    assert {one["advice"] for one in found.values()} == {"unknown"}
    assert found["server"]["reasons"] == ["not enough yet: 167 of 168 hours are measured"]
    assert advice({})["db"]["reasons"] == ["not enough yet: 0 of 168 hours are measured"]
    assert "Server server, t3.medium: not enough yet" in right_size_text(list(advice({}).values()))


LARGER = [
    ("server", {"server_cpu": 81.0}, "busy for 81 %", "t3.large", 37.96),
    ("server", {"server_memory": 91.0}, "91 % of the memory", "t3.large", 37.96),
    ("server", {"server_cpu": 20.0, "server_credits": 0.5}, "used up in 168 hours", "t3.large", 37.96),
    ("db", {"db_free": 0.1 * GIB}, "95 % of the memory", "db.t3.medium", 40.88),
    ("redis", {"redis_memory": 81.0}, "81 % of the memory", "cache.t3.small", 17.52),
    ("redis", {"redis_evictions": 2.0}, "336 keys were evicted", "cache.t3.small", 17.52),
]


@pytest.mark.parametrize(("name", "changed", "words", "size", "usd"), LARGER)
def test_what_is_too_small_is_larger_with_its_reason_and_its_money(name, changed, words, size, usd):
    found = advice(measured(**changed))
    assert (found[name]["advice"], found[name]["to"], found[name]["change_usd"]) == ("larger", size, usd)
    assert words in found[name]["reasons"][0]
    assert {one["advice"] for other, one in found.items() if other != name} == {"keep"}


SMALLER = [
    ("server", {"server_memory": 35.0}, {}, "t3.small", -18.98),
    ("db", {"db_free": 1.4 * GIB}, {}, "db.t3.micro", -20.44),
    ("redis", {"redis_memory": 25.0}, {"redis": "cache.t3.small"}, "cache.t3.micro", -17.52),
]


@pytest.mark.parametrize(("name", "changed", "sizes", "size", "usd"), SMALLER)
def test_what_is_too_large_is_smaller_with_its_money(name, changed, sizes, size, usd):
    found = advice(measured(**changed), **sizes)
    assert (found[name]["advice"], found[name]["to"], found[name]["change_usd"]) == ("smaller", size, usd)


QUIET = {"server_memory": 20.0}
NOT_SMALLER = [
    (QUIET | {"server_cpu": 16.5}, "average is above 16 %"),
    (QUIET | {"server_memory": None}, "nothing measured the memory"),
    (QUIET | {"server_memory": 36.0}, "72 % of the memory of t3.small"),
]


@pytest.mark.parametrize(("changed", "words"), NOT_SMALLER)
def test_a_smaller_size_must_have_room_for_everything(changed, words):
    assert advice(measured(**QUIET))["server"]["advice"] == "smaller"
    found = advice(measured(**changed))["server"]
    assert found["advice"] == "keep"
    assert words in found["reasons"][0]


def test_one_busy_hour_keeps_the_size():
    metrics = measured(**QUIET)
    metrics["server cpu"][30][1] = 51.0
    assert advice(metrics)["server"]["reasons"] == ["the busiest hour needs 51 % of the CPU"]


def test_a_new_server_without_credits_and_without_work_is_not_too_small():
    metrics = measured(server_cpu=3.0)
    for hour in metrics["server credits"][:5]:
        hour[1] = 0
    assert advice(metrics)["server"]["advice"] == "keep"


def test_a_full_disk_is_said_beside_the_size():
    found = advice(measured(server_disk=81.0))["server"]
    assert found["advice"] == "keep"
    assert "the disk was 81 % full: raise aws_compute_root_volume_gib" in found["reasons"][-1]


def test_what_the_tables_do_not_have_gets_no_advice():
    assert advice(measured(), server="m7g.large")["server"]["reasons"] == ["the tables do not have m7g.large"]
    found = advice(measured(server_memory=99.0), server="t3.2xlarge")["server"]
    assert (found["advice"], found["reasons"][-1]) == ("keep", "there is no larger size of the family")


@pytest.mark.parametrize("region", ["eu-north-1", "us-east-1"])
def test_another_region_has_no_money(region):
    found = advice(measured(server_memory=95.0), region)["server"]
    assert (found["to"], found["change_usd"]) == ("t3.large", None)


def test_a_spot_server_has_no_money():
    resources = account()
    resources[1]["properties"]["InstanceLifecycle"] = "spot"
    found = right_size(resources, measured(server_memory=95.0), REGION)[0]
    assert (found["to"], found["change_usd"]) == ("t3.large", None)


def test_each_node_of_the_cache_counts():
    resources = account()
    resources[3]["properties"]["NumCacheClusters"] = "2"
    asked = [one for one in right_size_metrics(resources) if one["name"] == "redis memory"]
    assert [one["dimensions"] for one in asked] == [
        {"CacheClusterId": "redis-001"},
        {"CacheClusterId": "redis-002"},
    ]


def test_what_is_read_has_the_names_of_aws():
    asked = {(one["name"], one["namespace"], one["metric"]) for one in right_size_metrics(account(), "Own")}
    assert asked == {
        ("server cpu", "AWS/EC2", "CPUUtilization"),
        ("server credits", "AWS/EC2", "CPUCreditBalance"),
        ("server memory", "Own", "mem_used_percent"),
        ("server disk", "Own", "disk_used_percent"),
        ("db cpu", "AWS/RDS", "CPUUtilization"),
        ("db credits", "AWS/RDS", "CPUCreditBalance"),
        ("db free", "AWS/RDS", "FreeableMemory"),
        ("db connections", "AWS/RDS", "DatabaseConnections"),
        ("redis cpu", "AWS/ElastiCache", "EngineCPUUtilization"),
        ("redis credits", "AWS/ElastiCache", "CPUCreditBalance"),
        ("redis memory", "AWS/ElastiCache", "DatabaseMemoryUsagePercentage"),
        ("redis evictions", "AWS/ElastiCache", "Evictions"),
    }


def test_the_text_fits_and_names_setting_money_and_figures():
    lines = right_size_text(list(advice(measured(server_memory=95.0)).values()), 72)
    assert max(map(len, lines)) <= 72
    shown = " ".join(" ".join(lines).split())
    assert (
        "Server server, t3.medium: larger, t3.large (aws_compute_instance_type), +37.96 USD a month" in shown
    )
    assert "95 % of the memory was used, more than 90 %." in shown
    assert (
        "In 168 hours: CPU on average 15 %, in its busiest hour 15 %, CPU credits at least 300, memory at most 95 %"
        in shown
    )
    assert right_size_text([]) == ["There is no server, database or cache."]

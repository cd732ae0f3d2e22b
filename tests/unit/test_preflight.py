"""What AWS refuses is found in the settings, and each sentence names the setting and its value."""

import importlib.util
from pathlib import Path

import pytest

from tests.unit.tasks import ROOT, load

SPEC = importlib.util.spec_from_file_location(
    "preflight", Path(__file__).parents[2] / "plugins/filter/preflight.py"
)
preflight = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(preflight)

ZONES = ["ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c", "ap-northeast-2d"]
SEED = [
    {"name": "public", "cidr": "10.0.1.0/24", "zone": "ap-northeast-2a", "public": True},
    {"name": "private", "cidr": "10.0.2.0/24", "zone": "ap-northeast-2a", "public": False},
    {"name": "private-b", "cidr": "10.0.3.0/24", "zone": "ap-northeast-2c", "public": False},
]


def changed(index, **values):
    return [{**subnet, **(values if i == index else {})} for i, subnet in enumerate(SEED)]


def test_the_projects_network_is_accepted():
    assert preflight.subnet_problems(SEED, "10.0.0.0/16", ZONES) == []


@pytest.mark.parametrize(
    ("subnets", "vpc", "named"),
    [
        (SEED, "10.0.0.0/8", "10.0.0.0/8"),
        (SEED, "10.0.0.1/16", "10.0.0.1/16"),
        (SEED, "nonsense", "nonsense"),
        (changed(1, cidr="10.1.2.0/24"), "10.0.0.0/16", "10.1.2.0/24"),
        (changed(1, cidr="10.0.1.128/25"), "10.0.0.0/16", "overlaps"),
        (changed(1, cidr="10.0.2.5/24"), "10.0.0.0/16", "10.0.2.5/24"),
        (changed(1, zone="us-east-1a"), "10.0.0.0/16", "us-east-1a"),
        (changed(1, zone="ap-northeast-2z"), "10.0.0.0/16", "ap-northeast-2z"),
        (SEED[:2], "10.0.0.0/16", "two zones"),
        (changed(0, public=False), "10.0.0.0/16", "public: true"),
    ],
)
def test_refused_networks(subnets, vpc, named):
    problems = preflight.subnet_problems(subnets, vpc, ZONES)
    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize("ranges", [["203.0.113.7/32"], ["203.0.113.0/24", "198.51.100.9/32"]])
def test_accepted_ssh_ranges(ranges):
    assert preflight.ssh_range_problems(ranges, "ssh") == []


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        "",
        None,
        "203.0.113.7/32",
        ["0.0.0.0/0"],
        ["203.0.113.5/24"],
        ["10.0.0.0/8"],
        ["[Your IP]/32"],
        ["203.0.113.7"],
    ],
)
def test_refused_ssh_ranges(ranges):
    problems = preflight.ssh_range_problems(ranges, "aws_security_ssh_cidrs")
    assert problems
    assert "aws_security_ssh_cidrs" in problems[0]


@pytest.mark.parametrize("name", ["tableorder_admin", "tableorder", "postgres", "a"])
def test_accepted_database_users(name):
    assert preflight.database_user_problems(name, "user") == []


@pytest.mark.parametrize(
    "name", ["admin", "rdsadmin", "pg_monitor", "1st", "Admin", "a" * 17, "", None, "x;drop", "한글"]
)
def test_refused_database_users(name):
    assert f"user is '{name}'" in preflight.database_user_problems(name, "user")[0]


@pytest.mark.parametrize("name", ["db", "user", "", "9lives", "table-order", "x" * 64])
def test_refused_database_names(name):
    assert preflight.database_name_problems(name, "name")


def test_accepted_database_name():
    assert preflight.database_name_problems("tableorder", "name") == []


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("03:00-04:00", "Mon:04:00-Mon:05:00"),
        ("23:30-00:30", "sun:02:00-sun:03:00"),
        ("05:00-06:00", "mon:04:00-mon:05:00"),
    ],
)
def test_accepted_windows(backup, maintenance):
    assert preflight.window_problems(backup, maintenance) == []


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("03:00-04:30", "Mon:04:00-Mon:05:00"),
        ("23:30-00:30", "Sun:00:00-Sun:01:00"),
        ("00:00-01:00", "Sat:23:30-Sun:00:30"),
        ("03:00-03:20", "Mon:04:00-Mon:05:00"),
        ("3-4", "Mon:04:00-Mon:05:00"),
        ("03:00-04:00", "Monday 04:00"),
        ("03:00-04:00", "Mon:04:00-Mon:04:10"),
        ("25:00-26:00", "Mon:04:00-Mon:05:00"),
    ],
)
def test_refused_windows(backup, maintenance):
    assert preflight.window_problems(backup, maintenance)


ONE_NODE = {"nodes": 1, "zones": ["ap-northeast-2a"], "port": 6379, "snapshot_days": 0}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"nodes": "1", "port": "6380"},
        {"nodes": 2, "zones": ["ap-northeast-2a", "ap-northeast-2c"], "snapshot_days": 35},
    ],
)
def test_accepted_caches(other):
    assert preflight.cache_problems(**ONE_NODE | other, usable=ZONES) == []


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"nodes": 0}, "aws_cache_nodes is 0"),
        ({"nodes": 7}, "aws_cache_nodes is 7"),
        ({"nodes": True}, "aws_cache_nodes is True"),
        ({"nodes": 2}, "Set one zone for each node"),
        ({"port": 0}, "aws_cache_port is 0. ElastiCache accepts 1 to 65535."),
        ({"port": 65536}, "aws_cache_port is 65536"),
        ({"port": "redis; reboot"}, "aws_cache_port is 'redis; reboot'"),
        ({"port": None}, "aws_cache_port is None"),
        ({"snapshot_days": 36}, "aws_cache_snapshot_retention_days is 36"),
        ({"zones": ["us-east-1a"]}, "aws_cache_zones is ['us-east-1a']"),
        ({"zones": "ap-northeast-2a"}, "aws_cache_zones is 'ap-northeast-2a'"),
        ({"zones": None}, "aws_cache_zones is None"),
    ],
)  # fmt: skip
def test_refused_caches(other, named):
    assert named in " ".join(preflight.cache_problems(**ONE_NODE | other, usable=ZONES))


@pytest.mark.parametrize("name", ["table-order-menu-images-123456789012", "a1b"])
def test_accepted_buckets(name):
    assert preflight.bucket_name_problems(name, "bucket") == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        None,
        "ab",
        "a" * 64,
        "Table",
        "a_b",
        "a.b.c",
        "-ab",
        "ab-",
        "xn--a",
        "ab-s3alias",
        "../etc",
        "a b",
        "a\n",
        "주문",
        "a$(id)",
    ],
)
def test_refused_buckets(name):
    (problem,) = preflight.bucket_name_problems(name, "aws_storage_bucket_name")
    assert f"aws_storage_bucket_name is '{name}'" in problem


@pytest.mark.parametrize("days", [6, 0, "7", None])
def test_refused_retention(days):
    assert preflight.retention_problems(days, "days")


def test_accepted_retention():
    assert preflight.retention_problems(7, "days") == []


def test_unknown_settings_are_refused_with_the_nearest_name():
    problems = preflight.unknown_settings(
        ["aws_network_vpc_cdir", "aws_network_tags"],
        ["aws_network_vpc_cidr", "aws_network_tags"],
        "aws_network_",
    )
    assert problems == [
        "aws_network_vpc_cdir is not a setting of this role. Did you mean aws_network_vpc_cidr?"
    ]


THERE = [{"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/16"}]
SUBNET = {"id": "subnet-1", "cidr_block": "10.0.1.0/24", "tags": {"Name": "public"}}


@pytest.mark.parametrize(
    ("vpc_cidr", "subnet_cidr", "words"),
    [
        ("10.0.0.0/16", "10.0.1.0/24", ""),
        ("10.1.0.0/16", "10.0.1.0/24", "aws_network_vpc_cidr is '10.1.0.0/16', and vpc-1 has 10.0.0.0/16."),
        ("10.0.0.0/16", "10.0.9.0/24", "'public' has cidr '10.0.9.0/24', and subnet-1 has 10.0.1.0/24."),
    ],
)
def test_a_network_that_is_there_keeps_its_ranges(vpc_cidr, subnet_cidr, words):
    """Another range would make a second network of the same name, after which nothing finds the right one."""
    wanted = [{"name": "public", "cidr": subnet_cidr}]
    foreign = {"id": "subnet-2", "cidr_block": "10.0.200.0/24"}
    said = preflight.range_problems(THERE, [SUBNET, foreign], vpc_cidr, wanted)
    assert words in " ".join(said)
    assert len(said) == bool(words)
    assert preflight.range_problems([], [], vpc_cidr, wanted) == []


def test_it_is_asked_before_anything_is_made():
    order = [task["ansible.builtin.import_tasks"] for task in load(ROOT / "roles/aws_network/tasks/main.yml")]
    assert order.index("discover.yml") < order.index("vpc.yml")

"""recover_server.yml and recover_cache.yml: they replace nothing that runs, and check mode says what they would do."""

import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.roles.cloud_runs import ROOT, Run, make_inventory, run_playbook
from tests.unit.tasks import load
from tests.unit.test_settings_wired import trusted

CONFIRMED = ("-e", "table_order_confirm=table-order")
NAME = "table-order-app-server"
RECORD = {
    "release": "0123456789ab-cdef01",
    "source": {
        "type": "git",
        "url": "https://git.example/table-order.git",
        "version": "main",
        "commit": "f" * 40,
    },
    "ahead": [],
}


@pytest.fixture
def server(ec2):
    """A running server, and nothing else of the service."""
    tags = [{"Key": "Name", "Value": NAME}, {"Key": "Environment", "Value": "local"}]
    made = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    instance = made["Instances"][0]["InstanceId"]
    yield instance
    ec2.terminate_instances(InstanceIds=[instance])


@pytest.fixture
def cache(client):
    """A cache that serves."""
    client("elasticache").create_replication_group(
        ReplicationGroupId="table-order-redis",
        ReplicationGroupDescription="d",
        Engine="redis",
        CacheNodeType="cache.t3.micro",
        NumCacheClusters=1,
    )
    yield "table-order-redis"
    client("elasticache").delete_replication_group(ReplicationGroupId="table-order-redis")


def recover(directory, url, what, *options) -> Run:
    inventory = make_inventory(directory, url, aws_security_ssh_cidrs=["203.0.113.7/32"])
    return run_playbook(ROOT / f"playbooks/recover_{what}.yml", inventory, *options)


def made(ec2, client) -> tuple[set[str], set[str]]:
    """Servers, and parameters: locks and records."""
    reservations = ec2.describe_instances()["Reservations"]
    pages = (
        client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/table-order", Recursive=True)
    )
    return (
        {one["InstanceId"] for reservation in reservations for one in reservation["Instances"]},
        {one["Name"] for page in pages for one in page["Parameters"]},
    )


@pytest.mark.parametrize("named", ["", "i-0123456789abcdef0"])
def test_a_server_that_runs_is_replaced_only_by_its_id(tmp_path, url, ec2, client, server, named):
    before = made(ec2, client)
    options = ("-e", f"recover_server_replace={named}") if named else ()
    run = recover(tmp_path, url, "server", *CONFIRMED, *options)
    assert run.status != 0
    assert (
        f"To replace a broken server by a new one, and to delete its disk: -e recover_server_replace={server}"
        in (" ".join(run.messages.split()))
    ), run.output[-3000:]
    assert made(ec2, client) == before


def test_a_cache_that_serves_is_not_replaced(tmp_path, url, ec2, client, cache):
    before = made(ec2, client)
    run = recover(tmp_path, url, "cache", *CONFIRMED)
    assert run.status != 0
    assert f"The cache {cache} is available: nothing is missing." in " ".join(run.messages.split()), (
        run.output[-3000:]
    )
    assert made(ec2, client) == before


def test_check_mode_names_the_recorded_release_and_makes_nothing(tmp_path, url, ec2, client):
    ssm = client("ssm")
    ssm.put_parameter(Name="/table-order/release", Type="String", Value=json.dumps(RECORD))
    before = made(ec2, client)
    run = recover(tmp_path, url, "server", "--check")
    after = made(ec2, client)
    ssm.delete_parameter(Name="/table-order/release")
    assert run.status == 0, run.output[-3000:]
    assert (
        "deploys the release that was live, 0123456789ab-cdef01, from https://git.example/table-order.git"
        in run.messages
    )
    assert f"creates the server {NAME} (t3.medium, debian_12)" in run.messages
    assert after == before


def source(live: dict, inventory: dict) -> dict:
    """Return fastapi_app_source as recover_server.yml sets it for a deployment, with what the account and the inventory say."""
    [play] = [
        one
        for one in load(ROOT / "playbooks/recover_server.yml")
        if one["name"] == "Choose the release to deploy"
    ]
    [task] = [one for one in play["tasks"] if "ansible.builtin.set_fact" in one]
    values = trusted(play["vars"] | task["vars"]) | {
        "hostvars": {"account": {"__recovery": {"live": {"release": "0123456789ab-cdef01", "source": live}}}},
        "fastapi_app_source": inventory,
    }
    wanted = trusted(task["ansible.builtin.set_fact"]["recover_server_source"])
    return Templar(loader=DataLoader(), variables=values).template(wanted)


SUM = "e" * 64
GIT = {"type": "git", "url": "https://git.example/a.git", "version": "main", "commit": "f" * 40}
WANTED_GIT = {"type": "git", "url": GIT["url"], "version": GIT["commit"]}


@pytest.mark.parametrize(
    ("live", "inventory", "expected"),
    [
        (
            GIT,
            {"type": "git", "url": "x", "version": "v2", "submodules": True},
            WANTED_GIT | {"submodules": True},
        ),
        (GIT, {"type": "local", "path": "/here"}, WANTED_GIT),
        (
            {"type": "archive", "path": "https://files.example/a.tar.gz", "sha256": SUM},
            {"type": "archive", "url": "https://files.example/b.tar.gz", "sha256": "0" * 64, "strip": 1},
            {"type": "archive", "url": "https://files.example/a.tar.gz", "sha256": SUM, "strip": 1},
        ),
        (
            {"type": "archive", "path": "/srv/a.tar.gz", "sha256": SUM},
            {"type": "git", "url": "x", "version": "v2"},
            {"type": "archive", "path": "/srv/a.tar.gz", "sha256": SUM},
        ),
        (
            {"type": "local", "path": "/elsewhere", "sha256": SUM},
            {"type": "local", "path": "/here"},
            {"type": "local", "path": "/here"},
        ),
        ({"type": "local", "path": "/elsewhere", "sha256": SUM}, {}, {"type": "local", "path": "/elsewhere"}),
    ],
)
def test_what_is_deployed_is_the_recorded_source_with_the_inventorys_way_to_unpack_it(
    live, inventory, expected
):
    assert source(live, inventory) == expected

"""A local cloud starts empty, ends empty, and leaves its neighbours alone."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from local_cloud.shims.ec2 import DEBIAN_AMI
from tests.cloud.conftest import ROOT, LocalCloud, wait_for


@pytest.fixture
def neighbour(tmp_path):
    """A second cloud beside the session's."""
    cloud = LocalCloud(
        tmp_path,
        name="cloud-test-b",
        container_prefix="table-order-ctb",
        loopback_range="127.0.57.0/24",
        port=5057,
    )
    yield cloud
    cloud.command("stop")


def launch(cloud):
    """A VPC with one running server in it."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.57.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.57.1.0/24")["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.run_instances(ImageId=DEBIAN_AMI, MinCount=1, MaxCount=1, InstanceType="t3.medium", SubnetId=subnet)

    def running():
        found = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
        return found["Reservations"]

    wait_for(running)


def test_killed_cloud_is_cleared_away_at_the_next_start(neighbour):
    assert neighbour.command("start").returncode == 0
    assert "already running" in neighbour.command("start").stdout
    launch(neighbour)
    os.kill(neighbour.pid, signal.SIGKILL)
    assert all(neighbour.leftovers().values())
    assert neighbour.command("status").returncode == 3

    restarted = neighbour.command("start")
    assert restarted.returncode == 0, restarted.stderr
    assert "left behind by the last run" in restarted.stdout
    assert not any(neighbour.leftovers().values())
    assert not neighbour.client("ec2").describe_instances()["Reservations"]


def test_stop_leaves_nothing_even_after_a_kill(neighbour):
    neighbour.command("start")
    launch(neighbour)
    os.kill(neighbour.pid, signal.SIGKILL)
    stopped = neighbour.command("stop")
    assert stopped.returncode == 0
    assert "removed containers" in stopped.stdout
    assert not any(neighbour.leftovers().values())


def test_another_checkout_does_not_stop_it(neighbour, tmp_path):
    neighbour.command("start")
    launch(neighbour)
    before = neighbour.leftovers()
    shutil.copytree(ROOT / "local_cloud", tmp_path / "checkout/local_cloud")
    command = [sys.executable, "-m", "local_cloud", "stop", "--settings", str(neighbour.file)]
    refused = subprocess.run(
        command, cwd=tmp_path / "checkout", capture_output=True, text=True, timeout=60, check=False
    )
    assert "started from another checkout" in refused.stdout
    assert neighbour.leftovers() == before


def test_neighbours_do_not_disturb_each_other(cloud, vpc, neighbour):
    before = cloud.leftovers()
    neighbour.command("start")
    launch(neighbour)
    assert any(neighbour.leftovers().values())
    neighbour.command("stop")
    assert cloud.leftovers() == before
    cloud.client("ec2").describe_vpcs(VpcIds=[vpc["vpc"]])


def test_other_settings_are_not_taken_for_the_same_cloud(cloud, neighbour, tmp_path):
    neighbour.command("start")
    changed = LocalCloud(tmp_path, **neighbour.settings | {"loopback_range": "127.0.58.0/24"})
    refused = changed.command("start")
    assert refused.returncode == 1
    assert "127.0.57.0/24 -> 127.0.58.0/24" in refused.stderr
    LocalCloud(tmp_path, **neighbour.settings)
    taken = LocalCloud(tmp_path, name="cloud-test-c", container_prefix="table-order-ctc", port=5056)
    assert "belongs to the local cloud cloud-test" in taken.command("start").stderr


def test_reset_removes_the_backings_too(neighbour):
    import urllib.request

    neighbour.command("start")
    launch(neighbour)
    call = urllib.request.Request(f"{neighbour.url}/moto-api/reset", method="POST")
    urllib.request.urlopen(call, timeout=60).close()
    assert not any(neighbour.leftovers().values())
    launch(neighbour)

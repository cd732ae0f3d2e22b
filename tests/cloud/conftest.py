"""A local cloud of the tests' own, with real containers: needs root, podman and the images.

It has its own port, prefix, loopback range and VPC CIDR, so that it can run beside a site.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGION = "ap-northeast-2"
SETTINGS = {
    "name": "cloud-test",
    "container_prefix": "table-order-ct",
    "loopback_range": "127.0.56.0/24",
    "port": 5056,
    # The latest restorable time is the present, and changes begin at once.
    "delays": {"log": 0, "reaction": 0},
}
VPC_RANGE = "10.56.0.0/16"


def pytest_configure(config):
    config.addinivalue_line("markers", "containers: needs root, podman and the images of images/build")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("containers")


def what_is_missing():
    """What keeps these tests from running, with the fix; empty when nothing does."""
    if os.geteuid() != 0:
        return (
            'the local cloud changes firewall rules: run "make local-cloud", which uses sudo, or become root'
        )
    missing = [program for program in ("podman", "iptables") if not shutil.which(program)]
    return f"{' and '.join(missing)} missing: scripts/setup --local brings what is needed" if missing else ""


@pytest.fixture(scope="session", autouse=True)
def _able():
    """Fail instead of a skip: tests that only root runs must not go unnoticed."""
    if missing := what_is_missing():
        pytest.fail(missing)


class LocalCloud:
    """A local cloud driven through its command line and its API."""

    def __init__(self, directory, **settings):
        self.settings = settings
        self.file = directory / f"{settings['name']}.yml"
        self.file.write_text(yaml.safe_dump({"local_cloud": settings}))
        self.url = f"http://127.0.0.1:{settings['port']}"

    def command(self, word):
        arguments = [sys.executable, "-m", "local_cloud", word, "--settings", str(self.file)]
        return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @property
    def pid(self):
        return int((ROOT / ".state" / self.settings["name"] / "cloud" / "lock").read_text())

    def leftovers(self):
        """What is on the host in this cloud's name."""
        prefix = self.settings["container_prefix"] + "-"
        containers = podman("ps", "--all", "--format", "{{.Names}}").split()
        networks = podman("network", "ls", "--format", "{{.Name}}").split()
        rules = subprocess.run(
            ["iptables-save", "-t", "nat"], capture_output=True, text=True, check=True
        ).stdout
        return {
            "containers": [name for name in containers if name.startswith(prefix)],
            "networks": [name for name in networks if name.startswith(prefix)],
            "rules": [line for line in rules.splitlines() if prefix in line],
        }


def podman(*arguments, check=True):
    from local_cloud.settings import container_environment

    done = subprocess.run(
        ["podman", *arguments], capture_output=True, text=True, env=container_environment(), check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout if check else done.stdout + done.stderr


def wait_for(question, seconds=60):
    """Ask until the answer is true; returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    pytest.fail(f"waited {seconds} s in vain")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), **SETTINGS)
    cloud.command("stop")
    started = cloud.command("start")
    assert started.returncode == 0, started.stderr
    yield cloud
    stopped = cloud.command("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert not any(cloud.leftovers().values())


@pytest.fixture(scope="session")
def vpc(cloud):
    """A VPC with a public and two private subnets, and a security group: their ids by name."""
    ec2 = cloud.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock=VPC_RANGE)["Vpc"]["VpcId"]

    def subnet(number, zone):
        arguments = {"CidrBlock": f"10.56.{number}.0/24", "AvailabilityZone": f"{REGION}{zone}"}
        return ec2.create_subnet(VpcId=vpc_id, **arguments)["Subnet"]["SubnetId"]

    public = subnet(1, "a")
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    group = ec2.create_security_group(GroupName="all", Description="all", VpcId=vpc_id)["GroupId"]
    return {
        "vpc": vpc_id,
        "public": public,
        "private": [subnet(2, "a"), subnet(3, "c")],
        "group": group,
        "network": f"{SETTINGS['container_prefix']}-{vpc_id}",
    }


@pytest.fixture(scope="session")
def key(cloud, tmp_path_factory):
    """An SSH key pair that the cloud knows as "test"; the private key's path."""
    path = tmp_path_factory.mktemp("ssh") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    material = path.with_suffix(".pub").read_bytes()
    cloud.client("ec2").import_key_pair(KeyName="test", PublicKeyMaterial=material)
    return path


@pytest.fixture(scope="session")
def ssh(key):
    """Run a command on the server at an address; returns what it prints."""

    def run(address, command):
        options = ["-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        options += ["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5"]
        done = subprocess.run(
            ["ssh", *options, f"admin@{address}", command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    return run


@pytest.fixture(scope="session")
def inside(cloud, vpc):
    """Run a command in a container of the VPC with psql, redis-cli and the CA's certificate."""
    name = f"{SETTINGS['container_prefix']}-client"
    image = "localhost/table-order/debian12-data:latest"
    label = f"table-order.cloud={SETTINGS['container_prefix']}"
    options = [
        "--detach",
        "--name",
        name,
        "--label",
        label,
        f"--network={vpc['network']}",
        "--ip=10.56.255.9",
    ]
    podman("run", *options, image, "sleep", "infinity")
    gateway = f"10.56.0.1:{SETTINGS['port']}"
    # The image has no curl: bash speaks enough HTTP.
    script = (
        f"exec 3<>/dev/tcp/{gateway.replace(':', '/')}; "
        "printf 'GET /local-cloud/database-ca.pem HTTP/1.0\\r\\n\\r\\n' >&3; "
        "sed -n '/BEGIN/,/END/p' <&3 > /ca.pem"
    )
    podman("exec", name, "bash", "-c", script)

    def run(*command):
        return podman("exec", name, *command, check=False).strip()

    yield run
    with contextlib.suppress(AssertionError):
        podman("rm", "--force", "--time", "0", name)

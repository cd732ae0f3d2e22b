"""moto's server with the shims, in this process: no root, no podman, a few milliseconds for a call."""

import ipaddress
import os

import boto3
import pytest
from botocore.exceptions import ClientError

for variable in [name for name in os.environ if name.startswith(("AWS_", "BOTO", "EC2_", "MOTO_"))]:
    del os.environ[variable]

import local_cloud.shims  # noqa: E402, F401 - imported for its effect on moto
from local_cloud.cloud import Cloud  # noqa: E402
from local_cloud.server import Application, Listeners  # noqa: E402
from local_cloud.settings import Settings  # noqa: E402

REGION = "ap-northeast-2"


class NoPodman:
    """Stands where podman would be: there is nothing to remove."""

    label = "none"

    def remove_everything(self):
        return []


class NoFirewall:
    """Stands where iptables would be."""

    def apply(self, bridges, public):
        self.applied = (bridges, public)

    def remove(self):
        return False


@pytest.fixture(scope="session")
def cloud():
    settings = Settings("unit", "unit", ipaddress.IPv4Network("127.0.99.0/24"), port=0)
    cloud = Cloud(settings, podman=NoPodman())
    cloud.network.firewall = NoFirewall()
    return cloud


@pytest.fixture(scope="session")
def url(cloud):
    listeners = Listeners(Application(cloud, lambda _address: None), port=0)
    return f"http://127.0.0.1:{listeners.servers['127.0.0.1'].port}"


@pytest.fixture(scope="session")
def client(url):
    def make(service, region=REGION):
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="unit",
            aws_secret_access_key="unit",
        )

    return make


@pytest.fixture(scope="session")
def ec2(client):
    return client("ec2")


@pytest.fixture(scope="session")
def refused():
    """Call something and return AWS's error as "Code: message"."""

    def call(function, **arguments):
        with pytest.raises(ClientError) as caught:
            function(**arguments)
        error = caught.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"

    return call


@pytest.fixture(scope="module")
def vpc(ec2):
    """A VPC with one subnet in each of two zones, and a security group: their ids by name."""
    vpc_id = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]

    def subnet(number, zone):
        return ec2.create_subnet(
            VpcId=vpc_id, CidrBlock=f"10.99.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]

    public = subnet(1, "a")
    ec2.modify_subnet_attribute(SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    group = ec2.create_security_group(GroupName="shared", Description="shared", VpcId=vpc_id)["GroupId"]
    return {"vpc": vpc_id, "a": public, "c": subnet(2, "c"), "group": group}

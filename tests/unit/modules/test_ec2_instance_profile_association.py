"""An instance profile that was made again under its name is put back on the server, as one that is missing or another is put on."""

import contextlib
import importlib.util
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local_cloud.shims.ec2 import DEBIAN_AMI
from tests.unit.local_cloud.conftest import REGION, client, cloud, ec2, url, vpc
from tests.unit.roles.modules import run

__all__ = ["client", "cloud", "ec2", "url", "vpc"]
SPEC = importlib.util.spec_from_file_location(
    "ec2_instance_profile_association",
    Path(__file__).parents[3] / "plugins/modules/ec2_instance_profile_association.py",
)
association = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(association)
NAME = "table-order-role"


@pytest.fixture
def iam(client):
    """IAM with the profile, and without it afterwards."""
    iam = client("iam")
    iam.create_instance_profile(InstanceProfileName=NAME)
    yield iam
    with contextlib.suppress(ClientError):  # the test may have removed it
        iam.delete_instance_profile(InstanceProfileName=NAME)


@pytest.fixture
def server(ec2, iam, vpc):
    """A server with the profile."""
    (instance,) = ec2.run_instances(
        ImageId=DEBIAN_AMI,
        MinCount=1,
        MaxCount=1,
        SubnetId=vpc["a"],
        IamInstanceProfile={"Name": NAME},
    )["Instances"]
    yield instance["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])


@pytest.fixture
def associate(url, capsys, server):
    """A function that runs the module on the server."""
    cloud = {"endpoint_url": url, "region": REGION, "access_key": "nobody", "secret_key": "nobody"}

    def run_module(check=False, name=NAME):
        return run(association, capsys, check=check, instance_id=server, instance_profile=name, **cloud)

    return run_module


def made_again(iam):
    """Make the profile again and return its id."""
    iam.delete_instance_profile(InstanceProfileName=NAME)
    return iam.create_instance_profile(InstanceProfileName=NAME)["InstanceProfile"]["InstanceProfileId"]


def held(ec2, server):
    """Return the id of the profile that the server has; empty when it has none."""
    found = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [server]}]
    )["IamInstanceProfileAssociations"]
    return "".join(one["IamInstanceProfile"]["Id"] for one in found)


def test_the_profile_that_is_there_stays(associate, ec2, server):
    before = held(ec2, server)
    result = associate()
    assert (result["changed"], result["instance_profile_id"]) == (False, before)


def test_one_made_again_is_put_back(associate, ec2, iam, server):
    before, again = held(ec2, server), made_again(iam)
    assert held(ec2, server) == before != again
    result = associate()
    assert result["changed"]
    assert result["diff"] == {
        "before": {"instance_profile_id": before},
        "after": {"instance_profile_id": again},
    }
    assert held(ec2, server) == again
    assert not associate()["changed"]


def test_a_server_without_one_gets_it(associate, ec2, server):
    (one,) = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [server]}]
    )["IamInstanceProfileAssociations"]
    ec2.disassociate_iam_instance_profile(AssociationId=one["AssociationId"])
    assert associate()["changed"]
    assert held(ec2, server)


def test_check_mode_says_it_and_writes_nothing(associate, ec2, iam, server):
    before, again = held(ec2, server), made_again(iam)
    result = associate(check=True)
    assert (result["changed"], result["instance_profile_id"]) == (True, again)
    assert held(ec2, server) == before


def test_one_that_is_gone_is_made_by_the_run_in_check_mode_and_an_error_otherwise(associate, iam):
    iam.delete_instance_profile(InstanceProfileName=NAME)
    assert associate(check=True)["changed"]
    result = associate()
    assert result["failed"]
    assert result["msg"].startswith(f"The instance profile {NAME} cannot be associated with i-")
    # What the role waits for.
    assert "instance profile" in result["error"]["message"].lower()

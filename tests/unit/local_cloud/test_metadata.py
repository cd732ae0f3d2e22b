"""The metadata service: tokens, what it tells, and credentials that the API knows."""

import json

import boto3
import pytest
from moto.ec2.models import ec2_backends

from local_cloud.metadata import Metadata
from local_cloud.shims.ec2 import DEBIAN_AMI

TTL = "HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS"
TOKEN = "HTTP_X_AWS_EC2_METADATA_TOKEN"


@pytest.fixture
def instance(client, ec2, vpc):
    iam = client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    if not any(one["RoleName"] == "server" for one in iam.list_roles()["Roles"]):
        iam.create_role(RoleName="server", AssumeRolePolicyDocument=document)
        iam.create_instance_profile(InstanceProfileName="server")
        iam.add_role_to_instance_profile(InstanceProfileName="server", RoleName="server")
    launched = ec2.run_instances(
        ImageId=DEBIAN_AMI,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.medium",
        SubnetId=vpc["a"],
        IamInstanceProfile={"Name": "server"},
        UserData="#!/bin/sh\ntrue\n",
    )["Instances"][0]
    yield ec2_backends["123456789012"]["ap-northeast-2"].get_instance(launched["InstanceId"])
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


@pytest.fixture
def ask(cloud, instance):
    """Ask the service as the instance; returns (status, text)."""
    known = {instance.private_ip: instance}
    metadata = Metadata(cloud, known.get)

    def call(path, method="GET", address=instance.private_ip, **headers):
        environ = {"REMOTE_ADDR": address, "REQUEST_METHOD": method, "PATH_INFO": path, **headers}
        answer = metadata.answer(environ)
        return answer.status, answer.body.decode()

    return call


@pytest.fixture
def read(ask):
    """Read a path with a token."""
    _, token = ask("/latest/api/token", "PUT", **{TTL: "60"})
    return lambda path: ask(f"/latest/{path}", **{TOKEN: token})


def test_token_is_required(ask, instance):
    assert ask("/latest/meta-data/")[0] == 401
    assert ask("/latest/meta-data/", **{TOKEN: "made-up"})[0] == 401
    instance.metadata_options.http_tokens = "optional"
    assert ask("/latest/meta-data/")[0] == 200
    assert ask("/latest/meta-data/", **{TOKEN: "made-up"})[0] == 401
    instance.metadata_options.http_endpoint = "disabled"
    assert ask("/latest/meta-data/")[0] == 403


@pytest.mark.parametrize("ttl", ["", "0", "21601", "soon"])
def test_token_lives_between_a_second_and_six_hours(ask, ttl):
    assert ask("/latest/api/token", "PUT", **{TTL: ttl})[0] == 400


def test_token_is_not_given_through_a_proxy(ask):
    assert ask("/latest/api/token", "PUT", HTTP_X_FORWARDED_FOR="10.0.0.9", **{TTL: "60"})[0] == 403


def test_strangers_learn_nothing(ask):
    assert ask("/latest/api/token", "PUT", address="10.99.1.250", **{TTL: "60"})[0] == 404


def test_it_tells_what_aws_tells(read, instance):
    assert read("meta-data/instance-id") == (200, instance.id)
    assert read("meta-data/instance-type") == (200, "t3.medium")
    assert read("meta-data/placement/region") == (200, "ap-northeast-2")
    assert read("meta-data/local-ipv4") == (200, instance.private_ip)
    assert read("meta-data/public-ipv4") == (200, instance.public_ip)
    assert read("meta-data/placement/") == (200, "availability-zone\nregion")
    assert "iam/" in read("meta-data/")[1].splitlines()
    assert json.loads(read("dynamic/instance-identity/document")[1])["instanceId"] == instance.id
    assert read("user-data") == (200, "#!/bin/sh\ntrue\n")
    assert read("meta-data/tags")[0] == 404


def test_credentials_are_the_roles(read, url):
    assert read("meta-data/iam/security-credentials/") == (200, "server")
    credentials = json.loads(read("meta-data/iam/security-credentials/server")[1])
    assert credentials == json.loads(read("meta-data/iam/security-credentials/server")[1])
    caller = boto3.client(
        "sts",
        endpoint_url=url,
        region_name="ap-northeast-2",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["Token"],
    ).get_caller_identity()
    assert ":assumed-role/server/i-" in caller["Arn"]


def test_a_profile_that_was_made_again_gives_no_credentials_until_it_is_put_back(client, ec2, instance, read):
    iam, name = client("iam"), {"InstanceProfileName": "server"}
    iam.remove_role_from_instance_profile(RoleName="server", **name)
    iam.delete_instance_profile(**name)
    again = iam.create_instance_profile(**name)["InstanceProfile"]["InstanceProfileId"]
    iam.add_role_to_instance_profile(RoleName="server", **name)
    shown = ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
    assert shown["IamInstanceProfile"]["Id"] != again
    assert read("meta-data/iam/security-credentials/")[0] == 404
    (association,) = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance.id]}]
    )["IamInstanceProfileAssociations"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=association["AssociationId"], IamInstanceProfile={"Name": "server"}
    )
    shown = ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
    assert shown["IamInstanceProfile"]["Id"] == again
    assert read("meta-data/iam/security-credentials/") == (200, "server")

import json

import boto3
import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


@pytest.fixture
def guarded(client):
    """A bucket that only the role "guarded-server" and the account's root may write to."""
    iam, s3 = client("iam"), client("s3")
    for role in ("guarded-server", "other"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    account = client("sts").get_caller_identity()["Account"]
    s3.create_bucket(Bucket="guarded", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    allowed = [f"arn:aws:iam::{account}:role/guarded-server", f"arn:aws:iam::{account}:root"]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": "arn:aws:s3:::guarded/*",
    }
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            deny | {"Condition": {"ArnNotLike": {"aws:PrincipalArn": allowed}}},
            deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ],
    }
    s3.put_bucket_policy(Bucket="guarded", Policy=json.dumps(policy))
    yield
    for item in s3.list_objects_v2(Bucket="guarded").get("Contents", []):
        s3.delete_object(Bucket="guarded", Key=item["Key"])
    s3.delete_bucket(Bucket="guarded")
    for role in ("guarded-server", "other"):
        iam.delete_role(RoleName=role)


def as_role(client, url, role):
    account = client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:iam::{account}:role/{role}"
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="ap-northeast-2",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


@pytest.mark.usefixtures("guarded")
def test_a_denial_spares_the_principals_of_its_condition(client, url):
    as_role(client, url, "guarded-server").put_object(Bucket="guarded", Key="a", Body=b"a")
    client("s3").put_object(Bucket="guarded", Key="b", Body=b"b")


@pytest.mark.usefixtures("guarded")
def test_a_denial_meets_everybody_else(client, url):
    with pytest.raises(ClientError, match="403"):
        as_role(client, url, "other").put_object(Bucket="guarded", Key="c", Body=b"c")

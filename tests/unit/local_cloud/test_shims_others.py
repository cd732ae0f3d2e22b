"""S3, Secrets Manager and CloudWatch as AWS has them, where moto differs."""

import json

import boto3
import pytest


@pytest.fixture(scope="module")
def s3(client):
    return client("s3")


@pytest.fixture(scope="module")
def bucket(s3):
    s3.create_bucket(Bucket="unit-bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    return "unit-bucket"


def policy(principal, resource="arn:aws:s3:::unit-bucket/*"):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_new_bucket_has_todays_defaults(s3, bucket):
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert len(block) == 4
    (rule,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_acl_is_refused(s3, refused, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    answer = refused(s3.put_bucket_acl, Bucket=bucket, ACL="public-read")
    assert answer.startswith("AccessControlListNotSupported")


def test_policy_names_roles_that_exist(s3, client, refused, bucket):
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = policy({"AWS": "arn:aws:iam::123456789012:role/late"})
    assert "Invalid principal" in refused(s3.put_bucket_policy, Bucket=bucket, Policy=role)
    client("iam").create_role(RoleName="late", AssumeRolePolicyDocument=document)
    s3.put_bucket_policy(Bucket=bucket, Policy=role)


@pytest.fixture
def as_role(client, url):
    """An S3 client with the credentials of a role."""

    def make(name):
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam = client("iam")
        if not any(role["RoleName"] == name for role in iam.list_roles()["Roles"]):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]
        given = client("sts").assume_role(RoleArn=arn, RoleSessionName="unit")["Credentials"]
        return boto3.client(
            "s3",
            endpoint_url=url,
            region_name="ap-northeast-2",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    return make


def test_policy_is_judged_by_principal_and_condition(s3, as_role, refused, bucket):
    server, stranger = as_role("server-s3"), as_role("stranger-s3")
    everybody_else = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::unit-bucket/*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:role/server-s3"]}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [everybody_else]})
    s3.put_object(Bucket=bucket, Key="menus/1", Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert server.get_object(Bucket=bucket, Key="menus/1")["Body"].read() == b"x"
    assert "403" in refused(stranger.get_object, Bucket=bucket, Key="menus/1")
    s3.delete_bucket_policy(Bucket=bucket)
    assert stranger.get_object(Bucket=bucket, Key="menus/1")["Body"].read() == b"x"


def test_policy_names_its_own_bucket(s3, refused, bucket):
    foreign = policy("*", "arn:aws:s3:::other-bucket/*")
    assert "Policy has invalid resource" in refused(s3.put_bucket_policy, Bucket=bucket, Policy=foreign)


def test_name_of_a_secret_scheduled_for_deletion_is_taken(client, refused):
    secrets = client("secretsmanager")
    secrets.create_secret(Name="table-order/x", SecretString="one")
    secrets.delete_secret(SecretId="table-order/x")
    answer = refused(secrets.create_secret, Name="table-order/x", SecretString="two")
    assert answer.startswith("InvalidRequestException")
    assert "already scheduled for deletion" in answer


def test_a_secret_scheduled_for_deletion_cannot_be_read(client, refused):
    secrets = client("secretsmanager")
    arn = secrets.create_secret(Name="table-order/y", SecretString="one")["ARN"]
    secrets.delete_secret(SecretId="table-order/y")
    for name in ("table-order/y", arn):
        answer = refused(secrets.get_secret_value, SecretId=name)
        assert answer.startswith("InvalidRequestException")
        assert "because it was marked for deletion" in answer
    secrets.restore_secret(SecretId="table-order/y")
    assert secrets.get_secret_value(SecretId="table-order/y")["SecretString"] == "one"


def test_retention_is_one_of_a_few_numbers(client, refused):
    logs = client("logs")
    logs.create_log_group(logGroupName="/unit")
    answer = refused(logs.put_retention_policy, logGroupName="/unit", retentionInDays=6)
    assert answer.startswith("InvalidParameterException")
    logs.put_retention_policy(logGroupName="/unit", retentionInDays=7)


def test_period_of_an_alarm_is_whole_minutes(client, refused):
    cloudwatch = client("cloudwatch")
    alarm = {
        "AlarmName": "unit",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
    }
    assert "Period" in refused(cloudwatch.put_metric_alarm, **alarm, Period=45)
    cloudwatch.put_metric_alarm(**alarm, Period=300)


def test_a_secret_without_a_function_is_not_rotated(client, refused):
    secrets = client("secretsmanager")
    secrets.create_secret(Name="unrotated", SecretString="a")
    assert "rotation function ARN" in refused(secrets.rotate_secret, SecretId="unrotated")


def test_versions_of_a_secret_have_their_stages(client, refused):
    secrets = client("secretsmanager")
    first = secrets.create_secret(Name="staged", SecretString="a")["VersionId"]
    token = "0123456789abcdef0123456789abcdef"
    put = {"SecretId": "staged", "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}
    for _ in range(2):  # the same again is no change (R34)
        assert secrets.put_secret_value(**put, SecretString="b")["VersionId"] == token
    assert refused(secrets.put_secret_value, **put, SecretString="c").startswith("ResourceExistsException")
    assert secrets.get_secret_value(SecretId="staged")["SecretString"] == "a"
    assert secrets.get_secret_value(SecretId="staged", VersionStage="AWSPENDING")["SecretString"] == "b"
    move = {"SecretId": "staged", "VersionStage": "AWSCURRENT", "MoveToVersionId": token}
    secrets.update_secret_version_stage(**move, RemoveFromVersionId=first)
    assert secrets.get_secret_value(SecretId="staged")["SecretString"] == "b"
    previous = secrets.get_secret_value(SecretId="staged", VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == "a"

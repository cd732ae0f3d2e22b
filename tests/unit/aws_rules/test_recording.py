"""A recording read back is what was asked for: requests as boto3 makes them, without any network."""

import base64
import functools
import json

import boto3
import pytest

from tests.aws_rules import parse
from tests.aws_rules.__main__ import main

CASES = [
    (
        "ec2",
        "RunInstances",
        {
            "ImageId": "ami-1",
            "MinCount": 1,
            "MaxCount": 1,
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}}
            ],
            "MetadataOptions": {"HttpTokens": "required"},
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a b&c"}]}],
        },
    ),
    (
        "ec2",
        "AuthorizeSecurityGroupIngress",
        {
            "GroupId": "sg-1",
            "IpPermissions": [
                {
                    "IpProtocol": "tcp",
                    "FromPort": 22,
                    "ToPort": 22,
                    "IpRanges": [{"CidrIp": "203.0.113.5/32", "Description": "운영자"}],
                }
            ],
        },
    ),
    (
        "rds",
        "ModifyDBParameterGroup",
        {
            "DBParameterGroupName": "x",
            "Parameters": [
                {"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "pending-reboot"}
            ],
        },
    ),
    (
        "rds",
        "CreateDBSubnetGroup",
        {
            "DBSubnetGroupName": "x",
            "DBSubnetGroupDescription": "d",
            "SubnetIds": ["subnet-1", "subnet-2"],
        },
    ),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": '{"Statement": []}'}),
    (
        "elasticache",
        "CreateReplicationGroup",
        {
            "ReplicationGroupId": "r",
            "ReplicationGroupDescription": "d",
            "SecurityGroupIds": ["sg-1", "sg-2"],
            "AutomaticFailoverEnabled": False,
        },
    ),
    ("sns", "CreateTopic", {"Name": "t", "Attributes": {"KmsMasterKeyId": "alias/aws/sns"}}),
    (
        "cloudwatch",
        "PutMetricAlarm",
        {
            "AlarmName": "a",
            "Threshold": 80.0,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "LessThanThreshold",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        },
    ),
    ("logs", "PutRetentionPolicy", {"logGroupName": "/aws/ec2/table-order/nginx", "retentionInDays": 7}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "table-order/app/database"}),
    ("ssm", "GetParameter", {"Name": "/aws/service/debian/release/12/latest/amd64"}),
    ("sts", "GetCallerIdentity", {}),
    (
        "s3",
        "CreateBucket",
        {"Bucket": "b-1", "CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-2"}},
    ),
    ("s3", "PutBucketPolicy", {"Bucket": "b-1", "Policy": '{"Statement": []}'}),
    (
        "s3",
        "PutPublicAccessBlock",
        {"Bucket": "b-1", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
    ),
    ("s3", "GetBucketPolicy", {"Bucket": "b-1"}),
    ("s3", "ListBuckets", {}),
    ("s3", "ListObjectsV2", {"Bucket": "b-1"}),
    ("s3", "PutObject", {"Bucket": "b-1", "Key": "menus/1/비빔 밥.jpg", "Body": b"\xff\xd8 no XML"}),
    ("s3", "GetObject", {"Bucket": "b-1", "Key": "menus/1/x.jpg"}),
    ("s3", "DeleteObject", {"Bucket": "b-1", "Key": "menus/1/x.jpg"}),
    ("s3", "HeadBucket", {"Bucket": "b-1"}),
]


class Sent(Exception):  # noqa: N818 - no error
    """Carries a request out of boto3 instead of sending it."""


@functools.cache
def client_of(service):
    session = boto3.Session("AKIAOPERATOR", "secret", region_name="ap-northeast-2")
    client = session.client(service, endpoint_url="http://127.0.0.1:9")

    def catch(request, **_context):
        raise Sent(request)

    client.meta.events.register("before-send", catch)
    return client


def recorded(service, action, parameters):
    """Return what moto's recorder writes for a call by boto3."""
    with pytest.raises(Sent) as sent:
        client_of(service)._make_api_call(action, dict(parameters))
    request = sent.value.args[0]
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    body = body.encode() if isinstance(body, str) else body
    headers = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    entry = {"method": request.method, "url": request.url, "headers": headers}
    return json.dumps(entry | {"body": base64.b64encode(body).decode(), "body_encoded": True})


@pytest.mark.parametrize(
    ("service", "action", "parameters"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)
def test_a_request_is_read_back_as_it_was_asked(service, action, parameters):
    [call] = parse([recorded(service, action, parameters)])
    assert call.name == f"{service}:{action}"
    assert {name: call.parameters.get(name) for name in parameters} == parameters
    assert (call.region, call.access_key) == ("ap-northeast-2", "AKIAOPERATOR")


def test_requests_to_moto_s_own_interface_are_no_calls():
    entry = {"method": "POST", "url": "http://127.0.0.1:5000/moto-api/reset", "headers": {}}
    assert parse([json.dumps(entry | {"body": "", "body_encoded": False}), ""]) == []


def test_a_presigned_address_is_a_call_too():
    entry = {"method": "GET", "headers": {}, "body": "", "body_encoded": False}
    parameters = {"Bucket": "b-1", "Key": "menus/1/x.jpg"}
    entry["url"] = client_of("s3").generate_presigned_url("get_object", parameters)
    [call] = parse([json.dumps(entry)])
    assert (call.name, call.get("Key")) == ("s3:GetObject", "menus/1/x.jpg")


def test_calls_are_told_apart_by_who_made_them():
    lines = [recorded(*CASES[-1]), recorded(*CASES[-2]).replace("AKIAOPERATOR", "ASIASERVER")]
    assert [call.action for call in parse(lines).by("ASIASERVER")] == ["DeleteObject"]


def test_the_command_prints_what_is_broken(tmp_path, capsys):
    recording = tmp_path / "recording.jsonl"
    recording.write_text(recorded("logs", "PutRetentionPolicy", {"logGroupName": "x", "retentionInDays": 6}))
    assert main([recording]) == 1
    assert "logs:PutRetentionPolicy: retentionInDays is 6" in capsys.readouterr().out
    recording.write_text("")
    assert main([recording]) == 0
    assert main([]) == 2

"""The normal form: equal for what means the same on AWS, different for everything else; and the table by type."""

import importlib.resources
import json

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.account_types import (
    LATER,
    TYPES,
    PropertyError,
    normal,
)

# Replacements that CloudFormation decides by the values, and that are none here or always, with the reason.
CONDITIONAL = {
    "AWS::EC2::VPC": {"InstanceTenancy"},
    "AWS::EC2::Instance": {"BlockDeviceMappings"},
    "AWS::RDS::DBInstance": {"Engine", "AvailabilityZone"},
}
# CloudFormation replaces where the API changes in place: tags of a key pair, and the zones of more nodes.
IN_PLACE = {"AWS::EC2::KeyPair": {"Tags"}, "AWS::ElastiCache::ReplicationGroup": {"PreferredCacheClusterAZs"}}
# What CloudFormation can say in a launch template only, or nowhere; the creation alone sets it.
OF_A_TEMPLATE = {"AWS::EC2::Instance": {"InstanceLifecycle"}}
# Properties of a resource of their own in CloudFormation, and what it can only show.
OF_OTHERS = {
    "AWS::EC2::Instance": {"InstanceLifecycle"},
    "AWS::EC2::InternetGateway": {"VpcId"},
    "AWS::EC2::RouteTable": {"Routes", "SubnetIds"},
    "AWS::IAM::InstanceProfile": {"Tags"},
    "AWS::S3::Bucket": {"BucketPolicy"},
    "AWS::SecretsManager::Secret": {"ResourcePolicy", "RotationEnabled"},
    "AWS::SNS::Topic": {"TopicPolicy"},
}


def schema(kind):
    """Return CloudFormation's schema of a type, as cfn-lint carries it."""
    files = importlib.resources.files("cfnlint.data.schemas")
    provider = json.loads((files / "providers/ap-northeast-2.json").read_text())
    return json.loads((files / f"resources/{provider[kind]}.json").read_text())


@pytest.mark.parametrize("kind", TYPES)
def test_the_table_says_what_cloudformation_says(kind):
    table, found = TYPES[kind], schema(kind)
    assert table.unset.keys() - found["properties"].keys() == OF_OTHERS.get(kind, set())
    replaced = {path.split("/")[2] for path in found.get("createOnlyProperties", [])}
    conditional = {path.split("/")[2] for path in found.get("conditionalCreateOnlyProperties", [])}
    assert conditional >= CONDITIONAL.get(kind, set())
    wanted = (replaced & table.unset.keys()) - IN_PLACE.get(kind, set()) | CONDITIONAL.get(kind, set())
    wanted |= OF_A_TEMPLATE.get(kind, set())
    if kind == "AWS::EC2::RouteTable":
        wanted = {"VpcId"}
    assert table.create_only == wanted


@pytest.mark.parametrize("kind", TYPES)
def test_the_table_names_properties_that_it_has(kind):
    table = TYPES[kind]
    paths = [
        *table.create_only_with,
        *dict(table.create_only_with.values()),
        *table.references,
        *table.create_only,
        *table.at_least,
        *table.noted,
        *table.usual,
    ]
    assert {path.partition(".")[0] for path in paths} <= table.unset.keys()
    assert set(table.references.values()) <= TYPES.keys()
    assert table.lost
    assert normal(kind, table.usual) == {
        name: table.usual[name] for name in table.unset if name in table.usual
    }


def policy(*statements, **other):
    return {"Version": "2012-10-17", **other, "Statement": list(statements)}


READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
WRITE = {"Sid": "W", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:PutObject", "Resource": "*"}
DEFAULT_TOPIC = {
    "Version": "2008-10-17",
    "Id": "__default_policy_ID",
    "Statement": [
        {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes"],
            "Resource": "arn:aws:sns:ap-northeast-2:111122223333:alarms",
            "Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}},
        }
    ],
}
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "203.0.113.5/32", "Description": "SSH"}

SAME = [
    ("AWS::IAM::Role", "AssumeRolePolicyDocument", policy(READ, WRITE), json.dumps(policy(WRITE, READ))),
    (
        "AWS::IAM::Role",
        "AssumeRolePolicyDocument",
        policy(READ),
        {"Version": "2012-10-17", "Statement": READ},
    ),
    (
        "AWS::S3::Bucket",
        "BucketPolicy",
        policy(READ | {"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["*"]}),
        policy(READ),
    ),
    ("AWS::S3::Bucket", "BucketPolicy", policy(WRITE), policy(WRITE | {"Principal": "*"})),
    ("AWS::S3::Bucket", "BucketPolicy", policy(WRITE | {"Principal": ["*"]}), policy(WRITE)),
    ("AWS::SNS::Topic", "TopicPolicy", {}, json.loads(json.dumps(DEFAULT_TOPIC).replace("AWS:So", "aws:So"))),
    (
        "AWS::S3::Bucket",
        "BucketPolicy",
        policy(READ | {"Principal": {"AWS": "111122223333"}}),
        policy(READ | {"Principal": {"AWS": ["arn:aws:iam::111122223333:root"]}}),
    ),
    (
        "AWS::S3::Bucket",
        "BucketPolicy",
        policy(READ | {"Condition": {"Bool": {"aws:SecureTransport": False}}}),
        policy(READ | {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}),
    ),
    (
        "AWS::IAM::Role",
        "Policies",
        [{"PolicyName": "a", "PolicyDocument": policy(READ)}],
        [{"PolicyName": "a", "PolicyDocument": json.dumps(policy(READ))}],
    ),
    ("AWS::SNS::Topic", "TopicPolicy", {}, json.dumps(DEFAULT_TOPIC)),
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress", [SSH], [SSH | {"FromPort": "22", "ToPort": "22"}]),
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress", [SSH, SSH], [SSH]),
    (
        "AWS::EC2::SecurityGroup",
        "SecurityGroupIngress",
        [SSH | {"Description": ""}],
        [{key: value for key, value in SSH.items() if key != "Description"}],
    ),
    (
        "AWS::EC2::SecurityGroup",
        "SecurityGroupEgress",
        [{"IpProtocol": -1, "CidrIp": "0.0.0.0/0", "FromPort": 0, "ToPort": 0}],
        [{"IpProtocol": "all", "CidrIp": "0.0.0.0/0"}],
    ),
    (
        "AWS::EC2::SecurityGroup",
        "SecurityGroupIngress",
        [SSH | {"CidrIp": "10.0.0.7/24"}],
        [SSH | {"CidrIp": "10.0.0.0/24"}],
    ),
    (
        "AWS::EC2::SecurityGroup",
        "Tags",
        {"Port": 80, "On": True},
        [
            {"Key": "On", "Value": "true"},
            {"Key": "Port", "Value": "80"},
            {"Key": "aws:cloudformation:stack-name", "Value": "x"},
        ],
    ),
    ("AWS::Logs::LogGroup", "RetentionInDays", 7, "7"),
    ("AWS::EC2::Subnet", "MapPublicIpOnLaunch", True, "True"),
    ("AWS::CloudWatch::Alarm", "Threshold", 80.0, "80"),
    ("AWS::CloudWatch::Alarm", "Threshold", 2147483648, "2147483648.0"),
    ("AWS::CloudWatch::Alarm", "AlarmActions", ["b", "a"], ["a", "b"]),
    ("AWS::RDS::DBInstance", "PreferredMaintenanceWindow", "Mon:04:00-Mon:05:00", "mon:04:00-mon:05:00"),
    ("AWS::RDS::DBInstance", "EngineVersion", 15, "15.13"),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier", "Table-Order-DB", "table-order-db"),
    ("AWS::ElastiCache::ReplicationGroup", "EngineVersion", "7.1", "7.1.0"),
    ("AWS::ElastiCache::ReplicationGroup", "EngineVersion", 7.1, "7.1.0"),
    ("AWS::ElastiCache::ReplicationGroup", "PreferredCacheClusterAZs", ["c", "a"], ["a", "c"]),
    ("AWS::RDS::DBParameterGroup", "Parameters", {"work_mem": 4096}, {"work_mem": "4096"}),
    ("AWS::EC2::KeyPair", "PublicKeyMaterial", "ssh-ed25519 AAAA ann@home", "ssh-ed25519 AAAA"),
    ("AWS::IAM::Role", "PermissionsBoundary", None, ""),
    ("AWS::EC2::Instance", "Tags", {"Name": "a"}, {"Name": "a", "HostKey": "ssh-ed25519 AAAA"}),
    (
        "AWS::EC2::Instance",
        "BlockDeviceMappings",
        [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3"}}],
        [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": "30", "VolumeType": "gp3", "Iops": 3000, "Throughput": 125},
            }
        ],
    ),
    (
        "AWS::S3::Bucket",
        "BucketEncryption",
        {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                    "BucketKeyEnabled": False,
                    "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
                }
            ]
        },
    ),
]

DIFFERENT = [
    ("AWS::S3::Bucket", "BucketPolicy", policy(READ), policy(READ, WRITE)),
    ("AWS::S3::Bucket", "BucketPolicy", policy(READ), policy(READ | {"Action": "s3:*"})),
    ("AWS::S3::Bucket", "BucketPolicy", policy(READ), policy(READ, Version="2008-10-17")),
    ("AWS::S3::Bucket", "BucketPolicy", policy(READ), {}),
    ("AWS::IAM::Role", "Policies", [{"PolicyName": "a", "PolicyDocument": policy(READ)}], []),
    ("AWS::IAM::Role", "PermissionsBoundary", "", "arn:aws:iam::111122223333:policy/b"),
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress", [SSH], [SSH | {"CidrIp": "203.0.113.0/24"}]),
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress", [SSH], [SSH | {"Description": "by hand"}]),
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress", [], [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]),
    ("AWS::RDS::DBInstance", "EngineVersion", "15", "16.1"),
    ("AWS::ElastiCache::ReplicationGroup", "EngineVersion", "7.1", "7.0.7"),
    ("AWS::ElastiCache::ReplicationGroup", "PreferredCacheClusterAZs", ["a", "a"], ["a"]),
    ("AWS::EC2::KeyPair", "PublicKeyMaterial", "ssh-ed25519 AAAA", "ssh-ed25519 BBBB"),
    (
        "AWS::EC2::Instance",
        "BlockDeviceMappings",
        [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3"}}],
        [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3", "Iops": 4000}}],
    ),
    ("AWS::EC2::VPC", "Tags", {"Name": "a"}, {"Name": "a", "Owner": "ann"}),
    ("AWS::RDS::DBParameterGroup", "Parameters", {"work_mem": 4096}, {"work_mem": 8192}),
    *(
        (
            "AWS::SNS::Topic",
            "TopicPolicy",
            {},
            DEFAULT_TOPIC | {"Statement": [DEFAULT_TOPIC["Statement"][0] | one]},
        )
        for one in (
            {"Condition": {}},
            {"Condition": {"StringEquals": {"AWS:SourceOwner": "999999999999"}}},
            {"Action": ["SNS:*"]},
            {"Principal": {"AWS": "arn:aws:iam::999999999999:root"}},
        )
    ),
]


@pytest.mark.parametrize(("kind", "name", "one", "other"), SAME)
def test_the_same_for_aws_is_equal(kind, name, one, other):
    assert normal(kind, {name: one}) == normal(kind, {name: other})


@pytest.mark.parametrize(("kind", "name", "one", "other"), DIFFERENT)
def test_what_differs_for_aws_differs(kind, name, one, other):
    assert normal(kind, {name: one}) != normal(kind, {name: other})


@pytest.mark.parametrize(("kind", "name", "one", "other"), SAME + DIFFERENT)
def test_a_normal_form_is_its_own_and_plain_data(kind, name, one, other):
    for value in (one, other):
        form = normal(kind, {name: value})
        assert normal(kind, form) == form
        assert json.loads(json.dumps(form)) == form


# What a policy by hand may have, and what AWS should refuse.
SHAPES = [
    *(
        policy(READ | one)
        for one in (
            {"Sid": None},
            {"Principal": ["*"]},
            {"Principal": {"AWS": ["111122223333", "*"], "Service": "s3.amazonaws.com"}},
            {"Principal": {"AWS": {"a": "b"}}},
            {"Principal": None},
            {"Condition": None},
            {"Condition": "text"},
            {"Condition": {"Bool": "true"}},
            {"Condition": {"Bool": None, "NumericLessThan": {"s3:max-keys": 10}}},
            {"Action": []},
            {"Action": None},
            {"Action": [{"a": [1]}]},
            {"NotPrincipal": {"AWS": "*"}, "NotAction": "s3:*", "NotResource": ["x"]},
        )
    ),
    policy("text"),
    policy(READ, None, 3, True, ["a"], {}, {1: 2, "a": 3}),
    {"Statement": None},
    {"Statement": "text"},
    {"Version": None, "Id": {"a": 1}, "Statement": READ},
    {"Version": "2012-10-17"},
    [policy(READ)],
    "text",
    "{broken",
    "[]",
    "3",
    3,
]


@pytest.mark.parametrize("document", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kind", "name"),
    [("AWS::S3::Bucket", "BucketPolicy"), ("AWS::SNS::Topic", "TopicPolicy"), ("AWS::IAM::Role", "Policies")],
)
def test_a_policy_of_any_form_has_a_normal_form(kind, name, document):
    value = [{"PolicyName": "a", "PolicyDocument": document}] if name == "Policies" else document
    form = normal(kind, {name: value})
    assert normal(kind, form) == form
    assert json.loads(json.dumps(form)) == form


def test_order_never_matters():
    rules = [SSH | {"FromPort": port, "ToPort": port} for port in range(20)]
    shuffled = [*rules[::2], *reversed(rules)]
    kind = "AWS::EC2::SecurityGroup"
    assert normal(kind, {"SecurityGroupIngress": rules}) == normal(kind, {"SecurityGroupIngress": shuffled})


def test_what_aws_chooses_stays_as_it_is():
    later = {LATER: "latest image"}
    assert normal("AWS::EC2::Instance", {"ImageId": later}) == {"ImageId": later}
    devices = [{"DeviceName": later, "Ebs": {"VolumeSize": 30}}]
    found = normal("AWS::EC2::Instance", {"BlockDeviceMappings": devices})
    assert found["BlockDeviceMappings"][0]["DeviceName"] == later


@pytest.mark.parametrize("name", TYPES)
def test_the_unset_value_stands_for_every_empty_one(name):
    unset = TYPES[name].unset
    for empty in (None, "", [], {}):
        assert normal(name, dict.fromkeys(unset, empty)) == unset


def test_an_unknown_type_or_property_is_refused_by_name():
    with pytest.raises(PropertyError, match="AWS::EC2::VPC has no property Tag, cidr in the table"):
        normal("AWS::EC2::VPC", {"Tag": {}, "cidr": 1})
    with pytest.raises(PropertyError, match="AWS::EC2::Vpc is not a type"):
        normal("AWS::EC2::Vpc", {})

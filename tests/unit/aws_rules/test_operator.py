"""The policy for the operator: enough for a first run, and no more."""

import json

import pytest

from tests.aws_rules import Call, Calls
from tests.aws_rules.operator import DESTROY_POLICY, MANAGED_POLICY_LIMIT, POLICY, denied, size
from tests.aws_rules.storage import as_list
from tests.unit.aws_rules.test_rules import GOOD, calls_of

STATEMENTS = [
    statement
    for policy in (POLICY, DESTROY_POLICY)
    for statement in json.loads(policy.read_text())["Statement"]
]


def one(name, **parameters):
    return Calls([Call(*name.split(":"), parameters)])


@pytest.mark.parametrize("policy", [POLICY, DESTROY_POLICY], ids=lambda policy: policy.stem)
def test_it_fits_into_a_managed_policy(policy):
    assert size(policy) <= MANAGED_POLICY_LIMIT


def test_a_first_run_is_allowed():
    assert denied(calls_of(GOOD.values())) == []


@pytest.mark.parametrize(
    ("calls", "what"),
    [
        (
            one("rds:CreateDBInstance", DBInstanceIdentifier="other"),
            "rds:CreateDBInstance on arn:aws:rds:::db:other",
        ),
        (one("rds:DeleteDBInstance", DBInstanceIdentifier="table-order-db"), "rds:DeleteDBInstance on"),
        (one("s3:PutBucketPolicy", Bucket="other"), "s3:PutBucketPolicy on arn:aws:s3:::other"),
        (one("s3:PutPublicAccessBlock", Bucket="other"), "s3:PutBucketPublicAccessBlock on"),
        (one("s3:HeadBucket", Bucket="other"), "s3:ListBucket on"),
        (one("s3:PutObject", Bucket="table-order-x", Key="y"), "s3:PutObject on"),
        (
            one("iam:PutRolePolicy", RoleName="Administrator"),
            "iam:PutRolePolicy on arn:aws:iam:::role/Administrator",
        ),
        (one("iam:CreateUser", UserName="x"), "iam:CreateUser on everything"),
        (one("secretsmanager:GetSecretValue", SecretId="other/x"), "secretsmanager:GetSecretValue on"),
        (one("ec2:TerminateInstances", InstanceIds=["i-1"]), "ec2:TerminateInstances on everything"),
        (
            one("ec2:RunInstances", IamInstanceProfile={"Arn": "arn:aws:iam::1:instance-profile/Admin"}),
            "iam:PassRole on arn:aws:iam:::role/Admin",
        ),
        (one("kms:CreateKey", Tags=[{"Key": "a", "Value": "b"}]), "kms:CreateKey on everything"),
    ],
)
def test_other_resources_and_deletions_are_not_allowed(calls, what):
    [refused] = denied(calls)
    assert refused.startswith(what)


@pytest.mark.parametrize(
    "calls",
    [
        one("rds:DeleteDBInstance", DBInstanceIdentifier="other"),
        one("s3:DeleteBucket", Bucket="other"),
        one("iam:DeleteRole", RoleName="Administrator"),
        one("secretsmanager:DeleteSecret", SecretId="other/x"),
        one("elasticache:DeleteReplicationGroup", ReplicationGroupId="other"),
        one("rds:DeleteDBSnapshot", DBSnapshotIdentifier="table-order-db-final"),
    ],
)
def test_who_destroys_may_not_delete_what_is_somebody_elses_or_the_last_snapshot(calls):
    assert len(denied(calls, POLICY, DESTROY_POLICY)) == 1


def test_tagging_at_creation_is_needed_too(tmp_path):
    policy = tmp_path / "policy.json"
    statement = {"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*"}
    policy.write_text(json.dumps({"Statement": [statement]}))
    calls = one("ec2:CreateVpc", TagSpecifications=[{"Tags": []}])
    assert denied(calls, policy) == ["ec2:CreateTags on everything"]


def test_a_role_is_handed_to_servers_only():
    for action, condition in (
        ("iam:PassRole", {"iam:PassedToService": "ec2.amazonaws.com"}),
        (
            "iam:CreateServiceLinkedRole",
            {"iam:AWSServiceName": ["rds.amazonaws.com", "elasticache.amazonaws.com"]},
        ),
    ):
        [statement] = [item for item in STATEMENTS if action in as_list(item["Action"])]
        assert statement["Condition"] == {"StringEquals": condition}


def test_only_reads_and_conditions_are_about_everything():
    reads = ("Describe", "Get", "List")
    for statement in STATEMENTS:
        if statement["Resource"] == "*" and "Condition" not in statement:
            actions = as_list(statement["Action"])
            assert all(action.split(":")[1].startswith(reads) for action in actions), statement["Sid"]
        assert "*" not in as_list(statement["Action"])

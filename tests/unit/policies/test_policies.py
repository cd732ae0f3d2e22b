"""The rendered policies: small enough, for one inventory, what the playbooks do and no more."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

import iam
from local_cloud.calls import Call, read
from local_cloud.needs import EC2, needs
from local_cloud.policies import Need, UnknownError, allowed, as_list
from tests.unit.policies.calls import ACCOUNT, BOUNDARY, NAME, REGION, ROLE, Ours, arn, calls
from tests.unit.test_settings_wired import described

ROOT = Path(__file__).parents[3]
ABOUT = iam.Target("production", REGION, ACCOUNT)
POLICIES = {policy: iam.render(policy, ABOUT) for policy in iam.POLICIES}
STATEMENTS = [statement for document in POLICIES.values() for statement in document["Statement"]]


def may(action, resource, *policies, **context):
    chosen = [POLICIES[policy] for policy in policies or POLICIES]
    values = {name.replace("__", ":"): value for name, value in context.items()}
    return allowed(Need(action, resource, values), chosen)


@pytest.mark.parametrize("environment", ["production", "staging", "an-environment-with-a-long-name"])
def test_each_fits_into_a_managed_policy_and_all_onto_a_user(environment):
    about = iam.Target(environment, "ap-southeast-2", ACCOUNT)
    sizes = {name: iam.size(iam.render(name, about)) for name in (*iam.POLICIES, iam.BOUNDARY)}
    assert {name: size for name, size in sizes.items() if size >= iam.MANAGED_POLICY_LIMIT} == {}
    assert len(iam.POLICIES) <= iam.MANAGED_POLICIES_PER_USER


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.name)
def test_what_the_playbooks_call_is_allowed_on_their_own(call):
    refused = [str(need) for need in needs(call, Ours()) if not allowed(need, POLICIES.values())]
    assert not refused


# Another region, and environments whose names begin as this one's, so that their resources' names may match a pattern.
ELSEWHERE = [
    (NAME, "eu-west-1"),
    *(
        (NAME + more, REGION)
        for more in ("-staging", "1", "-alarms", "-db", "-db-final-1", "-db-before-migration-1")
    ),
    *((NAME + more, REGION) for more in ("-postgres1", "-redis", "-redis-001")),
]


def whose(need):
    """Return what tells a resource from another environment's or region's."""
    tags = {key: tag for key, tag in need.context.items() if key.startswith("aws:ResourceTag/")}
    return need.action, need.resource, tags


@pytest.mark.parametrize(("name", "region"), ELSEWHERE)
def test_no_change_in_another_environment_or_region(name, region):
    """Nor is a secret read there; statement Read is about everything, and the rest of an account's new things are nobody's yet."""
    documents = [
        {"Statement": [one for one in document["Statement"] if one["Sid"] != "Read"]}
        for document in POLICIES.values()
    ]
    boundary = BOUNDARY.replace(NAME, name)
    account = Ours("production", boundary) if name == NAME else Ours("another", boundary)
    touched, changed = set(), []
    for call in calls():
        # The tag Project is the same everywhere.
        parameters = json.dumps(call.parameters).replace(NAME, name).replace(f'"{name}"', f'"{NAME}"')
        own = [whose(need) for need in needs(call, Ours())]
        there = needs(Call(call.service, call.action, json.loads(parameters), region), account)
        foreign = [need for need in there if whose(need) not in own]
        touched |= {call.service for need in foreign}
        changed += [f"{need.action} {need.resource}" for need in foreign if allowed(need, documents)]
    assert changed == []
    global_services = {"iam", "s3"} if name == NAME else set()
    assert touched == {call.service for call in calls()} - global_services


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("rds:CreateDBInstance", arn("rds", "db:other")),
        ("rds:DeleteDBInstance", arn("rds", "db:other")),
        ("rds:DeleteDBSnapshot", arn("rds", f"snapshot:{NAME}-db-final-1")),
        ("rds:DeleteDBInstance", arn("rds", "db:table-order-staging-db")),
        ("s3:PutBucketPolicy", "arn:aws:s3:::other"),
        ("s3:PutObject", f"arn:aws:s3:::{NAME}-menu-images-{ACCOUNT}/x"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/Administrator"),
        ("iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/Administrator"),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"),
        ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other/x-AbCdEf")),
        ("kms:CreateKey", "*"),
        ("ssm:GetParameter", arn("ssm", "parameter/other")),
    ],
)
def test_what_is_somebody_elses_is_refused(action, resource):
    assert not may(action, resource)


EC2_OF_OTHERS = {
    "an address": ("AssociateAddress", {"InstanceId": "i-1", "AllocationId": "eipalloc-other"}),
    "an instance for an address": (
        "AssociateAddress",
        {"InstanceId": "i-other", "AllocationId": "eipalloc-1"},
    ),
    "an address that is in use": ("DisassociateAddress", {"AssociationId": "eipassoc-other"}),
    "a subnet": ("RunInstances", {"SubnetId": "subnet-other"}),
    "a group": ("RunInstances", {"SecurityGroupIds": ["sg-1", "sg-other"]}),
    "a key": ("RunInstances", {"KeyName": "other"}),
    "an image": ("RunInstances", {"ImageId": "ami-other"}),
    "a snapshot": (
        "RunInstances",
        {"BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-other"}}]},
    ),
}


class Shared(Ours):
    """An account with foreign resources, by their names."""

    def tags(self, region, resource):
        return {} if "other" in resource else super().tags(region, resource)

    def is_public(self, region, image):
        return "other" not in image

    def associated(self, region, association):
        return ["eipalloc-other"] if "other" in association else super().associated(region, association)


@pytest.mark.parametrize("case", EC2_OF_OTHERS)
def test_nothing_of_others_in_the_account_is_used_for_a_server(case):
    """A disk of a foreign snapshot, or a place in a foreign network, shows what others keep to themselves."""
    action, parameters = EC2_OF_OTHERS[case]
    own = next(call for call in calls() if call.name == f"ec2:{action}")
    foreign = Call("ec2", action, own.parameters | parameters, REGION)
    assert all(allowed(need, POLICIES.values()) for need in needs(own, Shared()))
    assert not all(allowed(need, POLICIES.values()) for need in needs(foreign, Shared()))


def test_plan_reads_no_secret_and_changes_nothing():
    assert not may(
        "secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{NAME}/rds/master-AbCdEf"), "plan"
    )
    actions = [
        action for statement in POLICIES["plan"]["Statement"] for action in as_list(statement["Action"])
    ]
    assert [one for one in actions if not re.match(r"\w+:(Describe|Get|List)", one)] == []


def test_plan_finds_resources_by_their_tags():
    """The API signs as "tagging", botocore has another name for it, and policies a third."""
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20261128/{REGION}/tagging/aws4_request, SignedHeaders=host",
        "X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.GetResources",
    }
    call = read("POST", "http://127.0.0.1/", Headers(headers), b"{}")
    assert [need.action for need in needs(call, Ours())] == ["tag:GetResources"]
    assert may("tag:GetResources", "*", "plan")


def test_a_deployment_may_close_the_cache_and_neither_make_nor_delete_it():
    cache, policies = arn("elasticache", f"replicationgroup:{NAME}-redis"), ("plan", "operate")
    assert may("elasticache:ModifyReplicationGroup", cache, *policies)
    assert not may("elasticache:ModifyReplicationGroup", arn("elasticache", "replicationgroup:x"), *policies)
    assert not may("elasticache:CreateReplicationGroup", cache, *policies)
    assert not may("elasticache:DeleteReplicationGroup", cache, *policies)


@pytest.mark.parametrize(
    "action",
    [
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
    ],
)
def test_the_role_is_made_and_changed_with_the_boundary_only(action):
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    assert may(action, role, iam__PermissionsBoundary=BOUNDARY)
    assert not may(action, role, "account", iam__PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/wide")
    assert not may(action, role, "account")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:DeletePolicy", BOUNDARY),
        ("iam:DeletePolicyVersion", BOUNDARY),
        ("iam:SetDefaultPolicyVersion", BOUNDARY),
        ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"),
    ],
)
def test_the_boundary_stays_even_for_who_may_all_else(action, resource):
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    assert not allowed(Need(action, resource), [everything, *POLICIES.values()])


def test_only_reads_and_conditions_are_about_everything():
    for statement in STATEMENTS:
        if statement["Resource"] == "*" and "Condition" not in statement:
            actions = as_list(statement["Action"])
            assert all(re.match(r"\w+:(Describe|Get|List)", one) for one in actions), statement["Sid"]
        assert "*" not in as_list(statement["Action"])


def test_the_boundary_allows_what_the_server_s_policies_allow():
    place = {"table_order_account_id": ACCOUNT, "table_order_region": REGION}
    role = described("aws_security", "AWS::IAM::Role", table_order_environment=ABOUT.environment, **place)
    limit, beyond = iam.render(iam.BOUNDARY, ABOUT), []
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    if not allowed(Need(action, resource), [limit]):
                        beyond.append(f"{policy['PolicyName']}: {action} on {resource}")
    assert beyond == []


def test_an_unknown_call_is_refused():
    for service, action in (("ec2", "CreateNatGateway"), ("iam", "CreateAccessKey"), ("lambda", "Invoke")):
        with pytest.raises(UnknownError):
            needs(Call(service, action, {}), Ours())
    with pytest.raises(UnknownError):
        allowed(
            Need("a:B", "*", {"k": "1"}),
            [
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "a:B",
                            "Resource": "*",
                            "Condition": {"NumericLessThan": {"k": 2}},
                        }
                    ]
                }
            ],
        )


def test_an_inventory_without_account_is_told_what_to_do():
    run = subprocess.run(
        [ROOT / "scripts/policy", "tests/nowhere"], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 1
    assert "production" in run.stderr
    with pytest.raises(iam.InventoryError, match="12 digits"):
        iam.target(ROOT / "inventories/staging")
    assert iam.target(ROOT / "inventories/staging", ACCOUNT).boundary.endswith(
        "policy/table-order-staging-server-boundary"
    )


def test_the_table_of_ec2_is_what_the_policies_name():
    named = {
        action
        for statement in STATEMENTS
        for action in as_list(statement["Action"])
        if action.startswith("ec2:")
    }
    assert named - {"ec2:Describe*"} == {f"ec2:{action}" for action in EC2}

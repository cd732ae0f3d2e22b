"""The server's role has the policies that are described: what somebody has added would widen the server's rights unseen."""

import json

import pytest

from tests.unit.roles.cloud_runs import make_inventory, run_plays

ROLE = "table-order-ec2-role"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OWN = {"s3-access", "cloudwatch-logs", "cloudwatch-agent", "secrets-manager-read"}


@pytest.fixture
def iam(client):
    """IAM with a role of an earlier run, to which somebody has added an inline and a managed policy."""
    iam = client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=ROLE, PolicyName="by-hand", PolicyDocument=json.dumps(EVERYTHING))
    made = iam.create_policy(PolicyName="by-hand", PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=made)
    yield iam
    iam.remove_role_from_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    iam.delete_instance_profile(InstanceProfileName=ROLE)
    for name in inline(iam):
        iam.delete_role_policy(RoleName=ROLE, PolicyName=name)
    for arn in managed(iam):
        iam.detach_role_policy(RoleName=ROLE, PolicyArn=arn)
    iam.delete_role(RoleName=ROLE)
    iam.delete_policy(PolicyArn=made)


def inline(iam):
    return set(iam.list_role_policies(RoleName=ROLE)["PolicyNames"])


def managed(iam):
    attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
    return {one["PolicyArn"] for one in attached}


@pytest.mark.parametrize("kept", [[], ["arn:aws:iam::123456789012:policy/by-hand"]], ids=["goes", "is named"])
def test_what_was_added_by_hand_goes_unless_a_setting_names_it(tmp_path, url, iam, kept):
    include = {"name": "table_order.infra.aws_security", "tasks_from": "role"}
    play = {
        "hosts": "account",
        "gather_facts": False,
        "tasks": [{"name": "Create the role", "ansible.builtin.include_role": include}],
    }
    inventory = make_inventory(tmp_path, url, aws_security_managed_policies=kept)
    run = run_plays(tmp_path, inventory, [play])
    assert run.status == 0, run.output[-3000:]
    assert (inline(iam), managed(iam)) == (OWN, set(kept))
    again = run_plays(tmp_path, inventory, [play])
    assert (again.status, again.changed) == (0, 0), again.output[-3000:]

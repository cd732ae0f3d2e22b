"""Policies are enforced on every call, with the refusal that each service of AWS gives."""

import json
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError
from werkzeug.datastructures import Headers

import iam
from local_cloud import calls

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
ABOUT = iam.Target("production", REGION, ACCOUNT)
TAGS = [{"Key": "Project", "Value": "table-order"}, {"Key": "Environment", "Value": "production"}]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def tell(address, value):
    request = urllib.request.Request(address, json.dumps(value).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def operator(url, cloud):
    """Return a maker of clients with the operator's key, while the rendered policies are enforced."""

    def put(given):
        tell(f"{url}/local-cloud/policies", given)

    def make(service, region=REGION, key="local"):
        return boto3.client(
            service, endpoint_url=url, region_name=region, aws_access_key_id=key, aws_secret_access_key="x"
        )

    policies = [iam.render(policy, ABOUT) for policy in iam.POLICIES]
    put({"policies": policies, "runs": {"deploy.yml": [iam.POLICIES.index("plan")]}})
    yield make
    put(None)


def refusal(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value.response["Error"]


def test_the_operator_changes_what_is_tagged_and_nothing_else(operator):
    ec2 = operator("ec2")
    specification = [{"ResourceType": "vpc", "Tags": TAGS}]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=specification)["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    other = operator("ec2", key="test").create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    error = refusal(ec2.modify_vpc_attribute, VpcId=other, EnableDnsHostnames={"Value": True})
    assert error["Code"] == "UnauthorizedOperation"
    assert (
        "ec2:ModifyVpcAttribute on resource: arn:aws:ec2:ap-northeast-2:123456789012:vpc/" in error["Message"]
    )
    error = refusal(operator("ec2", "us-east-1").create_vpc, CidrBlock="10.7.0.0/16")
    assert error["Code"] == "UnauthorizedOperation"
    ec2.delete_vpc(VpcId=vpc)
    operator("ec2", key="test").delete_vpc(VpcId=other)


def test_each_service_refuses_in_its_own_words(operator):
    assert refusal(operator("iam").create_user, UserName="x")["Code"] == "AccessDenied"
    assert refusal(operator("rds").delete_db_instance, DBInstanceIdentifier="o")["Code"] == "AccessDenied"
    assert refusal(operator("s3").create_bucket, Bucket="other")["Code"] == "AccessDenied"
    secret = refusal(operator("secretsmanager").get_secret_value, SecretId="other/x")
    assert secret["Code"] == "AccessDeniedException"
    assert "not known" in refusal(operator("iam").list_users)["Message"]


def test_a_role_needs_its_boundary(operator):
    client = operator("iam")
    name = "table-order-ec2-role"
    error = refusal(client.create_role, RoleName=name, AssumeRolePolicyDocument=TRUST)
    assert error["Code"] == "AccessDenied"
    client.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=ABOUT.boundary)
    client.put_role_policy(RoleName=name, PolicyName="x", PolicyDocument=json.dumps(READ))
    assert refusal(client.delete_role_permissions_boundary, RoleName=name)["Code"] == "AccessDenied"
    client.delete_role_policy(RoleName=name, PolicyName="x")
    client.delete_role(RoleName=name)


@pytest.mark.usefixtures("operator")
def test_an_action_that_aws_does_not_have_is_refused(url):
    scope = f"AWS4-HMAC-SHA256 Credential=local/20261127/{REGION}/rds/aws4_request"
    request = urllib.request.Request(url, b"Action=DropDB&Version=2014-10-31", {"Authorization": scope})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert (raised.value.code, b"AccessDenied" in raised.value.read()) == (403, True)


def test_the_form_in_the_body_is_judged_since_it_is_carried_out():
    scope = f"AWS4-HMAC-SHA256 Credential=local/20261127/{REGION}/ec2/aws4_request"
    headers = Headers({"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"})
    address, body = "/?Action=DescribeVpcs", b"Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1"
    assert calls.read("POST", address, headers, body).name == "ec2:DeleteVpc"


def test_the_server_s_role_gets_what_its_own_policies_allow(operator, cloud):
    administrator = operator("iam", key="test")
    administrator.create_role(RoleName="guarded", AssumeRolePolicyDocument=TRUST)
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}],
    }
    administrator.put_role_policy(RoleName="guarded", PolicyName="p", PolicyDocument=json.dumps(document))
    operator("secretsmanager", key="test").create_secret(Name="a/secret", SecretString="x")
    arn = f"arn:aws:iam::{ACCOUNT}:role/guarded"
    key = operator("sts", key="test").assume_role(RoleArn=arn, RoleSessionName="i-1")["Credentials"][
        "AccessKeyId"
    ]
    assert operator("secretsmanager", key=key).get_secret_value(SecretId="a/secret")["SecretString"] == "x"
    assert refusal(operator("rds", key=key).describe_db_instances)["Code"] == "AccessDenied"
    limit = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    boundary = administrator.create_policy(PolicyName="limit", PolicyDocument=json.dumps(limit))["Policy"][
        "Arn"
    ]
    administrator.put_role_permissions_boundary(RoleName="guarded", PermissionsBoundary=boundary)
    assert (
        refusal(operator("secretsmanager", key=key).get_secret_value, SecretId="a/secret")["Code"]
        == "AccessDeniedException"
    )


def test_what_was_used_is_told_by_run(operator, cloud, url):
    tell(f"{url}/local-cloud/run", "deploy.yml")
    operator("ec2").describe_vpcs()
    refusal(operator("rds").delete_db_instance, DBInstanceIdentifier="o")
    tell(f"{url}/local-cloud/run", "")
    operator("ec2", key="test").describe_subnets()
    found = cloud.guard.as_json()
    plan = iam.POLICIES.index("plan")
    assert found["used"] == {
        "deploy.yml": {"ec2:DescribeVpcs": [(plan,)], "rds:DeleteDBInstance": [()]},
    }
    assert found["enforced"]


def test_a_run_has_the_policies_of_its_playbook_only(operator, cloud, url):
    """Policies for all playbooks together would hide what README does not name for one."""
    topic = {"Name": "table-order-alarms"}
    tell(f"{url}/local-cloud/run", "deploy.yml | test_x")
    operator("sns").list_topics()
    assert refusal(operator("sns").create_topic, **topic)["Code"] == "AccessDenied"
    assert cloud.guard.as_json()["refused"][0].startswith("deploy.yml | test_x: sns:CreateTopic: ")
    tell(f"{url}/local-cloud/run", "provision.yml | test_x")
    arn = operator("sns").create_topic(**topic)["TopicArn"]
    tell(f"{url}/local-cloud/run", "")
    operator("sns").delete_topic(TopicArn=arn)


@pytest.mark.parametrize("given", [[], {}, {"policies": [{}]}, "x"])
def test_anything_but_policies_is_refused(url, given):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        tell(f"{url}/local-cloud/policies", given)

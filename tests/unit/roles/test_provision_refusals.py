"""provision.yml on an account with a database that the settings do not fit: it refuses, and has changed nothing."""

import json

import pytest

from tests.unit.roles.cloud_runs import ROOT, make_inventory, run_playbook

DATABASE, SECRET = "table-order-db", "table-order/rds/master"


@pytest.fixture
def database(ec2, client):
    """A database on port 5432, and nothing else of the service."""
    vpc = ec2.create_vpc(CidrBlock="10.97.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.97.{number}.0/24", AvailabilityZone=f"ap-northeast-2{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ac")
    ]
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="refusals", DBSubnetGroupDescription="d", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier=DATABASE,
        Engine="postgres",
        EngineVersion="15",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        MasterUsername="tableorder_admin",
        MasterUserPassword="0123456789abcdef",
        DBSubnetGroupName="refusals",
        Port=5432,
    )
    yield
    rds.delete_db_instance(DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True)
    rds.delete_db_subnet_group(DBSubnetGroupName="refusals")
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def found(ec2, client) -> dict[str, set[str]]:
    """What a run would make first: secrets, security groups, the lock."""
    locks = client("ssm").get_parameters_by_path(Path="/table-order/lock/provision")
    return {
        "secrets": {one["Name"] for one in client("secretsmanager").list_secrets()["SecretList"]},
        "groups": {one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]},
        "locks": {one["Name"] for one in locks["Parameters"]},
    }


@pytest.mark.parametrize(
    ("options", "secret", "said"),
    [
        (("-e", "aws_database_port=5433"), True, "aws_database_port is 5433. Accepted: 5432"),
        ((), False, f"{DATABASE} exists, but the secret of its master user, {SECRET}, does not exist"),
    ],
)
def test_it_refuses_before_it_changes_anything(tmp_path, url, client, ec2, database, options, secret, said):
    secrets = client("secretsmanager")
    if secret:
        value = json.dumps({"username": "tableorder_admin", "password": "0123456789abcdef"})
        secrets.create_secret(Name=SECRET, SecretString=value)
    before = found(ec2, client)
    inventory = make_inventory(tmp_path, url, aws_security_ssh_cidrs=["203.0.113.7/32"])
    run = run_playbook(ROOT / "playbooks/provision.yml", inventory, "--tags", "aws_security", *options)
    after = found(ec2, client)
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    assert run.status != 0
    assert said in run.messages, run.output[-3000:]
    assert after == before

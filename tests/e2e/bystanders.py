"""Resources of somebody else in the account: other names and tags, and the same network range. No playbook may touch them."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e import site

# Others' names begin as the service's do, or have nothing of it.
NAMES = ("other", f"{site.TARGET.name}-other")
TAGS = [{"Key": "Project", "Value": "other"}, {"Key": "Environment", "Value": "local"}]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
PASSWORD = "0123456789abcdef"


def make() -> dict[str, Any]:
    """Make them all; returns what ``look`` finds."""
    ec2 = site.aws("ec2")
    [ours] = [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    # This machine has one network for a range: the database, a container, is in the default VPC.
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    for name in NAMES:
        tags = [*TAGS, {"Key": "Name", "Value": name}]

        def tagged(kind: str, tags: list[dict[str, str]] = tags) -> list[dict[str, Any]]:
            return [{"ResourceType": kind, "Tags": tags}]

        vpc = ec2.create_vpc(CidrBlock=ours["CidrBlock"], TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
        place = ours["CidrBlock"].rsplit(".", 2)[0]
        for number, zone in enumerate("ac"):
            ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"{place}.{number}.0/24",
                AvailabilityZone=f"{site.CLOUD['region']}{zone}",
                TagSpecifications=tagged("subnet"),
            )
        gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
        ec2.attach_internet_gateway(
            VpcId=vpc, InternetGatewayId=gateway["InternetGateway"]["InternetGatewayId"]
        )
        ec2.create_security_group(VpcId=vpc, GroupName=f"{name}-sg", Description="Of others")
        ec2.create_key_pair(KeyName=f"{name}-key")
        ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
        rds = site.aws("rds")
        rds.create_db_subnet_group(
            DBSubnetGroupName=f"{name}-db-subnet-group",
            DBSubnetGroupDescription="Of others",
            SubnetIds=[one["SubnetId"] for one in default],
        )
        rds.create_db_parameter_group(
            DBParameterGroupName=f"{name}-postgres15",
            DBParameterGroupFamily="postgres15",
            Description="Of others",
        )
        site.aws("iam").create_role(RoleName=f"{name}-ec2-role", AssumeRolePolicyDocument=json.dumps(TRUST))
        site.aws("iam").create_instance_profile(InstanceProfileName=f"{name}-ec2-role")
        site.aws("s3").create_bucket(
            Bucket=f"{name}-menu-images-{site.CLOUD['account']}",
            CreateBucketConfiguration={"LocationConstraint": site.CLOUD["region"]},
        )
        site.aws("secretsmanager").create_secret(Name=f"{name}/app/settings", SecretString=PASSWORD)
        site.aws("ssm").put_parameter(Name=f"/{name}/lock/provision/1", Value="x", Type="String")
        site.aws("logs").create_log_group(logGroupName=f"/aws/ec2/{name}/fastapi")
        site.aws("sns").create_topic(Name=f"{name}-alarms")
        site.aws("cloudwatch").put_metric_alarm(
            AlarmName=f"{name}-ec2-high-cpu",
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Statistic="Average",
            Period=300,
            EvaluationPeriods=1,
            Threshold=80,
            ComparisonOperator="GreaterThanThreshold",
        )
    # Whose backups are kept as the service's are; one is enough, for it takes a container.
    site.aws("rds").create_db_instance(
        DBInstanceIdentifier=f"{NAMES[1]}-db",
        Engine="postgres",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        MasterUsername="somebody",
        MasterUserPassword=PASSWORD,
        DBSubnetGroupName=f"{NAMES[1]}-db-subnet-group",
        BackupRetentionPeriod=1,
    )
    site.aws("rds").get_waiter("db_instance_available").wait(DBInstanceIdentifier=f"{NAMES[1]}-db")
    return look()


def look() -> dict[str, Any]:
    """Return everything of others, as AWS describes it."""
    ec2, iam, rds = site.aws("ec2"), site.aws("iam"), site.aws("rds")
    filters = [{"Name": "tag:Project", "Values": ["other"]}]
    vpcs = ec2.describe_vpcs(Filters=filters)["Vpcs"]
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}]
    found = {
        "vpcs": vpcs,
        "subnets": ec2.describe_subnets(Filters=inside)["Subnets"],
        "gateways": ec2.describe_internet_gateways(Filters=filters)["InternetGateways"],
        "routes": ec2.describe_route_tables(Filters=inside)["RouteTables"],
        "groups": ec2.describe_security_groups(Filters=inside)["SecurityGroups"],
        "keys": ec2.describe_key_pairs()["KeyPairs"],
        "addresses": ec2.describe_addresses(Filters=filters)["Addresses"],
        "databases": rds.describe_db_instances()["DBInstances"],
        "subnet groups": rds.describe_db_subnet_groups()["DBSubnetGroups"],
        "parameter groups": rds.describe_db_parameter_groups()["DBParameterGroups"],
        "roles": iam.list_roles()["Roles"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "buckets": site.aws("s3").list_buckets()["Buckets"],
        "secrets": site.aws("secretsmanager").list_secrets()["SecretList"],
        "parameters": [one for name in NAMES for one in site.parameters(f"/{name}/lock/provision")],
        "logs": site.aws("logs").describe_log_groups()["logGroups"],
        "topics": site.aws("sns").list_topics()["Topics"],
        "alarms": site.aws("cloudwatch").describe_alarms()["MetricAlarms"],
    }
    # Of what was not asked for by the tag, those with the others' names; times pass by themselves.
    tagged = {"vpcs", "subnets", "gateways", "routes", "groups", "addresses"}
    timeless = {"LatestRestorableTime", "LastAccessedDate"}
    return {
        kind: [
            {key: value for key, value in one.items() if key not in timeless}
            for one in ones
            if kind in tagged or any(name in json.dumps(one, default=str) for name in NAMES)
        ]
        for kind, ones in found.items()
    }


def remove() -> None:
    """Delete them all."""
    ec2, iam, rds = site.aws("ec2"), site.aws("iam"), site.aws("rds")
    found = look()
    for one in found["databases"]:
        rds.delete_db_instance(DBInstanceIdentifier=one["DBInstanceIdentifier"], SkipFinalSnapshot=True)
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=one["DBInstanceIdentifier"])
    for one in found["subnet groups"]:
        rds.delete_db_subnet_group(DBSubnetGroupName=one["DBSubnetGroupName"])
    for one in found["parameter groups"]:
        rds.delete_db_parameter_group(DBParameterGroupName=one["DBParameterGroupName"])
    for one in found["addresses"]:
        ec2.release_address(AllocationId=one["AllocationId"])
    for one in found["gateways"]:
        for attachment in one["Attachments"]:
            ec2.detach_internet_gateway(InternetGatewayId=one["InternetGatewayId"], VpcId=attachment["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=one["InternetGatewayId"])
    for one in found["groups"]:
        if one["GroupName"] != "default":
            ec2.delete_security_group(GroupId=one["GroupId"])
    for one in found["subnets"]:
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    for one in found["vpcs"]:
        ec2.delete_vpc(VpcId=one["VpcId"])
    for one in found["keys"]:
        ec2.delete_key_pair(KeyName=one["KeyName"])
    for one in found["profiles"]:
        iam.delete_instance_profile(InstanceProfileName=one["InstanceProfileName"])
    for one in found["roles"]:
        iam.delete_role(RoleName=one["RoleName"])
    for one in found["buckets"]:
        site.aws("s3").delete_bucket(Bucket=one["Name"])
    for one in found["secrets"]:
        site.aws("secretsmanager").delete_secret(SecretId=one["Name"], ForceDeleteWithoutRecovery=True)
    for one in found["parameters"]:
        site.aws("ssm").delete_parameter(Name=one["Name"])
    for one in found["logs"]:
        site.aws("logs").delete_log_group(logGroupName=one["logGroupName"])
    for one in found["topics"]:
        site.aws("sns").delete_topic(TopicArn=one["TopicArn"])
    for one in found["alarms"]:
        site.aws("cloudwatch").delete_alarms(AlarmNames=[one["AlarmName"]])

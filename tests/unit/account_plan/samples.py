"""Descriptions and what the reader finds for them, small, in the forms of the roles and of account_resources_info."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils.account_types import normal

TAGS = {"Project": "table-order", "Environment": "local", "ManagedBy": "ansible"}
VPC, SUBNET, GROUP = "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"
SERVER, DATABASE, ROLE = "AWS::EC2::Instance", "AWS::RDS::DBInstance", "AWS::IAM::Role"
TOPIC, ALARM, BUCKET = "AWS::SNS::Topic", "AWS::CloudWatch::Alarm", "AWS::S3::Bucket"
TOPIC_ARN = "arn:aws:sns:ap-northeast-2:123456789012:table-order-alarms"


def policy(*actions: str) -> dict[str, Any]:
    """Return a policy document that allows these actions."""
    statement = {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": ["arn:aws:s3:::menu/*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def rule(port: int, **source: str) -> dict[str, Any]:
    """Return a rule of a security group."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": "", **source}


def described() -> dict[str, list[dict[str, Any]]]:
    """Return descriptions by area, out of the order of creation on purpose."""
    return {
        "aws_monitoring": [
            one(ALARM, "table-order-cpu", Threshold=80, ActionsEnabled=True, AlarmActions=[TOPIC_ARN]),
            one(TOPIC, "table-order-alarms", Tags=TAGS),
        ],
        "aws_compute": [
            one(
                SERVER,
                "table-order-app-server",
                ImageId={"known_after_apply": "latest image of amazon_linux_2023"},
                State="running",
                InstanceType="t3.medium",
                SubnetId="table-order-public-subnet",
                SecurityGroupIds=["table-order-ec2-sg"],
                BlockDeviceMappings=[
                    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}}
                ],
                MetadataOptions={"HttpTokens": "required"},
                Tags=TAGS,
            )
        ],
        "aws_network": [
            one(
                SUBNET,
                "table-order-public-subnet",
                VpcId="table-order-vpc",
                CidrBlock="10.0.1.0/24",
                Tags=TAGS,
            ),
            one(VPC, "table-order-vpc", CidrBlock="10.0.0.0/16", EnableDnsSupport=True, Tags=TAGS),
        ],
        "aws_security": [
            one(
                GROUP,
                "table-order-ec2-sg",
                VpcId="table-order-vpc",
                SecurityGroupIngress=[rule(443, CidrIp="0.0.0.0/0")],
                Tags=TAGS,
            ),
            one(
                ROLE,
                "table-order-ec2-role",
                Policies=[{"PolicyName": "s3-access", "PolicyDocument": policy("s3:GetObject")}],
                ManagedPolicyArns=[],
            ),
        ],
        "aws_database": [
            one(
                DATABASE,
                "table-order-db",
                AllocatedStorage=20,
                EngineVersion="15",
                CACertificateIdentifier="rds-ca-2019",
                StorageEncrypted=True,
                VPCSecurityGroups=["table-order-ec2-sg"],
            )
        ],
    }


def one(kind: str, name: str, **properties: Any) -> dict[str, Any]:
    """Return a description."""
    return {"type": kind, "name": name, "properties": properties}


def found(*without: str) -> dict[str, Any]:
    """Return what the reader finds where all is as described, but for the resources of these names."""
    resources = [
        {
            **copy.deepcopy(one),
            "id": f"id-of-{one['name']}",
            "notes": [],
            "properties": normal(one["type"], copy.deepcopy(known(one["properties"]))),
        }
        for resources in described().values()
        for one in resources
        if one["name"] not in without
    ]
    return {
        "account": "123456789012",
        "region": "ap-northeast-2",
        "seconds": 0.5,
        "resources": resources,
        "unmanaged": [],
        "denied": [],
    }


def nothing() -> dict[str, Any]:
    """Return what the reader finds in an empty account."""
    return found() | {"resources": []}


def known(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties with the account's value for what AWS chose."""
    return properties | {"ImageId": "ami-1"} if "ImageId" in properties else properties


def of(read: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the resource of a name."""
    return next(one for one in read["resources"] if one["name"] == name)

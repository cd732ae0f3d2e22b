"""The permissions that the calls of day two need, by AWS's service authorization reference."""

import pytest

from local_cloud.calls import Call
from local_cloud.needs import Account, needs

REGION, ACCOUNT = "ap-northeast-2", "123456789012"
EC2, RDS = f"arn:aws:ec2:{REGION}", f"arn:aws:rds:{REGION}:{ACCOUNT}"
TAGS = [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            (
                "ec2",
                "CreateImage",
                {"InstanceId": "i-0a", "TagSpecifications": [{"ResourceType": "snapshot"}]},
            ),
            {
                f"ec2:CreateImage {EC2}:{ACCOUNT}:instance/i-0a",
                f"ec2:CreateImage {EC2}::image/*",
                f"ec2:CreateImage {EC2}::snapshot/*",
                f"ec2:CreateTags {EC2}::snapshot/*",
            },
        ),
        (("ec2", "DeregisterImage", {"ImageId": "ami-0a"}), {f"ec2:DeregisterImage {EC2}::image/ami-0a"}),
        (
            ("ec2", "CreateReplaceRootVolumeTask", {"InstanceId": "i-0a", "ImageId": "ami-0a"}),
            {
                f"ec2:CreateReplaceRootVolumeTask {EC2}:{ACCOUNT}:instance/i-0a",
                f"ec2:CreateReplaceRootVolumeTask {EC2}::image/ami-0a",
                f"ec2:CreateReplaceRootVolumeTask {EC2}:{ACCOUNT}:volume/*",
                f"ec2:CreateReplaceRootVolumeTask {EC2}:{ACCOUNT}:replace-root-volume-task/*",
            },
        ),
        (
            (
                "rds",
                "RestoreDBInstanceToPointInTime",
                {
                    "SourceDbiResourceId": "db-X",
                    "TargetDBInstanceIdentifier": "new",
                    "DBSubnetGroupName": "private",
                    "Tags": TAGS,
                },
            ),
            {
                f"rds:RestoreDBInstanceToPointInTime {RDS}:auto-backup:ab-x",
                f"rds:RestoreDBInstanceToPointInTime {RDS}:db:new",
                f"rds:RestoreDBInstanceToPointInTime {RDS}:subgrp:private",
                f"rds:AddTagsToResource {RDS}:db:new",
            },
        ),
        (
            ("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "a", "NewDBInstanceIdentifier": "b"}),
            {f"rds:ModifyDBInstance {RDS}:db:a", f"rds:ModifyDBInstance {RDS}:db:b"},
        ),
    ],
)
def test_a_call_needs_its_resources(call, expected):
    found = needs(Call(*call, REGION), Account(ACCOUNT))
    assert {f"{need.action} {need.resource}" for need in found} == expected

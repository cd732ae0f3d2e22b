"""The default site's resources that cost something, and some that do not, in the form of the roles' descriptions."""

from __future__ import annotations

from typing import Any

REGION = "ap-northeast-2"


def resource(type_: str, name: str, **properties: Any) -> dict[str, Any]:
    return {"type": f"AWS::{type_}", "name": name, "properties": properties}


def site() -> list[dict[str, Any]]:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}}
    secrets = ("rds/master", "rds/owner", "app/database", "app/settings")
    logs = ("fastapi", "nginx", "system")
    alarms = ("ec2-high-cpu", "rds-high-connections", "rds-low-storage")
    return [
        resource("EC2::VPC", "table-order-vpc", CidrBlock="10.0.0.0/16"),
        resource("IAM::Role", "table-order-ec2-role"),
        *[resource("SecretsManager::Secret", f"table-order/{name}") for name in secrets],
        resource("S3::Bucket", "table-order-menu-images-123456789012"),
        resource(
            "RDS::DBInstance",
            "table-order-db",
            Engine="postgres",
            EngineVersion="15",
            DBInstanceClass="db.t3.small",
            AllocatedStorage=20,
            StorageType="gp3",
            MultiAZ=False,
        ),
        resource(
            "ElastiCache::ReplicationGroup",
            "table-order-redis",
            Engine="redis",
            EngineVersion="7.1",
            CacheNodeType="cache.t3.micro",
            NumCacheClusters=1,
        ),
        resource(
            "EC2::Instance",
            "table-order-app-server",
            InstanceType="t3.medium",
            ImageId={"known_after_apply": "latest image of amazon_linux_2023"},
            BlockDeviceMappings=[disk],
            CreditSpecification={"CPUCredits": "standard"},
        ),
        resource("EC2::EIP", "table-order-app-server"),
        *[resource("Logs::LogGroup", f"/aws/ec2/table-order/{name}", RetentionInDays=7) for name in logs],
        resource("SNS::Topic", "table-order-alarms"),
        *[resource("CloudWatch::Alarm", f"table-order-{name}") for name in alarms],
    ]

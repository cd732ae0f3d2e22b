"""One call of each action that the policies name, as the playbooks make it, and an account that has what it names."""

from __future__ import annotations

from pathlib import Path

import yaml

from local_cloud.calls import Call
from local_cloud.needs import Account

ROLES = Path(__file__).parents[3] / "roles"
ACCOUNT, REGION, NAME = "123456789012", "ap-northeast-2", "table-order"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{NAME}-server-boundary"
ROLE, BUCKET = f"{NAME}-ec2-role", f"{NAME}-menu-images-{ACCOUNT}"
LOCK = f"/{NAME}/lock/provision"
MEMORY = f"/{NAME}/procedure/scale"
RELEASE = f"/{NAME}/release"
DONE = f"/{NAME}/done/backup_check"
LOGS, SECRET = f"/aws/ec2/{NAME}/nginx", f"{NAME}/app/settings"
TAGS = [{"Key": "Project", "Value": "table-order"}]
INSTANCE_PROFILE = {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/{ROLE}"}


class Ours(Account):
    """An account in which everything is this environment's."""

    def __init__(self, environment: str = "production", boundary: str = BOUNDARY) -> None:
        """Tag everything with this environment, and give the role this boundary."""
        super().__init__(ACCOUNT)
        self.environment, self.limit = environment, boundary

    def tags(self, region, resource):
        # A public image is its publisher's.
        own = {"Project": "table-order", "Environment": self.environment}
        return {} if resource == EC2_PARAMETERS["ImageId"] else own

    def associated(self, region, association):
        return {"rtbassoc": ["rtb-1", "subnet-1"], "eipassoc": ["eipalloc-1"], "iip": ["i-1"]}[
            association.partition("-")[0]
        ]

    def boundary(self, role):
        return self.limit


def tagged(kind):
    return [{"ResourceType": kind, "Tags": TAGS}]


def arn(service, rest):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def default(setting: str, role: str) -> str:
    """Return a role's default of a resource's name: the policies name what the project makes."""
    text = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())[setting]
    return text.replace("{{ table_order_name }}", NAME)


EC2_PARAMETERS = {
    "AllocationId": "eipalloc-1",
    "GroupId": "sg-1",
    "ImageId": "ami-1",
    "InstanceId": "i-1",
    "InstanceIds": ["i-1"],
    "InternetGatewayId": "igw-1",
    "KeyName": default("aws_compute_key_name", "aws_compute"),
    "Resources": ["i-1"],
    "RouteTableId": "rtb-1",
    "SecurityGroupIds": ["sg-1"],
    "SnapshotId": "snap-1",
    "SubnetId": "subnet-1",
    "VpcId": "vpc-1",
}
ASSOCIATIONS = {
    "DisassociateAddress": "eipassoc-1",
    "DisassociateRouteTable": "rtbassoc-1",
    "ReplaceRouteTableAssociation": "rtbassoc-1",
    "ReplaceIamInstanceProfileAssociation": "iip-assoc-1",
}


def ec2(action: str, wanted: str) -> Call:
    """Return the call of an action of EC2 with the parameters that the table of needs names."""
    parameters = {word: EC2_PARAMETERS[word] for word in wanted.split() if word in EC2_PARAMETERS}
    if action in ("CreateReplaceRootVolumeTask", "DeregisterImage"):
        parameters["ImageId"] = "ami-own"
    if action in ASSOCIATIONS:
        parameters["AssociationId"] = ASSOCIATIONS[action]
    if action == "ModifyInstanceCreditSpecification":
        parameters["InstanceCreditSpecifications"] = [{"InstanceId": "i-1", "CpuCredits": "standard"}]
    made = [word[1:] for word in wanted.split() if word.startswith("+")]
    if action == "ImportKeyPair":
        made = ["key-pair"]
    if made:
        parameters["TagSpecifications"] = tagged(made[0])
    if action in ("RunInstances", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"):
        parameters["IamInstanceProfile"] = INSTANCE_PROFILE
    return Call("ec2", action, parameters, REGION)


def calls() -> list[Call]:
    """Return all of them."""
    from local_cloud.needs import EC2

    found = [ec2(action, wanted) for action, wanted in EC2.items()]
    found += [Call("ec2", "DescribeInstances", {}, REGION)]
    found += [Call(service, action, parameters, REGION) for service, action, parameters in OTHERS]
    return found


DATABASE = {"DBInstanceIdentifier": f"{NAME}-db"}
SNAPSHOT = {"DBSnapshotIdentifier": f"{NAME}-db-before-migration-20261127000000"}
FINAL = {"FinalDBSnapshotIdentifier": f"{NAME}-db-final-20261127000000"}
MONITORING = yaml.safe_load((ROLES / "aws_monitoring/vars/main.yml").read_text())
ALARMS = [
    name.replace("{{ table_order_name }}", NAME) for name in MONITORING["__aws_monitoring_alarms"].values()
]
SUBNETS = default("aws_database_subnet_group_name", "aws_database")
PARAMETERS = default("aws_database_parameter_group_name", "aws_database")
GROUPS = {"DBSubnetGroupName": SUBNETS, "DBParameterGroupName": PARAMETERS}
RECOVERY = {"TargetDBInstanceIdentifier": f"{NAME}-db-recovery"}
CHECK = f"{NAME}-db-check-20261127000000"
SOURCES = [{"SourceDBInstanceIdentifier": f"{NAME}-db"}, {"SourceDbiResourceId": "db-ABC"}]
CACHE_SUBNETS = default("aws_cache_subnet_group_name", "aws_cache")
GROUP = {"ReplicationGroupId": f"{NAME}-redis"}
OTHERS = [
    ("iam", "CreateRole", {"RoleName": ROLE, "PermissionsBoundary": BOUNDARY, "Tags": TAGS}),
    ("iam", "PutRolePermissionsBoundary", {"RoleName": ROLE, "PermissionsBoundary": BOUNDARY}),
    ("iam", "PutRolePolicy", {"RoleName": ROLE, "PolicyName": "s3-access"}),
    ("iam", "DeleteRolePolicy", {"RoleName": ROLE, "PolicyName": "s3-access"}),
    (
        "iam",
        "DetachRolePolicy",
        {"RoleName": ROLE, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    ("iam", "UpdateAssumeRolePolicy", {"RoleName": ROLE}),
    ("iam", "UpdateRole", {"RoleName": ROLE}),
    ("iam", "UpdateRoleDescription", {"RoleName": ROLE}),
    ("iam", "TagRole", {"RoleName": ROLE, "Tags": TAGS}),
    ("iam", "GetRole", {"RoleName": ROLE}),
    ("iam", "DeleteRole", {"RoleName": ROLE}),
    ("iam", "CreateInstanceProfile", {"InstanceProfileName": ROLE, "Tags": TAGS}),
    ("iam", "AddRoleToInstanceProfile", {"InstanceProfileName": ROLE, "RoleName": ROLE}),
    ("iam", "RemoveRoleFromInstanceProfile", {"InstanceProfileName": ROLE, "RoleName": ROLE}),
    ("iam", "DeleteInstanceProfile", {"InstanceProfileName": ROLE}),
    ("iam", "CreateServiceLinkedRole", {"AWSServiceName": "rds.amazonaws.com"}),
    ("rds", "CreateDBInstance", {**DATABASE, "DBSubnetGroupName": SUBNETS, "Tags": TAGS}),
    ("rds", "ModifyDBInstance", DATABASE),
    ("rds", "RebootDBInstance", DATABASE),
    ("rds", "DeleteDBInstance", {**DATABASE, **FINAL}),
    ("rds", "CreateDBSnapshot", {**DATABASE, **SNAPSHOT, "Tags": TAGS}),
    ("rds", "RestoreDBInstanceFromDBSnapshot", {**DATABASE, **SNAPSHOT, **GROUPS, "Tags": TAGS}),
    *(
        ("rds", "RestoreDBInstanceToPointInTime", {**source, **RECOVERY, **GROUPS, "Tags": TAGS})
        for source in SOURCES
    ),
    (
        "rds",
        "RestoreDBInstanceToPointInTime",
        {**SOURCES[0], "TargetDBInstanceIdentifier": CHECK, **GROUPS, "Tags": TAGS},
    ),
    (
        "rds",
        "RestoreDBInstanceFromDBSnapshot",
        {"DBInstanceIdentifier": CHECK, **SNAPSHOT, **GROUPS, "Tags": TAGS},
    ),
    ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": CHECK}),
    ("rds", "ModifyDBInstance", {**DATABASE, "NewDBInstanceIdentifier": f"{NAME}-db-old-20261127000000"}),
    ("rds", "DeleteDBSnapshot", SNAPSHOT),
    ("rds", "DeleteDBInstanceAutomatedBackup", {"DbiResourceId": "db-ABC"}),
    ("rds", "CreateDBParameterGroup", {"DBParameterGroupName": PARAMETERS}),
    ("rds", "CreateDBSubnetGroup", {"DBSubnetGroupName": SUBNETS}),
    ("rds", "AddTagsToResource", {"ResourceName": arn("rds", f"db:{NAME}-db"), "Tags": TAGS}),
    (
        "elasticache",
        "CreateReplicationGroup",
        {**GROUP, "CacheSubnetGroupName": CACHE_SUBNETS},
    ),
    ("elasticache", "CreateCacheSubnetGroup", {"CacheSubnetGroupName": CACHE_SUBNETS}),
    ("elasticache", "AddTagsToResource", {"ResourceName": arn("elasticache", f"cluster:{NAME}-redis-001")}),
    ("elasticache", "ModifyReplicationGroup", GROUP),
    ("elasticache", "DeleteReplicationGroup", GROUP),
    ("elasticache", "ListAllowedNodeTypeModifications", GROUP),
    ("s3", "CreateBucket", {"Bucket": BUCKET}),
    ("s3", "HeadBucket", {"Bucket": BUCKET}),
    ("s3", "PutBucketPolicy", {"Bucket": BUCKET}),
    ("s3", "PutPublicAccessBlock", {"Bucket": BUCKET}),
    ("s3", "PutBucketEncryption", {"Bucket": BUCKET}),
    ("s3", "DeleteObjects", {"Bucket": BUCKET, "Delete": {"Objects": [{"Key": "menus/1/a.png"}]}}),
    ("s3", "ListBuckets", {}),
    ("secretsmanager", "CreateSecret", {"Name": SECRET, "Tags": TAGS}),
    ("secretsmanager", "GetSecretValue", {"SecretId": SECRET}),
    ("secretsmanager", "GetResourcePolicy", {"SecretId": SECRET}),
    ("secretsmanager", "DeleteResourcePolicy", {"SecretId": SECRET}),
    ("secretsmanager", "DeleteSecret", {"SecretId": SECRET}),
    ("logs", "CreateLogGroup", {"logGroupName": LOGS, "tags": {"Project": "table-order"}}),
    ("logs", "PutRetentionPolicy", {"logGroupName": LOGS}),
    ("logs", "DeleteLogGroup", {"logGroupName": LOGS}),
    ("logs", "DescribeLogGroups", {}),
    *(("cloudwatch", "PutMetricAlarm", {"AlarmName": alarm}) for alarm in ALARMS),
    ("cloudwatch", "EnableAlarmActions", {"AlarmNames": ALARMS}),
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ALARMS}),
    ("sns", "CreateTopic", {"Name": f"{NAME}-alarms", "Tags": TAGS}),
    ("sns", "Subscribe", {"TopicArn": arn("sns", f"{NAME}-alarms")}),
    ("sns", "DeleteTopic", {"TopicArn": arn("sns", f"{NAME}-alarms")}),
    (
        "ssm",
        "GetParameter",
        {"Name": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"},
    ),
    ("ssm", "GetParameter", {"Name": f"/{NAME}/procedure/recover_database"}),
    ("ssm", "PutParameter", {"Name": f"{LOCK}/7", "Tags": TAGS}),
    ("iam", "ListAccessKeys", {"UserName": "kim"}),
    ("ssm", "PutParameter", {"Name": DONE, "Tags": TAGS}),
    ("ssm", "GetParametersByPath", {"Path": f"/{NAME}/done"}),
    ("ssm", "DeleteParameter", {"Name": DONE}),
    ("ssm", "PutParameter", {"Name": RELEASE, "Tags": TAGS}),
    ("ssm", "GetParameter", {"Name": RELEASE}),
    ("ssm", "ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": RELEASE}),
    ("ssm", "DeleteParameter", {"Name": RELEASE}),
    ("ssm", "GetParametersByPath", {"Path": LOCK}),
    *(("ssm", action, {"Name": MEMORY}) for action in ("PutParameter", "GetParameter", "DeleteParameter")),
    ("ssm", "DescribeParameters", {}),
    ("ssm", "ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": MEMORY}),
    ("ssm", "DeleteParameters", {"Names": [f"{LOCK}/5", f"{LOCK}/6"]}),
]

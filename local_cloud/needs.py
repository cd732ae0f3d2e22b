"""The permissions that a call needs: its actions, each with the ARNs and condition keys that AWS checks.

The tables are AWS's service authorization reference for what this project calls. A call that is not in them raises
UnknownError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from local_cloud.calls import Call
from local_cloud.policies import Need, UnknownError

Tags = dict[str, str]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
S3_ACTIONS = {
    "CopyObject": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
# Actions without a resource, or for all resources.
UNSCOPED = {
    "acm": r"ListCertificates",
    "cloudwatch": r"DescribeAlarms|GetMetricData|PutMetricData",
    "ec2": r"Describe\w+",
    "elasticache": r"Describe\w+",
    "iam": r"ListInstanceProfiles|ListRoles",
    "logs": r"DescribeLogGroups",
    "rds": r"Describe\w+",
    "resourcegroupstaggingapi": r"GetResources",
    "s3": r"ListBuckets",
    "secretsmanager": r"ListSecrets",
    "sns": r"ListTopics|Unsubscribe",
    "ssm": r"DescribeParameters",
    "sts": r"GetCallerIdentity",
}
# Service -> its name in policies, where that is another.
PREFIXES = {"resourcegroupstaggingapi": "tag"}
# Action of EC2 -> the parameters that name resources; "+kind" is a resource that it creates.
EC2 = {
    "AllocateAddress": "+elastic-ip",
    "AssociateAddress": "InstanceId AllocationId",
    "AssociateIamInstanceProfile": "InstanceId",
    "AssociateRouteTable": "RouteTableId SubnetId",
    "AttachInternetGateway": "InternetGatewayId VpcId",
    "AuthorizeSecurityGroupEgress": "GroupId",
    "AuthorizeSecurityGroupIngress": "GroupId",
    "CreateImage": "InstanceId +image +snapshot",
    "CreateInternetGateway": "+internet-gateway",
    "CreateReplaceRootVolumeTask": "InstanceId ImageId SnapshotId +volume +replace-root-volume-task",
    "CreateRoute": "RouteTableId",
    "CreateRouteTable": "VpcId +route-table",
    "CreateSecurityGroup": "VpcId +security-group",
    "CreateSubnet": "VpcId +subnet",
    "CreateTags": "Resources",
    "CreateVpc": "+vpc",
    "DeleteInternetGateway": "InternetGatewayId",
    "DeleteKeyPair": "KeyName",
    "DeleteRoute": "RouteTableId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteSnapshot": "SnapshotId",
    "DeleteSubnet": "SubnetId",
    "DeleteTags": "Resources",
    "DeleteVpc": "VpcId",
    "DeregisterImage": "ImageId",
    "DetachInternetGateway": "InternetGatewayId VpcId",
    "DisassociateAddress": "AssociationId",
    "DisassociateRouteTable": "AssociationId",
    "GetConsoleOutput": "InstanceId",
    "ImportKeyPair": "KeyName",
    "ModifyInstanceAttribute": "InstanceId",
    "ModifyInstanceCreditSpecification": "",
    "ModifyInstanceMetadataOptions": "InstanceId",
    "ModifySubnetAttribute": "SubnetId",
    "ModifyVpcAttribute": "VpcId",
    "MonitorInstances": "InstanceIds",
    "RebootInstances": "InstanceIds",
    "ReleaseAddress": "AllocationId",
    "ReplaceIamInstanceProfileAssociation": "AssociationId",
    "ReplaceRoute": "RouteTableId",
    "ReplaceRouteTableAssociation": "AssociationId RouteTableId",
    "RevokeSecurityGroupEgress": "GroupId",
    "RevokeSecurityGroupIngress": "GroupId",
    "RunInstances": "ImageId SubnetId SecurityGroupIds KeyName +instance +network-interface +volume",
    "StartInstances": "InstanceIds",
    "StopInstances": "InstanceIds",
    "TerminateInstances": "InstanceIds",
    "UnmonitorInstances": "InstanceIds",
    "UpdateSecurityGroupRuleDescriptionsEgress": "GroupId",
    "UpdateSecurityGroupRuleDescriptionsIngress": "GroupId",
}
EC2_KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "i": "instance",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
# Service -> parameter -> the ARN that it names; {} is the value, or the value itself where the pattern is empty.
ARNS = {
    "cloudwatch": {"AlarmName": "alarm:{}", "AlarmNames": "alarm:{}", "ResourceARN": ""},
    "elasticache": {
        "ReplicationGroupId": "replicationgroup:{}",
        "CacheSubnetGroupName": "subnetgroup:{}",
        "CacheParameterGroupName": "parametergroup:{}",
        "ResourceName": "",
    },
    "logs": {"logGroupName": "log-group:{}", "resourceArn": ""},
    "rds": {
        "DBInstanceIdentifier": "db:{}",
        "NewDBInstanceIdentifier": "db:{}",
        "SourceDBInstanceIdentifier": "db:{}",
        "TargetDBInstanceIdentifier": "db:{}",
        "DbiResourceId": "auto-backup:ab-x",
        "SourceDbiResourceId": "auto-backup:ab-x",
        "ResourceIdentifier": "",
        "DBSnapshotIdentifier": "snapshot:{}",
        "DBSubnetGroupName": "subgrp:{}",
        "DBParameterGroupName": "pg:{}",
        "ResourceName": "",
    },
    "sns": {"Name": "{}", "TopicArn": "", "ResourceArn": ""},
    "ssm": {
        "Name": "parameter{}",
        "Names": "parameter{}",
        "Path": "parameter{}",
        "ResourceId": "parameter{}",
    },
}
# The action that tags a resource when it is created with tags.
TAGGING = {
    "cloudwatch": "TagResource",
    "elasticache": "AddTagsToResource",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "secretsmanager": "TagResource",
    "sns": "TagResource",
    "ssm": "AddTagsToResource",
}


class Account:
    """The facts of an account that decide on a call; this one is empty."""

    def __init__(self, account: str) -> None:
        """Answer for this account id."""
        self.id = account

    def tags(self, region: str, resource: str) -> Tags:
        """Return the tags of a resource of EC2, by its id."""
        return {}

    def is_public(self, region: str, image: str) -> bool:
        """Return whether an image is public; by default if its account is known."""
        return True

    def associated(self, region: str, association: str) -> list[str]:
        """Return the ids at the ends of an association of EC2."""
        return []

    def boundary(self, role: str) -> str:
        """Return the ARN of a role's boundary; empty without one."""
        return ""

    def role_of(self, profile: str) -> str:
        """Return the name of an instance profile's role; by default the profile's own name, as in this project."""
        return profile


def needs(call: Call, account: Account) -> list[Need]:
    """Return the permissions that a call needs. Raises UnknownError for a call outside the tables."""
    if re.fullmatch(UNSCOPED.get(call.service, "$^"), call.action):
        return _unscoped(call)
    special: dict[str, Callable[[Call, Account], Iterator[Need]]] = {
        "ec2": _ec2,
        "iam": _iam,
        "s3": _s3,
        "secretsmanager": _secrets,
    }
    if call.service in special:
        found = list(special[call.service](call, account))
    elif call.service in ARNS:
        found = list(_named(call, account))
    else:
        found = []
    if not found:
        raise UnknownError(f"{call.name} with {', '.join(sorted(call.parameters)) or 'no parameters'}")
    return found


def _unscoped(call: Call) -> list[Need]:
    if call.name == "sts:GetCallerIdentity":
        return []  # AWS always allows it, independent of policies
    context = _context(call)
    if call.action == "PutMetricData":
        context["cloudwatch:namespace"] = call.get("Namespace", "")
    action = S3_ACTIONS.get(call.action, call.action)
    return [Need(f"{PREFIXES.get(call.service, call.service)}:{action}", "*", context)]


def _context(call: Call) -> dict[str, str]:
    given = call.get("Tags") or call.get("tags") or []
    pairs = (
        given.items() if isinstance(given, dict) else ((tag["Key"], tag.get("Value", "")) for tag in given)
    )
    return {"aws:RequestedRegion": call.region, **{f"aws:RequestTag/{key}": value for key, value in pairs}}


def _values(call: Call, parameter: str) -> list[str]:
    value = call.get(parameter) or []
    return [value] if isinstance(value, str) else list(value)


# -- EC2: by id, with the tags of existing resources --------------------------------------------------------------


def _ec2(call: Call, account: Account) -> Iterator[Need]:
    for word in EC2.get(call.action, "").split():
        if word.startswith("+"):
            yield Need(call.name, _ec2_arn(call, account, word[1:]), _context(call))
            continue
        for value in _values(call, word) or _by_other_parameter(call, word):
            yield from _ec2_resource(call, account, value)
    for mapping in call.get("BlockDeviceMappings", []):
        if snapshot := mapping.get("Ebs", {}).get("SnapshotId"):
            yield from _ec2_resource(call, account, snapshot)
    for specification in call.get("InstanceCreditSpecifications", []):
        yield from _ec2_resource(call, account, specification["InstanceId"])
    for specification in call.get("TagSpecifications", []):
        tags = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in specification.get("Tags", [])}
        context = {**_context(call), **tags, "ec2:CreateAction": call.action}
        yield Need("ec2:CreateTags", _ec2_arn(call, account, specification["ResourceType"]), context)
    profile = call.get("IamInstanceProfile") or {}
    if profile:
        role = account.role_of((profile.get("Arn") or profile.get("Name")).rpartition("/")[2])
        yield _pass_role(role, account)


def _by_other_parameter(call: Call, word: str) -> list[str]:
    if call.action == "RunInstances":  # the module puts them into the interface
        inside = {"SubnetId": "SubnetId", "SecurityGroupIds": "Groups"}.get(word)
        interfaces = call.get("NetworkInterfaces", [])
        return [
            value
            for interface in interfaces
            if inside and interface.get(inside)
            for value in ([interface[inside]] if isinstance(interface[inside], str) else interface[inside])
        ]
    return []


def _ec2_resource(call: Call, account: Account, value: str) -> Iterator[Need]:
    prefix = value.partition("-")[0]
    if prefix in ("rtbassoc", "eipassoc", "iip"):
        for one in account.associated(call.region, value):
            yield from _ec2_resource(call, account, one)
        return
    kind = EC2_KINDS.get(prefix, "key-pair" if call.get("KeyName") == value else "")
    if not kind:
        raise UnknownError(f"{call.name} on {value}")
    context = _context(call)
    if kind == "image":
        context["ec2:Public"] = str(account.is_public(call.region, value)).lower()
    context |= {f"aws:ResourceTag/{key}": text for key, text in account.tags(call.region, value).items()}
    yield Need(call.name, _ec2_arn(call, account, kind, value), context)


def _ec2_arn(call: Call, account: Account, kind: str, name: str = "*") -> str:
    """Return a resource's ARN; those of images and snapshots have no account."""
    owner = "" if kind in ("image", "snapshot") else account.id
    return f"arn:aws:ec2:{call.region}:{owner}:{kind}/{name}"


def _pass_role(role: str, account: Account) -> Need:
    return Need(
        "iam:PassRole", f"arn:aws:iam::{account.id}:role/{role}", {"iam:PassedToService": "ec2.amazonaws.com"}
    )


# -- the others: by name -----------------------------------------------------------------------------------


def _iam(call: Call, account: Account) -> Iterator[Need]:
    where, context = f"arn:aws:iam::{account.id}", _context(call)
    role, profile = call.get("RoleName"), call.get("InstanceProfileName")
    if call.action == "CreateServiceLinkedRole":
        service = call.get("AWSServiceName")
        yield Need(
            call.name,
            f"{where}:role/aws-service-role/{service}/x",
            {**context, "iam:AWSServiceName": service},
        )
        return
    if profile:
        yield Need(call.name, f"{where}:instance-profile/{profile}", context)
        if call.action == "AddRoleToInstanceProfile":
            yield _pass_role(role, account)
    elif role:
        boundary = call.get("PermissionsBoundary") or (
            "" if call.action == "CreateRole" else account.boundary(role)
        )
        if boundary:
            context["iam:PermissionsBoundary"] = boundary
        yield Need(call.name, f"{where}:role/{role}", context)
    elif call.get("PolicyArn"):
        yield Need(call.name, call.get("PolicyArn"), context)
    elif call.get("PolicyName"):
        yield Need(call.name, f"{where}:policy/{call.get('PolicyName')}", context)
    elif call.get("UserName"):
        yield Need(call.name, f"{where}:user/{call.get('UserName')}", context)


def _s3(call: Call, account: Account) -> Iterator[Need]:
    action = f"s3:{S3_ACTIONS.get(call.action, call.action)}"
    if call.get("ResourceArn"):
        yield Need(action, call.get("ResourceArn"), _context(call))
        return
    bucket, key = f"arn:aws:s3:::{call.get('Bucket')}", call.get("Key")
    if call.action == "DeleteObjects":
        for item in call.get("Delete.Objects", []):
            version = "Version" if item.get("VersionId") else ""
            yield Need(f"{action}{version}", f"{bucket}/{item['Key']}", _context(call))
    elif call.get("Bucket"):
        yield Need(action, f"{bucket}/{key}" if key else bucket, _context(call))
        if call.action == "CreateBucket" and call.get("CreateBucketConfiguration.Tags"):
            yield Need("s3:TagResource", bucket, _context(call))


def _secrets(call: Call, account: Account) -> Iterator[Need]:
    name = call.get("SecretId") or call.get("Name")
    if not name:
        return
    # Six characters that AWS appends; a policy for one secret ends with -??????
    arn = (
        name
        if name.startswith("arn:")
        else f"arn:aws:secretsmanager:{call.region}:{account.id}:secret:{name}-AbCdEf"
    )
    yield Need(call.name, arn, _context(call))
    if call.action == "CreateSecret" and call.get("Tags"):
        yield Need("secretsmanager:TagResource", arn, _context(call))


def _named(call: Call, account: Account) -> Iterator[Need]:
    context, own = _context(call), call.action.startswith(("Create", "Put", "Copy", "Restore"))
    for parameter, pattern in ARNS[call.service].items():
        for value in _values(call, parameter):
            arn = _arn(call, account, pattern, value)
            yield Need(call.name, arn, context)
            if own and (call.get("Tags") or call.get("tags")) and not _is_used_only(call, parameter):
                yield Need(f"{call.service}:{TAGGING[call.service]}", arn, context)
    if call.name == "rds:DeleteDBInstance" and call.get("FinalDBSnapshotIdentifier"):
        for parameter, pattern in (
            ("DBInstanceIdentifier", "db:{}"),
            ("FinalDBSnapshotIdentifier", "snapshot:{}"),
        ):
            yield Need("rds:CreateDBSnapshot", _arn(call, account, pattern, call.get(parameter)), context)


def _is_used_only(call: Call, parameter: str) -> bool:
    """Return whether a creation only uses this parameter's resource, beside the created one."""
    made = {
        "CreateDBInstance": "DBInstanceIdentifier",
        "CreateDBSnapshot": "DBSnapshotIdentifier",
        "CreateReplicationGroup": "ReplicationGroupId",
        "RestoreDBInstanceFromDBSnapshot": "DBInstanceIdentifier",
        "RestoreDBInstanceToPointInTime": "TargetDBInstanceIdentifier",
    }
    return made.get(call.action, parameter) != parameter


def _arn(call: Call, account: Account, pattern: str, value: str) -> str:
    if not pattern:
        return value
    public = call.service == "ssm" and value.startswith("/aws/service/")
    if call.service == "ssm" and not value.startswith("/"):
        value = f"/{value}"
    stream = call.get("logStreamName") if call.service == "logs" else None
    tail = f":log-stream:{stream}" if stream else ""
    return (
        f"arn:aws:{call.service}:{call.region}:{'' if public else account.id}:{pattern.format(value)}{tail}"
    )

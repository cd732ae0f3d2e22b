"""Whether the policy for the operator allows what a recording shows.

Actions and the names of resources are compared. Conditions are not: they depend on tags and regions that a
request does not show. What a request needs besides its own action (tags, the role that is handed on) is added.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.aws_rules.recording import Call
from tests.aws_rules.storage import as_list, matches

POLICY = Path(__file__).parents[2] / "iam/operator-policy.json"
# What playbooks/destroy.yml needs beside it.
DESTROY_POLICY = Path(__file__).parents[2] / "iam/destroy-policy.json"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space does not count.
MANAGED_POLICY_LIMIT = 6144

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
# The action that tags a resource when it is created with tags.
TAGGING = {
    "cloudwatch": "TagResource",
    "ec2": "CreateTags",
    "elasticache": "AddTagsToResource",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "secretsmanager": "TagResource",
    "sns": "TagResource",
}
# Parameter that names a resource -> its ARN, without account and region, which the policy leaves open.
ARNS = {
    "cloudwatch": {"AlarmName": "arn:aws:cloudwatch:::alarm:{}"},
    "elasticache": {
        "ReplicationGroupId": "arn:aws:elasticache:::replicationgroup:{}",
        "CacheSubnetGroupName": "arn:aws:elasticache:::subnetgroup:{}",
        "CacheParameterGroupName": "arn:aws:elasticache:::parametergroup:{}",
    },
    "iam": {
        "RoleName": "arn:aws:iam:::role/{}",
        "InstanceProfileName": "arn:aws:iam:::instance-profile/{}",
    },
    "logs": {"logGroupName": "arn:aws:logs:::log-group:{}"},
    "rds": {
        "DBInstanceIdentifier": "arn:aws:rds:::db:{}",
        "DBSubnetGroupName": "arn:aws:rds:::subgrp:{}",
        "DBParameterGroupName": "arn:aws:rds:::pg:{}",
    },
    "s3": {"Bucket": "arn:aws:s3:::{}"},
    "secretsmanager": {
        "Name": "arn:aws:secretsmanager:::secret:{}-AbCdEf",
        "SecretId": "arn:aws:secretsmanager:::secret:{}-AbCdEf",
    },
    "sns": {"Name": "arn:aws:sns:::{}"},
    "ssm": {"Name": "arn:aws:ssm:::parameter{}"},
}


def denied(calls: Iterable[Call], *policies: Path) -> list[str]:
    """Return what none of the policies (the operator's) allows of these calls, each as "action on resource", once."""
    statements = [
        statement
        for policy in policies or (POLICY,)
        for statement in json.loads(policy.read_text(encoding="utf-8"))["Statement"]
    ]
    refused = {
        f"{action} on {resource or 'everything'}"
        for call in calls
        for action, resource in _needs(call)
        if not any(_allows(statement, action, resource) for statement in statements)
    }
    return sorted(refused)


def size(policy: Path = POLICY) -> int:
    """Return the size as AWS counts it, in characters without white space."""
    return len("".join(policy.read_text(encoding="utf-8").split()))


def _needs(call: Call) -> Iterator[tuple[str, str | None]]:
    """Yield the actions that a call needs, each with the resource where the request names it."""
    action = S3_ACTIONS.get(call.action, call.action) if call.service == "s3" else call.action
    tagged = bool(call.get("Tags") or call.get("TagSpecifications") or call.get("tags"))
    for resource in _resources(call):
        yield f"{call.service}:{action}", resource
        if tagged and call.service in TAGGING:
            yield f"{call.service}:{TAGGING[call.service]}", resource
    if call.name == "ec2:RunInstances" and call.get("IamInstanceProfile"):
        profile = call.get("IamInstanceProfile.Arn") or call.get("IamInstanceProfile.Name")
        yield "iam:PassRole", f"arn:aws:iam:::role/{profile.split('/')[-1]}"


def _resources(call: Call) -> list[str | None]:
    arns: list[str | None] = [
        pattern.format(call.get(parameter))
        for parameter, pattern in ARNS.get(call.service, {}).items()
        if call.get(parameter)
    ]
    return arns or [None]


def _allows(statement: dict[str, Any], action: str, resource: str | None) -> bool:
    return any(matches(pattern, action) for pattern in as_list(statement["Action"])) and (
        resource is None or any(_covers(pattern, resource) for pattern in as_list(statement["Resource"]))
    )


def _covers(pattern: str, resource: str) -> bool:
    """Tell whether a policy's resource covers an ARN, whatever its region and account."""
    if pattern == "*":
        return True
    parts = pattern.split(":", 5)
    return matches(":".join([*parts[:3], "", "", parts[5]]), resource)

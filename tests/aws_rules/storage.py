"""The bucket and who may use it."""

import json
import re
from typing import Any

from tests.aws_rules.recording import Calls
from tests.aws_rules.registry import Problems, rule

BUCKET_NAME = re.compile(r"^table-order(-[a-z0-9]+)?-menu-images-\d{12}$")
NEVER_DENIED = (
    "s3:PutBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:DeleteBucket",
    "s3:ListBucket",
)
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def as_list(value: Any) -> list[Any]:
    """Return what a policy has as one value or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def matches(pattern: str, value: str) -> bool:
    """Tell whether a policy's pattern with * and ? covers a value."""
    return bool(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.IGNORECASE)
    )


@rule
def the_bucket_s_name_is_resolved(calls: Calls) -> Problems:
    """InvalidBucketName: The specified bucket is not valid. / The account id makes the name unique."""
    for call in calls.of("s3:CreateBucket"):
        if not BUCKET_NAME.match(call.get("Bucket", "")) or len(call.get("Bucket")) > 63:
            yield call, f"Bucket is '{call.get('Bucket')}'"


@rule
def a_bucket_outside_virginia_says_where(calls: Calls) -> Problems:
    """IllegalLocationConstraintException: The unspecified location constraint is incompatible for the
    region specific endpoint this request was sent to.
    """
    for call in calls.of("s3:CreateBucket"):
        place = call.get("CreateBucketConfiguration.LocationConstraint")
        if call.region != "us-east-1" and place != call.region:
            yield call, f"LocationConstraint is {place} in {call.region}"


@rule
def the_bucket_policy_locks_nobody_out(calls: Calls) -> Problems:
    """Nothing refuses it: a Deny of s3:* for all but the role shuts out administrators, and only the
    account's root user can take it back.
    """
    for call in calls.of("s3:PutBucketPolicy"):
        for statement in json.loads(call.get("Policy"))["Statement"]:
            if "NotPrincipal" in statement:
                yield call, f"{statement.get('Sid')} uses NotPrincipal, which needs every session's own ARN"
            if statement["Effect"] != "Deny" or _is_only_about_tls(statement):
                continue
            actions = as_list(statement.get("Action", "s3:*"))
            for action in NEVER_DENIED:
                if any(matches(pattern, action) for pattern in actions):
                    yield call, f"{statement.get('Sid')} denies {action}"
            if "Condition" not in statement:
                yield call, f"{statement.get('Sid')} denies without a condition"


def _is_only_about_tls(statement: dict[str, Any]) -> bool:
    return statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} or statement.get(
        "Condition"
    ) == {"Bool": {"aws:SecureTransport": False}}


@rule
def the_bucket_policy_is_about_this_bucket(calls: Calls) -> Problems:
    """MalformedPolicy: Policy has invalid resource"""
    for call in calls.of("s3:PutBucketPolicy"):
        own = f"arn:aws:s3:::{call.get('Bucket')}"
        for statement in json.loads(call.get("Policy"))["Statement"]:
            for resource in as_list(statement.get("Resource", "")):
                if resource != own and not resource.startswith(f"{own}/"):
                    yield call, f"Resource is {resource}"


@rule
def the_role_exists_before_the_policy_that_names_it(calls: Calls) -> Problems:
    """MalformedPolicy: Invalid principal in policy"""
    order = [call.name for call in calls]
    if "iam:CreateRole" not in order:
        return
    for call in calls.of("s3:PutBucketPolicy"):
        if "iam:CreateRole" not in order[: calls.index(call)]:
            yield call, "iam:CreateRole comes after it"


@rule
def no_access_control_list_is_set(calls: Calls) -> Problems:
    """AccessControlListNotSupported: The bucket does not allow ACLs"""
    for call in calls.of("s3:PutBucketAcl", "s3:PutObjectAcl", "s3:CreateBucket", "s3:PutObject"):
        if call.action.endswith("Acl") or call.get("ACL"):
            yield call, f"ACL is {call.get('ACL')}"


@rule
def public_access_is_blocked_four_times(calls: Calls) -> Problems:
    """Nothing refuses it: an option that is not given is false."""
    for call in calls.of("s3:PutPublicAccessBlock"):
        options = call.get("PublicAccessBlockConfiguration", {})
        missing = [name for name in BLOCKS if options.get(name) is not True]
        if missing:
            yield call, f"{', '.join(missing)} is not true"


@rule
def the_bucket_belongs_to_its_owner(calls: Calls) -> Problems:
    """AccessControlListNotSupported: what other ownership allows are ACLs."""
    for call in calls.of("s3:PutBucketOwnershipControls"):
        for item in call.get("OwnershipControls.Rules", []):
            if item.get("ObjectOwnership") != "BucketOwnerEnforced":
                yield call, f"ObjectOwnership is {item.get('ObjectOwnership')}"


@rule
def the_bucket_is_encrypted_as_the_seed_says(calls: Calls) -> Problems:
    """Nothing refuses it: the seed says AES256."""
    for call in calls.of("s3:PutBucketEncryption"):
        for item in call.get("ServerSideEncryptionConfiguration.Rules", []):
            algorithm = item.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
            if algorithm != "AES256":
                yield call, f"SSEAlgorithm is {algorithm}"

"""S3: a new bucket's defaults since 2023, and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moto.iam.models import iam_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend

from local_cloud.patching import Original, around
from local_cloud.policies import as_list


# AWS: a new bucket is encrypted, private in all four ways, and knows no ACLs.
@around(S3Backend, "create_bucket")
def create_bucket(original: Original, backend: S3Backend, *args: object, **kwargs: object) -> FakeBucket:
    """Create a bucket with today's defaults."""
    bucket = original(backend, *args, **kwargs)
    bucket.ownership_rule = "BucketOwnerEnforced"
    bucket.public_access_block = PublicAccessBlock(*(["true"] * 4))
    bucket.encryption = {
        "Rule": {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": "false",
        }
    }
    return bucket


# AWS: a bucket whose owner is enforced takes no ACL but the one it has.
@around(S3Backend, "put_bucket_acl")
def refuse_acl(original: Original, backend: S3Backend, bucket_name: str, acl: Any) -> None:  # noqa: ANN401
    """Raise for an ACL that would grant rights."""
    enforced = backend.get_bucket(bucket_name).ownership_rule == "BucketOwnerEnforced"
    if enforced and acl is not None and len(acl.grants) > 1:
        raise S3ClientError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    original(backend, bucket_name, acl)


# AWS: a policy names principals that exist, and resources of its own bucket.
@around(S3Backend, "put_bucket_policy")
def refuse_malformed_policy(original: Original, backend: S3Backend, bucket_name: str, policy: bytes) -> None:
    """Raise MalformedPolicy for an unknown principal or another bucket's resource."""
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError) as problem:
        raise S3ClientError("MalformedPolicy", "This policy contains invalid Json") from problem
    own = f"arn:aws:s3:::{bucket_name}"
    for statement in as_list(statements):
        if not all(one == own or one.startswith(f"{own}/") for one in as_list(statement.get("Resource", []))):
            raise S3ClientError("MalformedPolicy", "Policy has invalid resource")
        for key in ("Principal", "NotPrincipal"):
            for arn in _principals(statement.get(key, {})):
                if not _exists(backend, arn):
                    raise S3ClientError("MalformedPolicy", "Invalid principal in policy")
    original(backend, bucket_name, policy)


def _principals(principal: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(principal, dict):
        yield from as_list(principal.get("AWS", []))


def _exists(backend: S3Backend, arn: str) -> bool:
    """Whether an IAM principal exists; principals of other accounts are assumed to exist."""
    if arn == "*" or f":{backend.account_id}:" not in arn or arn.endswith(":root"):
        return True
    kind, _, path = arn.rpartition(f":{backend.account_id}:")[2].partition("/")
    iam = iam_backends[backend.account_id]["aws"]
    if kind == "role":
        return any(role.arn == arn for role in iam.roles.values())
    if kind == "user":
        return path.rpartition("/")[2] in iam.users
    return True

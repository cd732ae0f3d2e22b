"""S3: the principals of a bucket policy.

moto applies a statement to every request: it reads neither Principal nor Condition.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from flask import has_request_context, request
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
from moto.sts.models import sts_backends

from local_cloud.patching import Original, around
from local_cloud.policies import as_list


# AWS: a statement counts for the principals it names, when its conditions are true.
@around(FakeBucket, "get_permission")
def judge_caller(_original: Original, bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Decide by the statements that apply to this request's principal."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    caller = caller_arn(bucket.account_id)
    applying = [statement for statement in document["Statement"] if _applies(statement, caller)]
    if not applying:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({**document, "Statement": applying})).is_action_permitted(action, resource)


def caller_arn(account: str) -> str:
    """Return the ARN of the request's role, or of the account's root for unknown keys."""
    header = request.headers.get("Authorization", "") if has_request_context() else ""
    key = header.partition("Credential=")[2].partition("/")[0]
    for role in sts_backends[account]["aws"].assumed_roles:
        if role.access_key_id == key:
            return role.role_arn
    return f"arn:aws:iam::{account}:root"


def _applies(statement: dict[str, Any], caller: str) -> bool:
    principal = statement.get("Principal", "*")
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    if not any(one in ("*", caller) for one in as_list(named)):
        return False
    return all(
        _condition_is_true(operator, key, as_list(values), caller)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _condition_is_true(operator: str, key: str, values: list[str], caller: str) -> bool:
    if key.lower() == "aws:securetransport":
        # The local cloud stands for endpoints that are reached by HTTPS.
        return "true" in values
    if key.lower() != "aws:principalarn":
        raise NotImplementedError(f"the local cloud does not know the condition {operator} {key}")
    matches = any(fnmatchcase(caller, value) for value in values)
    return not matches if "Not" in operator else matches

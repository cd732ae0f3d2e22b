"""Calls required in a run that creates resources; their absence causes no error."""

import json
from collections.abc import Iterator
from typing import Any

from tests.aws_rules.recording import Call, Calls
from tests.aws_rules.registry import Problems, rule
from tests.aws_rules.storage import as_list

RECOVERY_DAYS = 7


def _without(calls: Calls, created: str, *wanted: str) -> Iterator[Call]:
    """Yield the calls named ``created`` when the run has none of the ``wanted`` ones."""
    if not any(calls.of(*wanted)):
        yield from calls.of(created)


@rule
def what_protects_a_bucket_is_set_or_compared(calls: Calls) -> Problems:
    """Nothing refuses it: a new bucket has AWS's current defaults, and an older one keeps its settings.
    A setting that is as wanted is only read.
    """
    for kind in ("PublicAccessBlock", "BucketEncryption", "BucketOwnershipControls"):
        for call in _without(calls, "s3:CreateBucket", f"s3:Put{kind}", f"s3:Get{kind}"):
            yield call, f"nobody sets or reads its {kind}"


@rule
def the_bucket_gets_its_policy(calls: Calls) -> Problems:
    """Nothing refuses it: without one, every role of the account with s3:* reads it, even over plain HTTP."""
    for call in _without(calls, "s3:CreateBucket", "s3:PutBucketPolicy"):
        yield call, "the bucket has no policy"
    for call in calls.of("s3:PutBucketPolicy"):
        conditions = [
            statement.get("Condition", {})
            for statement in as_list(json.loads(call.get("Policy"))["Statement"])
            if statement["Effect"] == "Deny"
        ]
        if not any(_has(condition, "aws:SecureTransport") for condition in conditions):
            yield call, "no statement denies plain HTTP"
        if not any(_has(condition, "aws:PrincipalArn") for condition in conditions):
            yield call, "no statement denies other principals"


def _has(condition: dict[str, Any], key: str) -> bool:
    return any(key in keys for keys in condition.values())


@rule
def every_group_gets_its_rules(calls: Calls) -> Problems:
    """Nothing refuses it: a group without an ingress rule refuses all clients, and the service does not answer."""
    made = list(calls.of("ec2:CreateSecurityGroup"))
    opened = {call.get("GroupId") for call in calls.of("ec2:AuthorizeSecurityGroupIngress")}
    if len(opened) < len(made):
        yield made[-1], f"{len(made)} groups were made, {len(opened)} got a rule"


@rule
def database_and_cache_are_in_a_group(calls: Calls) -> Problems:
    """Nothing refuses it: left out, it is the VPC's default group, which lets in all its members."""
    for call in calls.of("rds:CreateDBInstance"):
        if not call.get("VpcSecurityGroupIds"):
            yield call, "VpcSecurityGroupIds is missing"
    for call in calls.of("elasticache:CreateReplicationGroup"):
        if not call.get("SecurityGroupIds"):
            yield call, "SecurityGroupIds is missing"


@rule
def a_parameter_group_gets_its_parameters(calls: Calls) -> Problems:
    """Nothing refuses it: a new group has the engine's defaults."""
    for call in _without(calls, "rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"):
        yield call, "no parameter of it is set"


@rule
def the_profile_holds_the_role(calls: Calls) -> Problems:
    """Nothing refuses it: a server with an empty profile starts, and gets no credentials."""
    for call in _without(calls, "iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"):
        yield call, "no role is added to it"


@rule
def server_and_database_are_watched(calls: Calls) -> Problems:
    """Nothing refuses it: what no alarm watches fails silently."""
    watched = {call.get("Namespace") for call in calls.of("cloudwatch:PutMetricAlarm")}
    for name, namespace in (("ec2:RunInstances", "AWS/EC2"), ("rds:CreateDBInstance", "AWS/RDS")):
        for call in calls.of(name):
            if namespace not in watched:
                yield call, f"no alarm of {namespace}"


@rule
def a_deleted_secret_can_be_brought_back(calls: Calls) -> Problems:
    """Nothing refuses it: ForceDeleteWithoutRecovery is at once and for ever."""
    for call in calls.of("secretsmanager:DeleteSecret"):
        days = call.get("RecoveryWindowInDays", 30)
        if call.get("ForceDeleteWithoutRecovery") or days < RECOVERY_DAYS:
            yield call, f"{call.get('SecretId')} cannot be restored for {RECOVERY_DAYS} days"

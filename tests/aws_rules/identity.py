"""The server's role, and the secrets."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.aws_rules.recording import Call, Calls
from tests.aws_rules.registry import Problems, rule
from tests.aws_rules.storage import as_list, matches

AGENT_NEEDS = (
    "cloudwatch:PutMetricData",
    "ec2:DescribeTags",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "logs:DescribeLogStreams",
    "logs:DescribeLogGroups",
)
IAM_TEXT = re.compile(r"^[\t\n\r\x20-\x7e\xa1-\xff]*$")
SECRET_NAME = re.compile(r"^table-order(-[a-z0-9]+)?/[A-Za-z0-9/_+=.@-]+$")
SECRET_PATTERN = re.compile(r":secret:table-order(-[a-z0-9]+)?/app/")
MASTER_SECRET = re.compile(r"(rds|master)", re.IGNORECASE)


def _allowed(calls: Calls) -> Iterator[tuple[Call, dict[str, Any]]]:
    """Yield the Allow statements of every policy given to a role."""
    for call in calls.of("iam:PutRolePolicy", "iam:CreatePolicy"):
        for statement in as_list(json.loads(call.get("PolicyDocument"))["Statement"]):
            if statement["Effect"] == "Allow":
                yield call, statement


@rule
def the_role_s_bucket_is_named_exactly(calls: Calls) -> Problems:
    """Nothing refuses it: table-order-menu-images-* also matches foreign buckets with such a name."""
    for call, statement in _allowed(calls):
        for resource in as_list(statement.get("Resource", [])):
            if resource.startswith("arn:aws:s3:::") and not re.match(
                r"^arn:aws:s3:::[a-z0-9.-]+-\d{12}(/.*)?$", resource
            ):
                yield call, f"Resource is {resource}"


@rule
def the_role_reads_the_application_s_secrets_only(calls: Calls) -> Problems:
    """Nothing refuses it: table-order/* includes the database's master password."""
    for call, statement in _allowed(calls):
        if not any(
            matches(action, "secretsmanager:GetSecretValue") for action in as_list(statement["Action"])
        ):
            continue
        for resource in as_list(statement["Resource"]):
            if not SECRET_PATTERN.search(resource):
                yield call, f"Resource is {resource}"


@rule
def the_role_has_what_the_agent_needs(calls: Calls) -> Problems:
    """AccessDenied: User is not authorized to perform: cloudwatch:PutMetricData because no identity-based
    policy allows it
    """
    statements = list(_allowed(calls))
    if not statements:
        return
    granted = [action for _call, statement in statements for action in as_list(statement["Action"])]
    for need in AGENT_NEEDS:
        if not any(matches(pattern, need) for pattern in granted):
            yield statements[-1][0], f"no policy allows {need}"


@rule
def actions_without_resources_are_allowed_on_all(calls: Calls) -> Problems:
    """AccessDenied: PutMetricData and the Describe actions of EC2 know no resource, only *."""
    unscoped = ("cloudwatch:PutMetricData", "ec2:DescribeTags", "ec2:DescribeVolumes")
    for call, statement in _allowed(calls):
        if set(as_list(statement["Action"])) & set(unscoped) and as_list(statement["Resource"]) != ["*"]:
            yield call, f"{statement['Action']} on {statement['Resource']}"


@rule
def the_role_may_not_do_everything(calls: Calls) -> Problems:
    """Nothing refuses it: a policy of s3:* or * gives a stolen server the account."""
    for call, statement in _allowed(calls):
        broad = [action for action in as_list(statement["Action"]) if action == "*" or action.endswith(":*")]
        if broad:
            yield call, f"Action is {', '.join(broad)}"


@rule
def iam_texts_are_latin(calls: Calls) -> Problems:
    """ValidationError: 1 validation error detected: Value at 'description' failed to satisfy constraint:
    Member must satisfy regular expression pattern
    """
    for call in calls.of("iam:CreateRole", "iam:CreatePolicy", "iam:UpdateRole"):
        if not IAM_TEXT.match(call.get("Description") or ""):
            yield call, f"Description is '{call.get('Description')}'"


@rule
def secrets_are_named_below_the_project(calls: Calls) -> Problems:
    """AccessDeniedException: a policy for table-order/* does not match a secret called table-order-db."""
    for call in calls.of("secretsmanager:CreateSecret"):
        name = call.get("Name", "")
        if not SECRET_NAME.match(name):
            yield call, f"Name is '{name}'"
        if re.search(r"-[A-Za-z0-9]{6}$", name):
            yield call, f"Name is '{name}', whose end looks like the six characters that AWS appends"


@rule
def the_master_password_is_not_among_the_application_s_secrets(calls: Calls) -> Problems:
    """Nothing refuses it: the server reads all of table-order/app/*."""
    for call in calls.of("secretsmanager:CreateSecret"):
        name = call.get("Name", "")
        if "/app/" in name and MASTER_SECRET.search(name.split("/app/")[1]):
            yield call, f"Name is '{name}'"


@rule
def a_secret_is_written_once(calls: Calls) -> Problems:
    """Nothing refuses it: overwrite makes a new password each run, and the database keeps the old one."""
    for call in calls.of("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"):
        if call.action == "PutSecretValue" or call.get("SecretString"):
            yield call, f"{call.get('SecretId')} is overwritten"

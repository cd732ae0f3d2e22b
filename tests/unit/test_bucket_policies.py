"""Who reaches the bucket's objects: the statements of its policy and of the server's role, rendered as the roles do."""

import pytest

from tests.unit.test_settings_wired import described

BUCKET = "arn:aws:s3:::pictures"
ROLE = "arn:aws:iam::123456789012:role/server"
SETTINGS = {
    "table_order_account_id": "123456789012",
    "table_order_server_role_name": "server",
    "table_order_bucket_name": "pictures",
    "aws_storage_bucket_name": "pictures",
    "aws_storage_object_administrators": ["arn:aws:iam::123456789012:role/admin"],
}
OBJECT_ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}


def statements() -> list[dict]:
    return described("aws_storage", "AWS::S3::Bucket", **SETTINGS)["BucketPolicy"]["Statement"]


def denials(condition: dict) -> list[dict]:
    found = statements()
    return [one for one in found if one["Effect"] == "Deny" and one.get("Condition") == condition]


def test_everybody_but_the_role_and_the_administrators_is_denied_the_objects():
    [denial] = denials(
        {"ArnNotLike": {"aws:PrincipalArn": [ROLE, *SETTINGS["aws_storage_object_administrators"]]}}
    )
    assert denial["Principal"] == "*"
    assert set(denial["Action"]) == OBJECT_ACTIONS
    assert denial["Resource"] == f"{BUCKET}/*"


def test_nothing_goes_in_clear():
    [denial] = denials({"Bool": {"aws:SecureTransport": "false"}})
    assert denial["Principal"] == "*"
    assert set(denial["Action"]) == OBJECT_ACTIONS | {"s3:ListBucket"}
    assert set(denial["Resource"]) == {BUCKET, f"{BUCKET}/*"}


def test_nobody_is_locked_out_of_the_bucket_itself():
    found = statements()
    denied = {action for one in found if one["Effect"] == "Deny" for action in one["Action"]}
    assert denied == OBJECT_ACTIONS | {"s3:ListBucket"}
    assert not any("NotPrincipal" in one for one in found)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *((action, f"{BUCKET}/*") for action in sorted(OBJECT_ACTIONS)),
        # The health check needs it; a missing image is then a 404 and no AccessDenied.
        ("s3:ListBucket", BUCKET),
    ],
)
def test_the_servers_role_has_what_the_application_asks(action, resource):
    policies = described("aws_security", "AWS::IAM::Role", **SETTINGS)["Policies"]
    [found] = [one["PolicyDocument"]["Statement"] for one in policies if one["PolicyName"] == "s3-access"]
    allowed = [one["Resource"] for one in found if one["Effect"] == "Allow" and action in one["Action"]]
    assert allowed == [resource]

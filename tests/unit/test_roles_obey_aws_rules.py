"""What the roles ask AWS for, held against the rules for recordings before anything is recorded: their own arguments, rendered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import iam
from local_cloud.policies import Need, allowed
from tests.aws_rules import Call, Calls, check
from tests.unit.tasks import find
from tests.unit.test_settings_wired import PLAY, Scope, described, text

ACCOUNT, REGION = PLAY["table_order_account_id"], PLAY["table_order_region"]
NAME = "table-order"
PASSWORD = "Abcdefgh12345678"
# What the tasks before have found, on an account where nothing is there yet.
FOUND = {
    "__aws_database_found": {"instances": []},
    "__aws_database_master": {"username": "tableorder_admin", "password": PASSWORD},
    "__aws_compute_found": {"instances": []},
    "__aws_compute_images": {"images": [{"image_id": "ami-1", "root_device_name": "/dev/xvda"}]},
    "__aws_cache_before": {"replication_groups": []},
    "__aws_security_server_group": {"group_id": "sg-1"},
    "__aws_monitoring_servers": {"instances": [{"instance_id": "i-1"}]},
    "aws_database_subnet_ids": ["subnet-1", "subnet-2"],
    "aws_database_security_group_ids": ["sg-2"],
    "aws_cache_subnet_ids": ["subnet-1", "subnet-2"],
    "aws_cache_security_group_ids": ["sg-3"],
    "aws_compute_subnet_id": "subnet-1",
    "aws_compute_security_group_id": "sg-1",
    "omit": None,
}
# The module's name for a parameter, where it is not AWS's in small letters.
RENAMED = {
    "id": "DBInstanceIdentifier",
    "db_instance_class": "DBInstanceClass",
    "db_name": "DBName",
    "username": "MasterUsername",
    "password": "MasterUserPassword",
    "multi_az": "MultiAZ",
    "name": "AlarmName",
    "metric_name": "MetricName",
    "comparison": "ComparisonOperator",
    "parameter_group": "CacheParameterGroupName",
    "preferred_availability_zones": "PreferredCacheClusterAZs",
    "at_rest_encryption": "AtRestEncryptionEnabled",
    "transit_encryption": "TransitEncryptionEnabled",
}


def arguments(role: str, file: str, name: str, **more: Any) -> dict[str, Any]:
    """Return the rendered arguments of one task, without what it leaves out."""
    task = find(f"roles/{role}/tasks/{file}.yml", name)
    rendered = Scope(role, **FOUND).see(task.arguments, **(task.keywords["vars"] | more))
    return {key: value for key, value in rendered.items() if value is not None}


def aws(given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a module under AWS's names."""
    return {
        RENAMED.get(key, "".join(part.title() for part in key.split("_")).replace("Db", "DB")): value
        for key, value in given.items()
    }


def items(role: str, file: str, name: str, variable: str) -> list[dict[str, Any]]:
    """Return the same for each item of a task with a loop."""
    loop = Scope(role, **FOUND).see(find(f"roles/{role}/tasks/{file}.yml", name).keywords["loop"])
    return [arguments(role, file, name, **{variable: item}) for item in loop]


def database() -> dict[str, Any]:
    return arguments("aws_database", "instance", "Create the database")


def server() -> dict[str, Any]:
    return arguments("aws_compute", "instance", "Create the server")


def alarms() -> list[dict[str, Any]]:
    found = items("aws_monitoring", "alarms", "Create the alarms", "__aws_monitoring_alarm")
    for one in found:
        one["dimensions"] = [{"Name": key, "Value": value} for key, value in one["dimensions"].items()]
    return found


def parameters() -> dict[str, Any]:
    given = arguments("aws_database", "groups", "Create the parameter group")
    method = "immediate" if given["immediate"] else "pending-reboot"
    return {
        "DBParameterGroupName": given["name"],
        "Parameters": [
            {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": method}
            for name, value in given["params"].items()
        ],
    }


def machine() -> dict[str, Any]:
    given = server()
    disks = [{"DeviceName": one["device_name"], "Ebs": aws(one["ebs"])} for one in given["volumes"]]
    return {
        "ImageId": given["image_id"],
        "MaxCount": 1,
        "IamInstanceProfile": {"Name": given["iam_instance_profile"]},
        "BlockDeviceMappings": disks,
        "MetadataOptions": aws(given["metadata_options"]),
    }


def bucket() -> list[tuple[str, dict[str, Any]]]:
    given = arguments("aws_storage", "bucket", "Create the bucket of menu images")
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": given["encryption"]}}
    policy = given["policy"] if isinstance(given["policy"], str) else json.dumps(given["policy"])
    return [
        (
            "s3:CreateBucket",
            {"Bucket": given["name"], "CreateBucketConfiguration": {"LocationConstraint": REGION}},
        ),
        ("s3:PutPublicAccessBlock", {"PublicAccessBlockConfiguration": aws(given["public_access"])}),
        ("s3:PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": [encryption]}}),
        (
            "s3:PutBucketOwnershipControls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": given["object_ownership"]}]}},
        ),
        ("s3:PutBucketPolicy", {"Bucket": given["name"], "Policy": policy}),
    ]


def asked() -> Calls:
    """Return what a first run asks AWS for, as far as the tasks' arguments say it."""
    windows = {"preferred_maintenance_window": "PreferredMaintenanceWindow"}
    made = aws(database()) | {
        windows[key]: str(value).lower() for key, value in database().items() if key in windows
    }
    cache = aws(arguments("aws_cache", "replication_group", "Create the cache"))
    logs = items("aws_monitoring", "logs", "Create the log groups", "__aws_monitoring_log_group")
    found = [
        ("rds:ModifyDBParameterGroup", parameters()),
        ("rds:CreateDBInstance", made),
        ("elasticache:CreateReplicationGroup", cache),
        ("ec2:RunInstances", machine()),
        *bucket(),
        *(("cloudwatch:PutMetricAlarm", aws(one)) for one in alarms()),
        *(("logs:CreateLogGroup", {"logGroupName": one["log_group_name"]}) for one in logs),
        *(
            (
                "logs:PutRetentionPolicy",
                {"logGroupName": one["log_group_name"], "retentionInDays": one["retention"]},
            )
            for one in logs
            if "retention" in one
        ),
    ]
    return Calls(Call(*name.split(":"), values, REGION) for name, values in found)


def test_what_the_roles_ask_for_breaks_no_rule():
    assert [str(violation) for violation in check(asked())] == []


def test_the_metadata_of_the_server_answers_no_container_and_no_guest():
    """The image's own default lets an answer travel two hops, which is one too many for a request that was forged."""
    options = server()["metadata_options"]
    assert int(options["http_put_response_hop_limit"]) == 1
    # Tags hold the host key and may hold more.
    assert options["instance_metadata_tags"] == "disabled"


def test_what_is_made_of_the_database_is_found_again_and_it_gets_its_patches():
    given = database()
    assert given["copy_tags_to_snapshot"] is True
    assert given["auto_minor_version_upgrade"] is True
    # A change waits for the night unless it was asked for by name.
    assert given["apply_immediately"] is False


def test_what_an_operator_has_subscribed_stays():
    given = arguments("aws_monitoring", "topic", "Create the alarm topic")
    assert given["purge_subscriptions"] is False


def test_a_disk_goes_with_its_server():
    assert [one["ebs"]["delete_on_termination"] for one in server()["volumes"]] == [True]


def test_an_existing_database_is_asked_for_nothing_that_restarts_or_breaks_it():
    """RDS upgrades the minor version and may grow the storage: a run that sends them again would revert this."""
    task = find("roles/aws_database/tasks/instance.yml", "Create the database")
    there = {"__aws_database_found": {"instances": [{"endpoint": {"port": 5432}}]}}
    given = Scope("aws_database", **(FOUND | there)).see(task.arguments, **task.keywords["vars"])
    once = ("engine_version", "allocated_storage", "username", "password")
    assert {name: given[name] for name in once} == dict.fromkeys(once)
    assert given["force_update_password"] is False


def test_a_parameter_that_could_not_be_set_fails_the_run():
    """The module only reports it."""
    task = find("roles/aws_database/tasks/groups.yml", "Create the parameter group")

    def fails(**result: Any) -> bool:
        scope = Scope("aws_database", ansible_check_mode=result.pop("check", False))
        return scope.see("{{ " + task.keywords["failed_when"] + " }}", **{task.keywords["register"]: result})

    assert fails(errors=["Parameter shared_buffers is not valid"]) is True
    assert fails(failed=True) is True
    assert fails(errors=[]) is fails(errors=["not asked yet"], check=True) is False


def groups() -> list[dict[str, Any]]:
    private = "Create the security groups of the database and the cache"
    return items("aws_security", "groups", private, "__aws_security_group")


def test_database_and_cache_let_the_server_in_and_nothing_out():
    assert len(groups()) == 2
    for group in groups():
        assert group["rules_egress"] == []
        [rule] = group["rules"]
        assert rule["group_id"] == "sg-1"
        assert not {"cidr_ip", "cidr_ipv6", "ip_prefix"} & rule.keys()


def test_the_server_is_open_for_the_web_and_for_ssh_from_the_operator():
    task = find("roles/aws_security/tasks/groups.yml", "Create the server's security group")
    scope = Scope("aws_security", **(FOUND | {"aws_security_open_backend_port": False}))
    given = scope.see(task.arguments, **task.keywords["vars"])
    rules, [outbound] = given["rules"], given["rules_egress"]
    opened = {(rule["from_port"], rule["to_port"], rule["cidr_ip"]) for rule in rules}
    assert opened == {(22, 22, "203.0.113.7/32"), (80, 80, "0.0.0.0/0"), (443, 443, "0.0.0.0/0")}
    assert (outbound["proto"], outbound["cidr_ip"]) == ("-1", "0.0.0.0/0")
    # The setting that opens the application's port is off by default.
    assert (
        Scope("aws_security").role.joinpath("defaults/main.yml").read_text().count("open_backend_port: false")
        == 1
    )


def policies() -> list[dict[str, Any]]:
    role = described(
        "aws_security", "AWS::IAM::Role", table_order_bucket_name=f"{NAME}-menu-images-{ACCOUNT}"
    )
    return [one["PolicyDocument"] for one in role["Policies"]]


def secret(name: str) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"


# Action, resource, context, and whether the server may.
RIGHTS = [
    ("secretsmanager:GetSecretValue", secret(f"{NAME}/app/database"), {}, True),
    ("secretsmanager:GetSecretValue", secret(f"{NAME}/rds/master"), {}, False),
    ("secretsmanager:GetSecretValue", secret(f"{NAME}/rds/owner"), {}, False),
    ("secretsmanager:GetSecretValue", secret(f"{NAME}-staging/app/database"), {}, False),
    ("secretsmanager:PutSecretValue", secret(f"{NAME}/app/database"), {}, False),
    ("s3:PutObject", f"arn:aws:s3:::{NAME}-menu-images-{ACCOUNT}/1.png", {}, True),
    ("s3:PutObject", "arn:aws:s3:::table-order-menu-images-210987654321/1.png", {}, False),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::{NAME}-menu-images-{ACCOUNT}", {}, False),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CWAgent"}, True),
    # Whoever has taken the server over could keep the alarms of everything else silent.
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Other"}, False),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/ec2/{NAME}/nginx", {}, True),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/other", {}, False),
    ("ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1", {}, False),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{NAME}-ec2-role", {}, False),
]


@pytest.mark.parametrize(("action", "resource", "context", "may"), RIGHTS)
def test_the_server_may_what_it_needs_and_no_more(action, resource, context, may):
    boundary = iam.render(iam.BOUNDARY, iam.Target("production", REGION, ACCOUNT))
    need, own = Need(action, resource, context), policies()
    # Also by its policies alone: an account may have no boundary.
    assert [allowed(need, own), allowed(need, own, boundary)] == [may, may]


def test_the_server_s_role_is_for_servers_and_has_its_boundary():
    # An inventory may do without one; the role does not.
    setting = text("roles/aws_security/defaults/main.yml")["aws_security_permissions_boundary"]
    given = arguments(
        "aws_security", "role", "Create the server's role", aws_security_permissions_boundary=setting
    )
    assert re.fullmatch(rf"arn:aws:iam::{ACCOUNT}:policy/{NAME}-server-boundary", given["boundary"])
    # The module refuses the boundary otherwise.
    assert given["create_instance_profile"] is False
    trust = given["assume_role_policy_document"]
    [statement] = (json.loads(trust) if isinstance(trust, str) else trust)["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com"}

"""The comparison: which action and which changes follow from a difference, in which order."""

import json
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.filter.account_plan import account_plan
from ansible_collections.table_order.infra.plugins.module_utils.account_types import normal
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan import (
    AreaError,
    areas_to_run,
    left_over,
    plan,
    refusals,
)
from jsonschema import Draft202012Validator

from tests.unit.account_plan.samples import (
    ALARM,
    BUCKET,
    GROUP,
    ROLE,
    SUBNET,
    TAGS,
    TOPIC_ARN,
    VPC,
    described,
    found,
    nothing,
    of,
    one,
    policy,
    rule,
)

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[3] / "docs/plan.schema.json").read_text()))


def planned(read, wanted=None, **options):
    """Return the plan, which fits the schema."""
    result = plan(wanted or described(), read, "local", **options)
    SCHEMA.validate(result)
    return result


def actions(result):
    """Return the actions that are not none, by name."""
    return {one["name"]: one["action"] for one in result["resources"] if one["action"] != "none"}


def changes(result, name):
    """Return a resource's changes: property -> before, after."""
    return {one["property"]: (one["before"], one["after"]) for one in of(result, name)["changes"]}


def test_what_is_as_described_needs_nothing():
    result = planned(found())
    assert actions(result) == {}
    assert result["status"] == "no changes"
    assert result["complete"]
    assert result["counts"] == {
        "none": 8,
        "create": 0,
        "update": 0,
        "replace": 0,
        "delete": 0,
        "unmanaged": 0,
    }


def test_an_empty_account_gets_each_after_those_that_it_refers_to():
    result = planned(nothing())
    assert [one["name"] for one in result["resources"]] == [
        "table-order-alarms",
        "table-order-cpu",
        "table-order-vpc",
        "table-order-public-subnet",
        "table-order-ec2-sg",
        "table-order-app-server",
        "table-order-ec2-role",
        "table-order-db",
    ]
    assert set(actions(result).values()) == {"create"}
    assert of(result, "table-order-app-server")["depends_on"] == [
        f"{SUBNET} table-order-public-subnet",
        f"{GROUP} table-order-ec2-sg",
    ]
    [image] = [one for one in of(result, "table-order-app-server")["changes"] if one["property"] == "ImageId"]
    assert image["unknown"]
    assert not any(one["forces_replacement"] for each in result["resources"] for one in each["changes"])
    assert (image["before"], image["after"]) == (None, None)
    assert of(result, "table-order-app-server")["notes"] == ["ImageId: latest image of amazon_linux_2023"]
    assert result["status"] == "changes"


def test_two_that_refer_to_each_other_are_both_in_the_order():
    groups = [
        one(GROUP, name, SecurityGroupIngress=[rule(80, SourceSecurityGroupId=other)])
        for name, other in (("a", "b"), ("b", "a"), ("c", "c"))
    ]
    result = planned(nothing(), {"aws_security": groups})
    assert sorted(one["name"] for one in result["resources"]) == ["a", "b", "c"]


CHANGED = [
    ("table-order-vpc", "EnableDnsSupport", False, "EnableDnsSupport", False, True, "update"),
    ("table-order-vpc", "CidrBlock", "10.1.0.0/16", "CidrBlock", "10.1.0.0/16", "10.0.0.0/16", "replace"),
    ("table-order-cpu", "ActionsEnabled", False, "ActionsEnabled", False, True, "update"),
    ("table-order-cpu", "AlarmActions", [], "AlarmActions", [], [TOPIC_ARN], "update"),
    ("table-order-db", "AllocatedStorage", "10", "AllocatedStorage", "10", "20", "update"),
    ("table-order-db", "EngineVersion", "14", "EngineVersion", "14", "15", "update"),
    ("table-order-db", "StorageEncrypted", False, "StorageEncrypted", False, True, "replace"),
    ("table-order-ec2-role", "ManagedPolicyArns", ["arn:x"], "ManagedPolicyArns", ["arn:x"], [], "update"),
    (
        "table-order-app-server",
        "MetadataOptions",
        {"HttpTokens": "optional"},
        "MetadataOptions.HttpTokens",
        "optional",
        "required",
        "update",
    ),
    (
        "table-order-app-server",
        "BlockDeviceMappings",
        [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "30", "Encrypted": False}}],
        "BlockDeviceMappings./dev/xvda.Ebs.Encrypted",
        False,
        True,
        "replace",
    ),
    ("table-order-alarms", "Tags", {**TAGS, "Owner": "ann"}, "Tags.Owner", "ann", None, "update"),
    ("table-order-alarms", "Tags", {**TAGS, "Project": "x"}, "Tags.Project", "x", "table-order", "update"),
    ("table-order-alarms", "Tags", None, "Tags.ManagedBy", None, "ansible", "update"),
]


@pytest.mark.parametrize(("name", "key", "value", "path", "before", "after", "action"), CHANGED)
def test_a_property_that_differs_is_named_and_nothing_else(name, key, value, path, before, after, action):
    read = found()
    of(read, name)["properties"][key] = value
    result = planned(read)
    assert actions(result)[name] == action
    assert changes(result, name)[path] == (before, after)
    if action == "update":
        assert actions(result) == {name: action}
        assert set(changes(result, name)) == (
            {path} if value is not None else {f"Tags.{tag}" for tag in TAGS}
        )


def test_a_stopped_server_and_disabled_alarm_actions_are_differences():
    read = found()
    of(read, "table-order-cpu")["properties"]["ActionsEnabled"] = False
    of(read, "table-order-app-server")["properties"]["State"] = "stopped"
    result = planned(read)
    assert actions(result) == {"table-order-cpu": "update", "table-order-app-server": "update"}
    assert changes(result, "table-order-cpu") == {"ActionsEnabled": (False, True)}
    assert changes(result, "table-order-app-server") == {"State": ("stopped", "running")}


def test_what_refers_to_a_replaced_one_changes_with_it():
    read = found()
    of(read, "table-order-vpc")["properties"]["CidrBlock"] = "10.1.0.0/16"
    result = planned(read)
    assert actions(result) == {
        "table-order-vpc": "replace",
        "table-order-public-subnet": "replace",
        "table-order-ec2-sg": "replace",
        "table-order-app-server": "replace",
        "table-order-db": "update",
    }
    [change] = of(result, "table-order-public-subnet")["changes"]
    assert (change["property"], change["unknown"], change["forces_replacement"]) == ("VpcId", True, True)
    assert "Lost: " in of(result, "table-order-vpc")["reason"]


def test_what_refers_to_a_replaced_one_and_differs_is_named_once():
    read = found()
    of(read, "table-order-vpc")["properties"]["CidrBlock"] = "10.1.0.0/16"
    of(read, "table-order-public-subnet")["properties"]["VpcId"] = "vpc-9"
    [change] = of(planned(read), "table-order-public-subnet")["changes"]
    assert (change["before"], change["after"]) == ("vpc-9", "table-order-vpc")


def test_what_aws_does_by_itself_is_a_note():
    read = found()
    of(read, "table-order-db")["properties"] |= {
        "AllocatedStorage": "40",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    }
    of(read, "table-order-app-server")["properties"] |= {
        "ImageId": "ami-2",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "31", "Encrypted": True}}],
    }
    result = planned(read)
    assert actions(result) == {}
    assert of(result, "table-order-db")["notes"] == [
        "AllocatedStorage is 40, set: 20.",
        "CACertificateIdentifier is rds-ca-rsa2048-g1, set: rds-ca-2019.",
    ]
    assert of(result, "table-order-app-server")["notes"] == [
        "BlockDeviceMappings./dev/xvda.Ebs.VolumeSize is 31, set: 30."
    ]


def test_a_spot_server_changes_its_type_only_by_a_replacement():
    wanted = described()
    server = wanted["aws_compute"][0]["properties"]
    server |= {"InstanceType": "t3.large", "InstanceLifecycle": ""}
    read = found()
    of(read, "table-order-app-server")["properties"]["InstanceLifecycle"] = ""
    assert actions(planned(read, wanted)) == {"table-order-app-server": "update"}
    of(read, "table-order-app-server")["properties"]["InstanceLifecycle"] = "spot"
    result = planned(read, wanted)
    assert of(result, "table-order-app-server")["action"] == "replace"
    server["InstanceLifecycle"] = "spot"
    result = planned(read, wanted)
    assert changes(result, "table-order-app-server") == {"InstanceType": ("t3.medium", "t3.large")}
    assert of(result, "table-order-app-server")["action"] == "replace"


def test_a_change_that_waits_for_its_window_is_a_note_and_no_update():
    read = found()
    database = of(read, "table-order-db")
    database["properties"] |= {"AllocatedStorage": "10", "StorageEncrypted": True}
    database |= {
        "pending": {"AllocatedStorage": "20"},
        "notes": ["In progress: AllocatedStorage becomes 20."],
    }
    result = planned(read)
    assert actions(result) == {}
    assert result["status"] == "no changes"
    assert "In progress: AllocatedStorage becomes 20." in of(result, "table-order-db")["notes"]


def test_a_change_that_waits_but_leads_elsewhere_is_an_update():
    read = found()
    of(read, "table-order-db")["pending"] = {"EngineVersion": "16"}
    assert changes(planned(read), "table-order-db") == {"EngineVersion": ("16", "15")}


def test_what_is_not_described_is_not_compared():
    read = found()
    of(read, "table-order-vpc")["properties"]["InstanceTenancy"] = "dedicated"
    assert actions(planned(read)) == {}


def test_a_policy_of_a_role_is_named_with_both_documents():
    read = found()
    set_policies(read, {"s3-access": policy("s3:GetObject", "s3:DeleteObject"), "extra": policy("iam:*")})
    got = changes(planned(read), "table-order-ec2-role")
    assert list(got) == ["Policies.extra", "Policies.s3-access"]
    assert got["Policies.extra"][1] is None
    before, after = (one["Statement"][0]["Action"] for one in got["Policies.s3-access"])
    assert (before, after) == (["s3:DeleteObject", "s3:GetObject"], "s3:GetObject")


def set_policies(read, policies):
    """Give the role these policies, as the reader would."""
    named = [{"PolicyName": name, "PolicyDocument": document} for name, document in policies.items()]
    of(read, "table-order-ec2-role")["properties"] |= normal(ROLE, {"Policies": named})


def test_a_policy_that_is_gone_is_a_difference():
    read = found()
    set_policies(read, {})
    [(path, (before, after))] = changes(planned(read), "table-order-ec2-role").items()
    assert (path, before) == ("Policies.s3-access", None)
    assert after["Statement"]


def test_a_policy_where_there_should_be_none_is_named_whole():
    wanted = {"aws_storage": [one(BUCKET, "menu", BucketPolicy={})]}
    read = nothing() | {"resources": [wanted["aws_storage"][0] | {"id": "menu", "notes": []}]}
    assert actions(planned(read, wanted)) == {}
    read["resources"] = [one(BUCKET, "menu", BucketPolicy=policy("s3:*")) | {"id": "menu", "notes": []}]
    assert changes(planned(read, wanted), "menu") == {"BucketPolicy": (policy("s3:*"), {})}


def test_a_condition_added_to_a_document_is_a_difference():
    read = found()
    document = policy("s3:GetObject")
    document["Statement"][0]["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    set_policies(read, {"s3-access": document})
    assert list(changes(planned(read), "table-order-ec2-role")) == ["Policies.s3-access"]


def test_a_sensitive_value_is_in_no_plan():
    wanted = described()
    wanted["aws_monitoring"][1]["properties"]["Tags"] = {**TAGS, "api-token": "wanted-value"}
    read = found()
    of(read, "table-order-alarms")["properties"]["Tags"] = {**TAGS, "DbPassword": "found-value"}
    for result, tags in (
        (planned(read, wanted), {"DbPassword", "api-token"}),
        (planned(nothing(), wanted), {"api-token"}),
    ):
        assert "-value" not in json.dumps(result)
        hidden = {one["property"] for one in of(result, "table-order-alarms")["changes"] if one["sensitive"]}
        assert hidden == {f"Tags.{tag}" for tag in tags}


def test_what_a_setting_turned_off_is_deleted_if_it_is_there():
    wanted = described()
    wanted["aws_monitoring"][0]["absent"] = True
    assert actions(planned(found(), wanted)) == {"table-order-cpu": "delete"}
    assert actions(planned(found("table-order-cpu"), wanted)) == {}


def test_what_aws_still_knows_of_an_absent_one_is_a_note():
    said = "AWS deletes it on 2026-12-01."
    absent = [{"type": ALARM, "name": "table-order-cpu", "id": "x", "notes": [said]}]
    result = planned(found("table-order-cpu") | {"absent": absent})
    assert actions(result) == {"table-order-cpu": "create"}
    assert of(result, "table-order-cpu")["notes"] == [said]


def test_a_denial_without_a_type_is_of_every_area():
    read = found() | {"denied": [DENIED | {"types": []}]}
    assert not planned(read)["complete"]
    assert not planned(read, areas=["aws_network"])["complete"]


DENIED = {"action": "cloudwatch:DescribeAlarms", "message": "not authorized", "types": [ALARM]}


def test_a_denied_read_is_not_an_absent_resource():
    result = planned(found("table-order-cpu") | {"denied": [DENIED]})
    assert actions(result) == {}
    assert result["status"] == "incomplete"
    assert not result["complete"]
    assert of(result, "table-order-cpu")["reason"] == "Unknown: a read was denied."


def test_a_property_that_could_not_be_read_is_not_compared():
    read = found() | {"denied": [DENIED]}
    del of(read, "table-order-cpu")["properties"]["Threshold"]
    of(read, "table-order-cpu")["properties"]["ActionsEnabled"] = False
    result = planned(read)
    assert list(changes(result, "table-order-cpu")) == ["ActionsEnabled"]
    assert of(result, "table-order-cpu")["notes"] == ["Threshold is unknown: a read was denied."]
    assert result["status"] == "changes"
    assert not result["complete"]


def test_a_property_that_is_missing_without_a_denial_is_a_difference():
    read = found()
    del of(read, "table-order-cpu")["properties"]["Threshold"]
    assert changes(planned(read), "table-order-cpu") == {"Threshold": (None, "80")}


def test_one_area_alone_is_compared_with_the_others_known():
    read = found("table-order-cpu") | {
        "unmanaged": [
            {"type": VPC, "name": "other", "id": "vpc-2", "why": "its tags"},
            {"type": ALARM, "name": "extra", "id": "extra", "why": "its name"},
        ],
        "denied": [DENIED],
    }
    of(read, "table-order-public-subnet")["properties"]["VpcId"] = "vpc-9"
    result = planned(read, areas=["aws_network"])
    assert actions(result) == {"table-order-public-subnet": "replace"}
    assert {one["area"] for one in result["resources"]} == {"aws_network"}
    assert [one["name"] for one in result["unmanaged"]] == ["other"]
    assert result["complete"]
    assert result["settings_digest"] == planned(read)["settings_digest"]


def test_an_unknown_area_is_refused():
    with pytest.raises(AreaError, match=r"plan_areas has network\. Accepted: aws_monitoring"):
        planned(found(), areas=["network"])


def test_the_digest_follows_the_settings_and_not_the_account():
    wanted = described()
    assert planned(found(), wanted)["settings_digest"] == planned(nothing(), wanted)["settings_digest"]
    wanted["aws_network"][1]["properties"]["EnableDnsSupport"] = False
    assert planned(found(), wanted)["settings_digest"] != planned(found())["settings_digest"]


def test_it_is_the_same_in_whatever_order_the_account_is_read():
    read = nothing() | {
        "unmanaged": [{"type": VPC, "name": name, "id": name, "why": "its tags"} for name in ("b", "a")],
        "resources": found()["resources"],
    }
    again = read | {"unmanaged": read["unmanaged"][::-1], "resources": read["resources"][::-1]}
    assert json.dumps(planned(read)) == json.dumps(planned(again))


def price(resources):
    """Stand in for prices.cost: a database's storage, and 10 for all else."""
    items = [
        {
            "type": one["type"],
            "name": one["name"],
            "monthly_usd": float(one["properties"].get("AllocatedStorage", 10)),
        }
        for one in resources
    ]
    return {
        "currency": "USD",
        "monthly": sum(one["monthly_usd"] for one in items),
        "prices_dated": "2026-11-01",
        "assumptions": {},
        "items": items,
    }


def test_the_cost_is_that_of_the_account_before_and_after():
    read = found("table-order-cpu")
    of(read, "table-order-db")["properties"]["AllocatedStorage"] = "10"
    cost = planned(read, price=price)["cost"]
    assert (cost["monthly_before"], cost["monthly_after"]) == (70, 90)


def test_the_cost_of_an_area_is_its_own():
    cost = planned(found(), price=price, areas=["aws_database"])["cost"]
    assert (cost["monthly_before"], cost["monthly_after"]) == (20, 20)


def test_what_is_deleted_costs_nothing_after():
    wanted = described()
    wanted["aws_monitoring"][0]["absent"] = True
    cost = planned(found(), wanted, price=price)["cost"]
    assert (cost["monthly_before"], cost["monthly_after"]) == (90, 80)


def test_a_region_without_prices_has_no_cost():
    def unknown(resources):
        return price(resources) | {"monthly": None, "items": [], "prices_dated": None}

    result = planned(found(), price=unknown)
    assert (result["cost"]["monthly_before"], result["cost"]["monthly_after"]) == (None, None)
    assert {one["monthly_usd"] for one in result["resources"]} == {None}


def test_the_filter_has_the_prices_of_the_region_that_was_read():
    wanted = described()
    got = account_plan(wanted, nothing(), "local", "aws_compute, aws_database", {"hours": 100})
    SCHEMA.validate(got)
    assert {one["area"] for one in got["resources"]} == {"aws_compute", "aws_database"}
    assert got["cost"]["monthly_before"] == 0
    assert got["cost"]["assumptions"]["hours"] == 100
    assert 0 < of(got, "table-order-app-server")["monthly_usd"] < got["cost"]["monthly_after"]
    elsewhere = account_plan(wanted, nothing() | {"region": "eu-west-1"}, "local")
    SCHEMA.validate(elsewhere)
    assert elsewhere["cost"]["monthly_after"] is None


def test_storage_that_grew_still_costs_after():
    read = found()
    of(read, "table-order-db")["properties"]["AllocatedStorage"] = "40"
    result = planned(read, price=price)
    assert (result["cost"]["monthly_before"], result["cost"]["monthly_after"]) == (110, 110)
    assert of(result, "table-order-db")["monthly_usd"] == 40


# -- what stops an apply -------------------------------------------------------------------------------------


def test_a_replacement_is_applied_only_if_allowed_by_name():
    read = found()
    of(read, "table-order-db")["properties"]["StorageEncrypted"] = False
    [said] = refusals(planned(read))
    assert (
        "table-order-db (AWS::RDS::DBInstance) would be replaced: AWS cannot change StorageEncrypted in place."
        in said
    )
    assert "-e table_order_allow_replace=table-order-db" in said
    assert refusals(planned(read), ["table-order-db"]) == []


def test_a_deletion_is_applied_only_if_allowed_by_name():
    wanted = described()
    wanted["aws_monitoring"][0]["absent"] = True
    [said] = refusals(planned(found(), wanted))
    assert "table-order-cpu (AWS::CloudWatch::Alarm) would be deleted" in said


def test_a_size_is_changed_by_its_own_procedure():
    read, name = found(), "table-order-app-server"
    of(read, name)["properties"]["InstanceType"] = "t3.large"
    for allowed in ([], [name]):
        [said] = refusals(planned(read), allowed)
        assert said.startswith(
            f"{name} (AWS::EC2::Instance) has InstanceType t3.large, and the settings say t3.medium."
        )
        assert said.endswith("ansible-playbook playbooks/scale.yml")


def test_an_update_needs_no_permission():
    assert refusals(planned(nothing())) == []


def test_an_agreed_plan_holds_while_every_line_is_the_same():
    read = found("table-order-cpu")
    agreed = json.loads(json.dumps(planned(read)))
    assert refusals(planned(read), agreed=agreed) == []
    of(read, "table-order-vpc")["properties"]["EnableDnsSupport"] = False
    [said] = refusals(planned(read), agreed=agreed)
    assert said.startswith(
        "table-order-vpc (AWS::EC2::VPC): the plan in the file says nothing, the account now needs update"
    )
    [gone] = refusals(planned(found()), agreed=agreed)
    assert "the plan in the file says create, the account now needs nothing" in gone


def test_an_agreed_plan_ends_with_its_settings():
    wanted = described()
    agreed = planned(found(), wanted)
    wanted["aws_monitoring"][0]["properties"]["Threshold"] = 90
    digest, line = refusals(planned(found(), wanted), agreed=agreed)
    assert digest.startswith("The settings are others")
    assert line.startswith("table-order-cpu")


def test_only_areas_with_something_to_do_run():
    read = found()
    assert areas_to_run(planned(read)) == []
    of(read, "table-order-cpu")["properties"]["Threshold"] = "1"
    assert areas_to_run(planned(read)) == ["aws_monitoring"]
    assert areas_to_run(planned(nothing())) == list(
        dict.fromkeys(one["area"] for one in planned(nothing())["resources"])
    )


def test_what_refers_to_a_new_resource_runs_with_it():
    """The server's role may have been made again under its name."""
    read = found()
    read["resources"] = [one for one in read["resources"] if one["type"] != "AWS::EC2::SecurityGroup"]
    assert {"aws_security", "aws_compute"} <= set(areas_to_run(planned(read)))


@pytest.mark.parametrize("types", [["AWS::CloudWatch::Alarm"], []], ids=["a type", "anything"])
def test_what_could_not_be_read_runs(types):
    read = found() | {"denied": [{"action": "x:Describe", "message": "denied", "types": types}]}
    expected = {"aws_monitoring"} if types else {one["area"] for one in planned(read)["resources"]}
    assert set(areas_to_run(planned(read))) == expected


def test_what_is_left_after_a_run_has_a_reason():
    read = found()
    of(read, "table-order-cpu")["properties"]["Threshold"] = "1"
    assert left_over(planned(read)) == ["table-order-cpu"]
    of(read, "table-order-cpu")["notes"] = ["In progress: it is modifying."]
    assert left_over(planned(read)) == []

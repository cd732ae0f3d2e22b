"""The reader: a finished site reads as described, each change by hand is seen, and nothing else is."""

from __future__ import annotations

import datetime
import json
import re

import botocore.session
import pytest
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import ReadError, action_of
from ansible_collections.table_order.infra.plugins.module_utils.account_types import LATER, TYPES, normal
from botocore.exceptions import (
    DataNotFoundError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    UnknownServiceError,
)

from tests.unit.account.conftest import Replay
from tests.unit.account.drift import CHANGED, UNMANAGED
from tests.unit.account.finished_site import BUCKET, described

CHANGES = [(*one, name) for one, names in CHANGED.items() for name in names.split()]
# All that the reader asks for, by service.
READS = {
    "cloudwatch": "DescribeAlarms ListTagsForResource",
    "ec2": "DescribeAddresses DescribeInstanceAttribute DescribeInstanceCreditSpecifications DescribeInstanceStatus "
    "DescribeInstances DescribeInternetGateways DescribeKeyPairs DescribeRouteTables DescribeSecurityGroups DescribeSubnets "
    "DescribeVolumes DescribeVpcAttribute DescribeVpcs",
    "elasticache": "DescribeCacheClusters DescribeCacheSubnetGroups DescribeReplicationGroups ListTagsForResource",
    "iam": "GetInstanceProfile GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfiles ListRolePolicies ListRoles",
    "logs": "DescribeLogGroups ListTagsForResource",
    "rds": "DescribeDBInstances DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups "
    "DescribePendingMaintenanceActions ListTagsForResource",
    "resourcegroupstaggingapi": "GetResources",
    "s3": "GetBucketAccelerateConfiguration GetBucketAcl GetBucketCors GetBucketEncryption GetBucketLifecycleConfiguration "
    "GetBucketLogging GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketReplication "
    "GetBucketTagging GetBucketVersioning GetBucketWebsite GetPublicAccessBlock ListBuckets",
    "secretsmanager": "GetResourcePolicy ListSecrets",
    "sns": "GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource ListTopics",
    "sts": "GetCallerIdentity",
}
CALLS = [(service, operation) for service, names in READS.items() for operation in names.split()]
# Denied, they leave every described property known.
FOR_NOTES = {
    ("ec2", "DescribeInstanceStatus"),
    ("rds", "DescribePendingMaintenanceActions"),
    ("resourcegroupstaggingapi", "GetResources"),
    ("sts", "GetCallerIdentity"),
}
MODELS = botocore.session.get_session()


def paginator(service, operation):
    """Return botocore's description of an operation's pages, None for one that has none."""
    try:
        return MODELS.get_paginator_model(service).get_paginator(operation)
    except (ValueError, UnknownServiceError, DataNotFoundError):
        return None


def by_name(result):
    return {(one["type"], one["name"]): one for one in result["resources"]}


def differences(result):
    """Return type, name and property of each described value that the account does not have."""
    found = by_name(result)
    return {
        (one["type"].removeprefix("AWS::"), one["name"], key)
        for one in described()
        if (one["type"], one["name"]) in found
        for key, value in normal(one["type"], one["properties"]).items()
        if not (isinstance(value, dict) and LATER in value)
        if found[one["type"], one["name"]]["properties"].get(key) != value
    }


@pytest.fixture(scope="session")
def wholes(recordings):
    """What each site reads as, without a failure."""
    return {name: Replay(one).read() for name, one in recordings.items()}


def test_a_finished_site_reads_as_described(finished):
    result = finished.read()
    assert differences(result) == set()
    assert set(by_name(result)) == {(one["type"], one["name"]) for one in described()}
    assert (result["account"], result["unmanaged"], result["denied"], result["absent"]) == (
        "123456789012",
        [],
        [],
        [],
    )
    json.dumps(result, allow_nan=False)


def test_notes_tell_only_what_aws_does_by_itself(finished):
    notes = {name: one["notes"] for (_, name), one in by_name(finished.read()).items() if one["notes"]}
    assert notes == {
        "table-order-db": ["It runs postgres 15.18; AWS upgrades the minor version."],
        "table-order-redis": ["It runs version 7.1.0; AWS upgrades the last number."],
    }


def test_every_property_is_read_and_normal(finished):
    for one in finished.read()["resources"]:
        assert one["properties"].keys() == TYPES[one["type"]].unset.keys() & one["properties"].keys()
        missing = TYPES[one["type"]].unset.keys() - one["properties"].keys()
        assert missing == set(), one["name"]
        assert normal(one["type"], one["properties"]) == one["properties"]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[0]}.{change[2]}")
def test_a_change_by_hand_is_seen(wholes, change):
    assert change in differences(wholes["drifted"])


def test_nothing_else_is_seen(wholes):
    assert differences(wholes["drifted"]) == set(CHANGES)


def test_what_is_beside_is_unmanaged(drifted):
    result = drifted.read()
    ids = {value: name for name, value in drifted.recording.ids.items()}
    found = {(one["type"], ids.get(one["name"], one["name"])): one for one in result["unmanaged"]}
    assert set(found) == {one[:2] for one in UNMANAGED}
    for kind, name, why in UNMANAGED:
        assert why in found[kind, name]["why"]
        assert found[kind, name]["id"]


# -- what is not there, or not yet ---------------------------------------------------------------------------


def test_what_has_ended_is_absent_with_its_reason(ending):
    result = ending.read()
    described_ones = {(one["type"], one["name"]) for one in described()}
    assert described_ones - set(by_name(result)) == {
        ("AWS::SecretsManager::Secret", "table-order/app/settings"),
        ("AWS::EC2::Instance", "table-order-app-server"),
        ("AWS::SNS::Topic", "table-order-alarms"),
        ("AWS::CloudWatch::Alarm", "table-order-ec2-high-cpu"),
    }
    (secret,) = result["absent"]
    assert (secret["type"], secret["name"]) == ("AWS::SecretsManager::Secret", "table-order/app/settings")
    assert "scheduled for deletion" in secret["notes"][0]
    assert not {one["name"] for one in result["unmanaged"]} & {name for _, name in described_ones} - {
        "table-order-vpc"
    }


def test_changes_in_progress_and_maintenance_are_notes(ending):
    notes = by_name(ending.read())["AWS::RDS::DBInstance", "table-order-db"]["notes"]
    assert "In progress: DBInstanceClass becomes db.t3.medium, at the latest in tue:04:00-tue:05:00." in notes
    assert any(re.match(r"Pending maintenance: system-update \(2026-12-07", note) for note in notes)


def test_what_is_pending_has_its_value_to_come_beside_that_of_now(ending, finished):
    database = by_name(ending.read())["AWS::RDS::DBInstance", "table-order-db"]
    assert database["properties"]["DBInstanceClass"] == "db.t3.large"
    assert database["pending"] == {"DBInstanceClass": "db.t3.medium"}

    def waits(found):
        found["CacheClusters"][0]["PendingModifiedValues"] = {
            "CacheNodeType": "cache.t3.small",
            "CacheNodeIdsToRemove": [],
        }

    finished.answer = changed("DescribeCacheClusters", waits)(finished)
    result = by_name(finished.read())
    cache = result["AWS::ElastiCache::ReplicationGroup", "table-order-redis"]
    assert cache["properties"]["CacheNodeType"] == "cache.t3.micro"
    assert cache["pending"] == {"CacheNodeType": "cache.t3.small"}
    assert "In progress: CacheNodeType becomes cache.t3.small." in cache["notes"]
    assert result["AWS::RDS::DBInstance", "table-order-db"]["pending"] == {}


def test_a_value_that_nobody_describes_is_noted(drifted):
    silent = [one | {"properties": {}} for one in described()]
    found = by_name(drifted.read(silent))
    role = found["AWS::IAM::Role", "table-order-ec2-role"]["notes"]
    assert any(note.startswith("ManagedPolicyArns is ['arn:aws:iam::123456789012:policy/") for note in role)
    assert any("MaxSessionDuration is 43200; no setting describes it." in note for note in role)
    bucket = found["AWS::S3::Bucket", BUCKET]["notes"]
    assert {note.partition(" is ")[0] for note in bucket} == TYPES["AWS::S3::Bucket"].usual.keys()


def changed(operation, change):
    """Return an answer function that changes what was recorded of an operation; it needs the replay as ``replay``."""

    def answer(replay):
        def respond(service, name, parameters):
            if name != operation:
                return None
            status, found = replay.recorded(service, name, parameters)
            found = json.loads(json.dumps(found, default=str))
            change(found)
            return status, found

        return respond

    return answer


def test_what_aws_does_not_tell_during_a_creation_is_no_difference(finished):
    def creating(found):
        group = found["ReplicationGroups"][0]
        group |= {"Status": "creating", "MemberClusters": [], "NodeGroups": []}

    finished.answer = changed("DescribeReplicationGroups", creating)(finished)
    result = finished.read()
    assert differences(result) == set()
    notes = by_name(result)["AWS::ElastiCache::ReplicationGroup", "table-order-redis"]["notes"]
    assert "In progress: it is creating." in notes

    def no_endpoint(found):
        found["DBInstances"][0] |= {
            "DBInstanceStatus": "creating",
            "Endpoint": None,
            "AvailabilityZone": None,
        }

    finished.answer = changed("DescribeDBInstances", no_endpoint)(finished)
    result = finished.read()
    assert differences(result) == set()
    assert (
        "In progress: it is creating." in by_name(result)["AWS::RDS::DBInstance", "table-order-db"]["notes"]
    )


@pytest.mark.parametrize(
    ("state", "shown"), [("pending", "running"), ("stopping", "stopped"), ("stopped", "stopped")]
)
def test_a_state_in_between_is_its_end_with_a_note(finished, state, shown):
    def other_state(found):
        found["Reservations"][0]["Instances"][0]["State"] = {"Name": state}

    finished.answer = changed("DescribeInstances", other_state)(finished)
    server = by_name(finished.read())["AWS::EC2::Instance", "table-order-app-server"]
    assert server["properties"]["State"] == shown
    assert server["notes"] == ([] if state == shown else [f"In progress: it is {state}."])


@pytest.mark.parametrize(("told", "shown"), [({}, ""), ({"InstanceLifecycle": "spot"}, "spot")])
def test_how_a_server_is_sold(finished, told, shown):
    def sold(found):
        found["Reservations"][0]["Instances"][0] |= told

    finished.answer = changed("DescribeInstances", sold)(finished)
    server = by_name(finished.read())["AWS::EC2::Instance", "table-order-app-server"]
    assert server["properties"]["InstanceLifecycle"] == shown


def test_a_server_that_ends_is_absent(finished):
    def ending_state(found):
        found["Reservations"][0]["Instances"][0]["State"] = {"Name": "shutting-down"}

    finished.answer = changed("DescribeInstances", ending_state)(finished)
    result = finished.read()
    assert [one["name"] for one in result["absent"]] == ["table-order-app-server"]
    assert ("AWS::EC2::Instance", "table-order-app-server") not in by_name(result)


def test_a_profile_of_the_same_name_that_was_made_again_differs(finished):
    def older(found):
        found["Reservations"][0]["Instances"][0]["IamInstanceProfile"]["Id"] = "AIPAOLD"

    finished.answer = changed("DescribeInstances", older)(finished)
    assert differences(finished.read()) == {("EC2::Instance", "table-order-app-server", "IamInstanceProfile")}


def test_a_scheduled_event_is_a_note(finished):
    def retirement(found):
        event = {"Code": "instance-retirement", "Description": "Hardware", "NotBefore": "2026-12-24"}
        found["InstanceStatuses"] = [{"Events": [event, event | {"Description": "[Completed] Hardware"}]}]

    finished.answer = changed("DescribeInstanceStatus", retirement)(finished)
    server = by_name(finished.read())["AWS::EC2::Instance", "table-order-app-server"]
    assert server["notes"] == ["AWS has scheduled instance-retirement for 2026-12-24: Hardware"]


def test_a_subscription_by_hand_is_unmanaged_and_no_difference(finished):
    def another(found):
        found["Subscriptions"].append(found["Subscriptions"][0] | {"Endpoint": "somebody@example.net"})

    finished.answer = changed("ListSubscriptionsByTopic", another)(finished)
    result = finished.read()
    assert differences(result) == set()
    assert [(one["type"], one["name"]) for one in result["unmanaged"]] == [
        ("AWS::SNS::Subscription", "somebody@example.net")
    ]


def test_a_password_that_is_being_changed_is_not_shown(finished):
    def pending(found):
        found["DBInstances"][0]["PendingModifiedValues"] = {"MasterUserPassword": "s3cret-text"}

    finished.answer = changed("DescribeDBInstances", pending)(finished)
    assert "s3cret-text" not in json.dumps(finished.read())


def test_an_empty_account_has_nothing(finished):
    def nothing(service, operation, parameters):
        _, found = finished.recorded(service, operation, parameters)
        return 200, {key: [] if isinstance(value, list) else value for key, value in found.items()}

    finished.answer = nothing
    result = finished.read()
    assert (result["resources"], result["absent"], result["unmanaged"], result["denied"]) == ([], [], [], [])


# -- reads only, completely, or not at all -------------------------------------------------------------------


def test_it_reads_only_and_asks_for_no_value_of_a_secret(finished, drifted, ending):
    asked = set()
    for replay in (finished, drifted, ending):
        replay.read()
        asked |= {(service, operation) for service, operation, _ in replay.asked}
    assert asked == set(CALLS)
    for _, operation in asked:
        assert re.match("Describe|List|Get", operation)
        assert operation not in (
            "GetSecretValue",
            "BatchGetSecretValue",
            "GetObject",
            "GetParameter",
            "GetPasswordData",
        )


@pytest.mark.parametrize("call", [call for call in CALLS if paginator(*call)], ids="-".join)
def test_every_page_is_read(drifted, wholes, call):
    whole = wholes["drifted"]
    pages = paginator(*call)
    keys = pages["result_key"] if isinstance(pages["result_key"], list) else [pages["result_key"]]
    token, next_token = pages["input_token"], pages["output_token"]
    tokens = []

    def one_on_a_page(service, operation, parameters):
        """Answer with an empty page first, then with an element on each."""
        if (service, operation) != call:
            return None
        asked = {key: value for key, value in parameters.items() if key != token}
        status, found = 200, {}
        more = {}
        while more is not None:
            # moto itself has pages of some.
            _, part = drifted.recorded(service, operation, asked | more)
            found |= part | {key: found.get(key, []) + part[key] for key in keys if key in part}
            more = {token: found.pop(next_token)} if found.get(next_token) else None
        number = int(parameters.get(token, 0))
        tokens.append(number)
        page = found | {key: found[key][max(0, number - 1) : number] for key in keys if key in found}
        if number < max(1, *(len(found.get(key, [])) for key in keys)):
            page |= {next_token: str(number + 1), pages.get("more_results", next_token): str(number + 1)}
        return status, page

    drifted.answer = one_on_a_page
    paged = drifted.read()
    assert max(tokens) > 0
    assert paged | {"seconds": 0} == whole | {"seconds": 0}


def failing(call, code, message="no"):
    """Return an answer function that lets an operation fail with AWS's error."""
    return lambda service, operation, _: (
        (400, {"Error": {"Code": code, "Message": message}}) if (service, operation) == call else None
    )


@pytest.mark.parametrize("site", ["finished", "drifted"])
@pytest.mark.parametrize("call", CALLS, ids="-".join)
def test_a_denied_read_says_what_it_leaves_unknown(recordings, wholes, site, call):
    replay = Replay(recordings[site])
    whole, described_ones = wholes[site], {(one["type"], one["name"]) for one in described()}
    replay.answer = failing(call, "AccessDenied", "User ann is not authorized")
    result = replay.read()
    (entry,) = result["denied"]
    assert (entry["action"], entry["message"]) == (action_of(*call), "User ann is not authorized")
    before, after = by_name(whole), by_name(result)
    assert after.keys() <= before.keys()
    unknown = {kind for kind, _ in before.keys() - after.keys()}
    for key, one in after.items():
        # What is left is as it was: nothing looks unset, or refers to something else.
        assert one["properties"].items() <= before[key]["properties"].items(), key
        if one["properties"] != before[key]["properties"]:
            unknown.add(key[0])
    assert unknown <= set(entry["types"])
    assert (unknown == set()) == (call in FOR_NOTES)
    assert {kind for kind, _ in described_ones - after.keys()} <= set(entry["types"])
    assert {one["id"] for one in result["unmanaged"]} <= {one["id"] for one in whole["unmanaged"]}


@pytest.mark.parametrize(
    "code",
    ["AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation", "AuthorizationError"],
)
def test_every_service_has_its_own_word_for_denied(finished, code):
    finished.answer = failing(("ec2", "DescribeVpcs"), code)
    assert [one["action"] for one in finished.read()["denied"]] == ["ec2:DescribeVpcs"]


EXPIRED = "the credentials have expired (ExpiredToken). Log in again"
THROTTLED = "AWS refused it as one of too many requests, several times (Throttling). Run the command again"
UNREACHABLE = "AWS cannot be reached: Could not connect"


@pytest.mark.parametrize("call", CALLS, ids="-".join)
def test_a_failed_read_is_never_absent(finished, call):
    def unreachable(service, operation, _):
        if (service, operation) == call:
            raise EndpointConnectionError(endpoint_url="https://ec2.example")

    for answer, text in (
        (failing(call, "ExpiredToken"), EXPIRED),
        (failing(call, "Throttling"), THROTTLED),
        (unreachable, UNREACHABLE),
    ):
        finished.answer = answer
        with pytest.raises(ReadError) as caught:
            finished.read()
        assert str(caught.value).startswith(f"{action_of(*call)}: {text}")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ExpiredTokenException", "the credentials have expired"),
        ("RequestExpired", "the credentials have expired"),
        ("ThrottlingException", "too many requests"),
        ("RequestLimitExceeded", "too many requests"),
        ("SlowDown", "too many requests"),
        ("InvalidClientTokenId", "An error occurred (InvalidClientTokenId)"),
        ("InternalFailure", "An error occurred (InternalFailure)"),
    ],
)
def test_every_service_has_its_own_word_for_a_failure(finished, code, text):
    finished.answer = failing(("s3", "GetBucketPolicy"), code)
    with pytest.raises(ReadError, match=re.escape(text)):
        finished.read()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ReadTimeoutError(endpoint_url="https://ec2.example"), "AWS cannot be reached: Read timeout"),
        (NoCredentialsError(), "Unable to locate credentials. Log in, or set AWS_PROFILE"),
    ],
    ids=["timeout", "credentials"],
)
def test_a_failure_of_botocore_is_told(finished, error, text):
    def fail(*_):
        raise error

    finished.answer = fail
    with pytest.raises(ReadError, match=text):
        finished.read()


# -- who is who ----------------------------------------------------------------------------------------------


def test_another_environment_of_the_account_is_left_alone(drifted):
    empty = {
        "GetResources": "ResourceTagMappingList",
        "DescribeLogGroups": "logGroups",
        "DescribeAlarms": "MetricAlarms",
    }
    # moto's answers to another name were not recorded.
    drifted.answer = lambda _, operation, __: (200, {empty[operation]: []}) if operation in empty else None
    result = drifted.read([], {"Project": "table-order", "Environment": "staging"}, "table-order-staging")
    assert {one["name"] for one in result["unmanaged"]} == {
        "table-order-staging-vpc",
        "table-order-staging-subnet",
        "table-order-staging-redis-subnet-group",
    }


def test_without_descriptions_all_of_the_service_is_unmanaged(finished):
    found = {(one["type"], one["name"]) for one in finished.read([])["unmanaged"]}
    described_ones = {(one["type"], one["name"]) for one in described()}
    hidden = {("AWS::SecretsManager::Secret", "table-order/app/settings")}
    assert described_ones - found == hidden
    assert found - described_ones == set()


def test_dates_are_text(finished):
    assert not [one for one in walk(finished.read()) if isinstance(one, datetime.datetime)]


def walk(value):
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(one)

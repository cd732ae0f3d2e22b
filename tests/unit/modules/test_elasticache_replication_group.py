"""The module elasticache_replication_group: what it sends, what it reports, what it refuses."""

import subprocess

import pytest
import yaml

from tests.unit.modules.fake_elasticache import ENDPOINT, aws_error

TOKEN = "a-token-that-nobody-guesses"
OPTIONS = {
    "replication_group_id": "table-order-redis",
    "description": "Order events of table-order",
    "engine": "redis",
    "engine_version": "7.1",
    "node_type": "cache.t3.micro",
    "num_cache_clusters": 1,
    "port": 6379,
    "subnet_group": "table-order-redis-subnet-group",
    "security_group_ids": ["sg-2", "sg-1"],
    "parameter_group": "default.redis7",
    "preferred_availability_zones": ["ap-northeast-2a"],
    "snapshot_retention_limit": 0,
    "maintenance_window": "Sun:23:00-Mon:01:30",
    "auto_minor_version_upgrade": True,
    "transit_encryption": False,
    "at_rest_encryption": False,
    "automatic_failover": False,
    "tags": {"Name": "table-order-redis", "Project": "table-order"},
}


@pytest.fixture(scope="session")
def module():
    from ansible_collections.table_order.infra.plugins.modules import elasticache_replication_group

    return elasticache_replication_group


@pytest.fixture
def present(run, module):
    def run_present(check=False, **changed):
        return run(module, check, **(OPTIONS | changed))

    return run_present


@pytest.fixture
def existing(present, cache):
    """Create the group, and forget how."""
    present()
    cache.writes.clear()
    cache.slept.clear()
    return cache


def test_the_documentation_tells_the_options_as_they_are(module):
    def facts(options):
        names = ("type", "required", "default", "choices", "elements", "aliases")
        return {
            option: {name: spec[name] for name in names if name in spec}
            for option, spec in options.items()
            if option not in ("tags", "purge_tags")  # from a documentation fragment
        }

    assert facts(yaml.safe_load(module.DOCUMENTATION)["options"]) == facts(module.ARGUMENT_SPEC)


@pytest.mark.parametrize("name", ["elasticache_replication_group", "elasticache_replication_group_info"])
def test_ansible_doc_shows_it(name):
    shown = subprocess.run(
        ["ansible-doc", "-t", "module", f"table_order.infra.{name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "RETURN VALUES" in shown.stdout


def test_creates_with_every_option_and_waits(present, cache):
    result = present()
    assert result["changed"]
    group = result["replication_group"]
    assert group["status"] == "available"
    assert group["primary_endpoint"] == {"address": ENDPOINT, "port": 6379}
    assert group["member_clusters"] == ["table-order-redis-001"]
    assert group["tags"] == OPTIONS["tags"]
    [(operation, request)] = cache.writes
    assert operation == "CreateReplicationGroup"
    assert request["SecurityGroupIds"] == ["sg-1", "sg-2"]
    assert request["CacheParameterGroupName"] == "default.redis7"
    assert request["PreferredMaintenanceWindow"] == "sun:23:00-mon:01:30"
    assert "AuthToken" not in request


def test_a_new_group_is_one_node_of_redis_unless_told_otherwise(run, module, cache):
    run(module, replication_group_id="other", description="Other", node_type="cache.t3.micro")
    [(_operation, request)] = cache.writes
    assert (request["Engine"], request["NumCacheClusters"]) == ("redis", 1)


def test_waits_with_growing_pauses(present, cache):
    cache.takes = 300
    present()
    assert cache.slept[:3] == [2, 3, 4.5]
    assert max(cache.slept) == 30


def test_second_run_changes_nothing_and_reports_all_settings(present, existing):
    result = present()
    assert not result["changed"]
    assert "diff" not in result
    assert existing.writes == []
    reported = result["replication_group"]
    stored = {"engine_version": "7.1.0", "security_group_ids": ["sg-1", "sg-2"]}
    stored["maintenance_window"] = "sun:23:00-mon:01:30"
    assert {name: reported[name] for name in OPTIONS} == OPTIONS | stored


def test_check_mode_on_an_empty_account_tells_the_creation_and_writes_nothing(present, cache):
    result = present(check=True)
    assert result["changed"]
    assert result["replication_group"] == {}
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["node_type"] == "cache.t3.micro"
    assert cache.writes == []


def test_only_given_options_are_compared(run, module, existing):
    result = run(module, replication_group_id="table-order-redis")
    assert not result["changed"]
    result = run(
        module, replication_group_id="Table-Order-Redis", description="Other", apply_immediately=True
    )
    [(_operation, request)] = existing.writes
    assert request == {
        "ReplicationGroupId": "table-order-redis",
        "ApplyImmediately": True,
        "ReplicationGroupDescription": "Other",
    }
    assert result["diff"] == {
        "before": {"description": "Order events of table-order"},
        "after": {"description": "Other"},
    }


def test_wait_false_starts_and_returns_and_a_later_run_waits(present, cache):
    started = present(wait=False)
    assert started["changed"]
    assert started["replication_group"]["status"] == "creating"
    assert started["replication_group"]["primary_endpoint"] is None
    assert cache.slept == []
    again = present(wait=False, node_type="cache.t3.small")
    assert not again["changed"]
    assert cache.slept == []
    awaited = present()
    assert not awaited["changed"]
    assert awaited["replication_group"]["status"] == "available"
    assert [operation for operation, _request in cache.writes] == ["CreateReplicationGroup"]


def test_what_aws_does_not_report_is_no_difference(present, existing):
    del existing.member["CacheParameterGroup"]
    assert not present()["changed"]


def test_resizes_in_place_at_once_when_asked(present, existing):
    result = present(node_type="cache.t3.small", apply_immediately=True)
    assert result["replication_group"]["node_type"] == "cache.t3.small"
    assert result["diff"] == {
        "before": {"node_type": "cache.t3.micro"},
        "after": {"node_type": "cache.t3.small"},
    }
    [(operation, request)] = existing.writes
    assert operation == "ModifyReplicationGroup"
    assert request["CacheNodeType"] == "cache.t3.small"
    assert not present(node_type="cache.t3.small", apply_immediately=True)["changed"]


def test_waits_until_the_change_shows_where_the_status_lags(present, existing):
    existing.busy_status = "available"
    result = present(node_type="cache.t3.small", apply_immediately=True)
    assert result["replication_group"]["node_type"] == "cache.t3.small"


def test_a_change_that_waits_for_the_window_is_made_once(present, existing):
    assert present(node_type="cache.t3.small")["changed"]
    again = present(node_type="cache.t3.small")
    assert not again["changed"]
    assert again["replication_group"]["pending"] == {"node_type": "cache.t3.small"}
    assert present(node_type="cache.t3.small", apply_immediately=True)["changed"]
    assert len(existing.writes) == 2


def test_check_mode_tells_a_change_and_writes_nothing(present, existing):
    result = present(check=True, node_type="cache.t3.small", tags={"Name": "x"})
    assert result["changed"]
    assert result["diff"] == {
        "before": {"node_type": "cache.t3.micro", "tags": OPTIONS["tags"]},
        "after": {"node_type": "cache.t3.small", "tags": {"Name": "x"}},
    }
    assert existing.writes == []


@pytest.mark.parametrize(
    ("wanted", "reported", "changed"),
    [("7.1", "7.1.0", False), ("7.0", "7.1.0", False), ("7.1", "7.0.7", True), ("7.1.0", "7.1.0", False)],
)
def test_engine_version_is_compared_by_its_parts_and_never_lowered(
    present, existing, wanted, reported, changed
):
    existing.member["EngineVersion"] = reported
    assert present(check=True, engine_version=wanted)["changed"] is changed


def test_replicas_come_before_failover_and_go_after_it(present, existing):
    two_nodes = {
        "num_cache_clusters": 2,
        "preferred_availability_zones": ["ap-northeast-2a", "ap-northeast-2c"],
        "automatic_failover": True,
        "multi_az": True,
        "apply_immediately": True,
    }
    grown = present(**two_nodes)
    assert grown["replication_group"]["member_clusters"] == ["table-order-redis-001", "table-order-redis-002"]
    assert not present(**two_nodes)["changed"]
    swapped = two_nodes | {"preferred_availability_zones": ["ap-northeast-2c", "ap-northeast-2a"]}
    assert not present(**swapped)["changed"], "the order changes with every failover"
    present(multi_az=False, apply_immediately=True)
    assert [operation for operation, _request in existing.writes] == [
        "IncreaseReplicaCount",
        "ModifyReplicationGroup",
        "ModifyReplicationGroup",
        "DecreaseReplicaCount",
    ]


def test_replicas_without_zones_leave_the_choice_to_aws(run, module, existing):
    run(module, replication_group_id="table-order-redis", num_cache_clusters=3)
    [(operation, request)] = existing.writes
    assert (operation, request["NewReplicaCount"]) == ("IncreaseReplicaCount", 2)


@pytest.mark.parametrize(
    ("option", "new", "old"),
    [
        ("port", 6380, 6379),
        ("subnet_group", "other", "table-order-redis-subnet-group"),
        ("at_rest_encryption", True, False),
        ("preferred_availability_zones", ["ap-northeast-2c"], ["ap-northeast-2a"]),
        ("transit_encryption", True, False),
    ],
)
def test_refuses_what_cannot_be_changed_in_place(present, existing, option, new, old):
    result = present(**{option: new, "node_type": "cache.t3.small"})
    assert result["failed"]
    assert f"{option}: {old} -> {new} (" in result["msg"]
    assert f"allow_replace: [{option}]" in result["msg"]
    assert existing.writes == []


def test_replaces_when_allowed_by_name(present, existing):
    assert present(check=True, port=6380, allow_replace=["port"])["changed"]
    assert existing.writes == []
    result = present(port=6380, allow_replace=["port"])
    assert result["replication_group"]["port"] == 6380
    assert [name for name, _request in existing.writes] == [
        "DeleteReplicationGroup",
        "CreateReplicationGroup",
    ]
    assert result["diff"]["before"]["port"] == 6379


def test_a_replacement_is_as_the_old_group_was_but_for_what_is_asked(run, module, existing):
    result = run(module, replication_group_id="table-order-redis", port=6380, allow_replace=["port"])
    stored = {"engine_version": "7.1.0", "security_group_ids": ["sg-1", "sg-2"], "port": 6380}
    stored["maintenance_window"] = "sun:23:00-mon:01:30"
    reported = result["replication_group"]
    assert {name: reported[name] for name in OPTIONS} == OPTIONS | stored
    assert existing.writes[1][1]["EngineVersion"] == "7.1"


def test_a_replacement_leaves_out_what_does_not_fit_any_more(module, existing, run):
    info = run(module, replication_group_id="table-order-redis")["replication_group"]
    info |= {"engine": "valkey", "transit_encryption": True, "transit_encryption_mode": "required"}
    wanted = {"engine": "redis", "transit_encryption": False, "num_cache_clusters": 2}
    settings = module.successor(wanted, info)
    left_out = {
        "engine_version",
        "parameter_group",
        "transit_encryption_mode",
        "preferred_availability_zones",
    }
    assert left_out.isdisjoint(settings)
    assert settings["subnet_group"] == OPTIONS["subnet_group"]


def test_a_replacement_never_loses_the_password(run, module, present, cache):
    present(transit_encryption=True, auth_token=TOKEN)
    cache.writes.clear()
    replace = {"replication_group_id": "table-order-redis", "port": 6380, "allow_replace": ["port"]}
    assert "give auth_token" in run(module, **replace)["msg"]
    assert cache.writes == []
    assert run(module, **replace, auth_token=TOKEN)["replication_group"]["auth_token_enabled"]


def test_tls_goes_on_and_off_through_the_preferred_mode(present, existing):
    def switch(**options):
        return present(apply_immediately=True, **options)

    assert switch(transit_encryption=True, transit_encryption_mode="preferred")["changed"]
    assert existing.writes[-1][1]["TransitEncryptionMode"] == "preferred"
    assert switch(transit_encryption=True, transit_encryption_mode="required")["changed"]
    assert "switched off from transit_encryption_mode preferred" in switch(transit_encryption=False)["msg"]


PLAIN = {"TransitEncryptionEnabled": False}
PREFERRED = {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"}
REQUIRED = {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "required"}
AUTH = REQUIRED | {"AuthTokenEnabled": True}
WANT_PREFERRED = {"transit_encryption": True, "transit_encryption_mode": "preferred"}
WANT_REQUIRED = {"transit_encryption": True, "transit_encryption_mode": "required"}
ROTATE = {"auth_token": TOKEN, "auth_token_update_strategy": "rotate"}
SET = {"auth_token": TOKEN, "auth_token_update_strategy": "set"}


@pytest.mark.parametrize(
    ("state", "wanted", "sent"),
    [
        (PLAIN, {"transit_encryption": False}, []),
        (PLAIN, WANT_PREFERRED, [PREFERRED]),
        (PLAIN, WANT_REQUIRED, "switched on in two steps"),
        (PREFERRED, WANT_PREFERRED, []),
        (PREFERRED, WANT_REQUIRED, [{"TransitEncryptionMode": "required"}]),
        (PREFERRED, {"transit_encryption": False}, [PLAIN]),
        (PREFERRED, ROTATE, [{"AuthToken": TOKEN, "AuthTokenUpdateStrategy": "ROTATE"}]),
        (REQUIRED, WANT_REQUIRED, []),
        (REQUIRED, WANT_PREFERRED, [{"TransitEncryptionMode": "preferred"}]),
        (REQUIRED, {"transit_encryption": False}, "switched off from transit_encryption_mode preferred"),
        (
            REQUIRED,
            WANT_REQUIRED | ROTATE,
            [{"AuthToken": TOKEN, "AuthTokenUpdateStrategy": "ROTATE"}],
        ),
        # The order in which AWS takes them: nothing about TLS once there is a password.
        (
            PREFERRED,
            WANT_REQUIRED | ROTATE,
            [
                {"TransitEncryptionMode": "required"},
                {"AuthToken": TOKEN, "AuthTokenUpdateStrategy": "ROTATE"},
            ],
        ),
        (AUTH, WANT_REQUIRED | SET, [{"AuthToken": TOKEN, "AuthTokenUpdateStrategy": "SET"}]),
        (AUTH, WANT_REQUIRED | {"auth_token": TOKEN}, []),
        (AUTH, WANT_PREFERRED, "changes nothing about TLS while a password is asked for"),
        (AUTH, {"transit_encryption": False}, "changes nothing about TLS while a password is asked for"),
        (PREFERRED | {"AuthTokenEnabled": True}, WANT_REQUIRED, "changes nothing about TLS while a password"),
    ],
)
def test_sends_for_each_change_of_tls_and_password_what_aws_takes(run, module, existing, state, wanted, sent):
    existing.group.update(state)
    for check in (True, False):
        name = {"replication_group_id": "table-order-redis", "apply_immediately": True}
        result = run(module, check, **name, **wanted)
        assert TOKEN not in str(result)
        if isinstance(sent, str):
            assert sent in result["msg"]
        else:
            assert result["changed"] is bool(sent), result
        if check:
            assert existing.writes == []
    common = {"ReplicationGroupId": "table-order-redis", "ApplyImmediately": True}
    assert [request for _operation, request in existing.writes] == (
        [] if isinstance(sent, str) else [common | one for one in sent]
    )


def test_the_token_is_sent_at_creation_and_never_shown(present, cache):
    result = present(transit_encryption=True, auth_token=TOKEN)
    assert cache.writes[0][1]["AuthToken"] == TOKEN
    assert TOKEN not in str(result)
    assert result["replication_group"]["auth_token_enabled"] is True


def test_the_token_is_not_compared_and_rotates_only_when_asked(present, cache):
    with_tls = {"transit_encryption": True, "auth_token": TOKEN}
    present(**with_tls)
    cache.writes.clear()
    assert not present(transit_encryption=True, auth_token="another-token-entirely")["changed"]
    result = present(**with_tls, auth_token_update_strategy="rotate")
    assert result["changed"]
    [(operation, request)] = cache.writes
    assert operation == "ModifyReplicationGroup"
    assert (request["AuthToken"], request["AuthTokenUpdateStrategy"]) == (TOKEN, "ROTATE")
    assert result["diff"]["after"] == {"auth_token_update_strategy": "rotate"}
    assert TOKEN not in str(result)


def test_says_how_to_switch_auth_on_for_an_existing_group(present, existing):
    existing.group["TransitEncryptionEnabled"] = True
    result = present(transit_encryption=True, auth_token=TOKEN)
    assert "auth_token_update_strategy: rotate" in result["msg"]
    assert existing.writes == []


def test_tags_are_purged_unless_told_otherwise(present, existing):
    existing.tags["Added"] = "by hand"
    existing.tags["aws:createdBy"] = "aws"
    assert not present(purge_tags=False)["changed"]
    added = present(check=True, purge_tags=False, tags={"Name": "x"})
    assert added["diff"]["after"]["tags"] == existing.tags | {"Name": "x"}
    assert present()["diff"]["before"]["tags"]["Added"] == "by hand"
    assert existing.writes == [
        ("RemoveTagsFromResource", {"ResourceName": existing.group["ARN"], "TagKeys": ["Added"]})
    ]
    assert not present(tags=None)["changed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine_version": "7.x"}, "engine_version '7.x' is not a version"),
        ({"replication_group_id": "table--order"}, "'table--order' is not legal"),
        ({"num_cache_clusters": 7}, "num_cache_clusters 7 is not between 1 and 6"),
        ({"automatic_failover": True}, "automatic_failover needs num_cache_clusters of at least 2"),
        ({"multi_az": True}, "multi_az needs automatic_failover"),
        ({"num_cache_clusters": 2}, "names 1 zones for 2 nodes"),
        ({"auth_token": TOKEN}, "auth_token needs transit_encryption: true"),
        ({"auth_token": "a@/token-of-sixteen", "transit_encryption": True}, "auth_token must be 16 to 128"),
        ({"auth_token": TOKEN, "transit_encryption": None}, "cannot have an auth_token without transit_encr"),
        ({"node_type": None}, "is to be created, and for that node_type must be given"),
    ],
)
def test_refuses_what_aws_would_refuse(present, cache, options, message):
    result = present(**options)
    assert result["failed"]
    assert message in result["msg"]
    assert cache.writes == []


def test_a_failed_creation_is_an_error_at_once_and_on_the_next_run(present, cache):
    cache.ends_as = "create-failed"
    for wait in (True, False):
        result = present(wait=wait)
        assert result["failed"]
        assert "status 'create-failed'" in result["msg"]
        assert "state: absent" in result["msg"]


def test_a_denied_action_is_named(present, cache):
    cache.errors["CreateReplicationGroup"] = aws_error(
        "AccessDenied",
        "User x is not authorized to perform: elasticache:CreateReplicationGroup",
        "CreateReplicationGroup",
    )
    result = present()
    assert result["msg"].startswith("Replication group table-order-redis: An error occurred (AccessDenied)")
    assert "not authorized to perform: elasticache:CreateReplicationGroup" in result["msg"]


def test_gives_up_after_wait_timeout_and_says_what_to_do(present, cache):
    cache.takes = 10_000
    result = present(wait_timeout=100)
    assert "is not available with all its settings after 100 s: its status is 'creating'" in result["msg"]
    assert cache.now == 100


def test_names_the_settings_that_did_not_come_through(present, existing):
    existing.busy_status, existing.takes = "available", 10_000
    result = present(node_type="cache.t3.small", apply_immediately=True, wait_timeout=100)
    assert "'available', node_type is still cache.t3.micro, not cache.t3.small." in result["msg"]


def test_deletes_waits_and_is_done_the_second_time(run, module, existing):
    absent = {"replication_group_id": "table-order-redis", "state": "absent"}
    assert run(module, True, **absent)["changed"]
    assert existing.writes == []
    result = run(module, **absent)
    assert result["changed"]
    assert result["replication_group"] == {}
    assert existing.group is None
    assert not run(module, **absent)["changed"]


def test_deletes_what_is_still_being_made(present, run, module, cache):
    present(wait=False)
    options = {"replication_group_id": "table-order-redis", "state": "absent"}
    assert "AWS deletes only an available group" in run(module, wait=False, **options)["msg"]
    assert run(module, **options)["changed"]
    assert cache.group is None


def test_creates_anew_after_a_deletion_under_way(present, run, module, existing):
    run(module, replication_group_id="table-order-redis", state="absent", wait=False)
    assert existing.group["Status"] == "deleting"
    assert present(check=True)["changed"]
    assert "is being deleted" in present(wait=False)["msg"]
    assert present()["replication_group"]["status"] == "available"


def test_a_snapshot_under_way_is_awaited(present, existing):
    existing._begin("snapshotting", existing._finish)
    assert present(check=True, description="Other")["changed"]
    assert present(description="Other")["changed"]


def test_info_reads_one_all_or_none(run, existing):
    from ansible_collections.table_order.infra.plugins.modules import (
        elasticache_replication_group_info as info,
    )

    one = run(info, replication_group_id="table-order-redis")
    assert not one["changed"]
    assert one["replication_groups"][0]["primary_endpoint"]["address"] == ENDPOINT
    assert run(info, check=True)["replication_groups"] == one["replication_groups"]
    assert run(info, replication_group_id="other")["replication_groups"] == []
    existing.errors["DescribeReplicationGroups"] = aws_error(
        "AccessDenied", "no", "DescribeReplicationGroups"
    )
    assert "table-order-redis cannot be read" in run(info, replication_group_id="table-order-redis")["msg"]

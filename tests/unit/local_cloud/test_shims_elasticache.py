"""ElastiCache as AWS has it, where moto differs."""

import pytest

from local_cloud.shims import capacity
from local_cloud.shims.elasticache import hooks

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def cache(client):
    return client("elasticache")


@pytest.fixture(scope="module")
def subnet_group(cache, vpc):
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="caches", CacheSubnetGroupDescription="d", SubnetIds=[vpc["a"], vpc["c"]]
    )
    return "caches"


@pytest.fixture
def wanted(subnet_group, vpc):
    """The arguments of a replication group that AWS accepts."""
    return {
        "ReplicationGroupId": "table-order-redis",
        "ReplicationGroupDescription": "d",
        "NumCacheClusters": 1,
        "CacheNodeType": "cache.t3.micro",
        "Engine": "redis",
        "EngineVersion": "7.1",
        "CacheSubnetGroupName": subnet_group,
        "SecurityGroupIds": [vpc["group"]],
        "Port": 6379,
    }


@pytest.fixture
def create(cache, wanted):
    """Create a replication group; returns what the API answers."""
    made = []

    def make(**changes):
        group = cache.create_replication_group(**wanted | changes)["ReplicationGroup"]
        made.append(group["ReplicationGroupId"])
        return group

    yield make
    for name in made:
        if any(
            one["ReplicationGroupId"] == name
            for one in cache.describe_replication_groups()["ReplicationGroups"]
        ):
            cache.delete_replication_group(ReplicationGroupId=name)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("EngineVersion", "7.x", "Cannot find version 7.x"),
        ("EngineVersion", "7.2", "Cannot find version 7.2"),
        ("CacheSubnetGroupName", "nope", "CacheSubnetGroupNotFoundFault"),
        ("SecurityGroupIds", ["sg-0123"], "Invalid security group ids"),
        ("CacheNodeType", "t3.micro", "Invalid cache node type"),
        ("AuthToken", TOKEN, "encryption-in-transit"),
        ("AutomaticFailoverEnabled", True, "at least one replica"),
    ],
)
def test_replication_group_is_refused(cache, refused, wanted, argument, value, message):
    assert message in refused(cache.create_replication_group, **wanted | {argument: value})


def test_short_token_is_refused(cache, refused, wanted):
    arguments = {**wanted, "TransitEncryptionEnabled": True, "AuthToken": "short"}
    assert "16 to 128" in refused(cache.create_replication_group, **arguments)


def test_endpoints_carry_the_region(create):
    node_group = create()["NodeGroups"][0]
    primary = node_group["PrimaryEndpoint"]["Address"]
    assert primary.startswith("table-order-redis.")
    assert primary.endswith(".ng.0001.apn2.cache.amazonaws.com")
    assert node_group["ReaderEndpoint"]["Address"].startswith("table-order-redis-ro.")


def test_endpoints_differ_with_tls(create):
    group = create(TransitEncryptionEnabled=True, AuthToken=TOKEN)
    primary = group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert primary.startswith("master.table-order-redis.")
    assert group["AuthTokenEnabled"] is True


def test_members_are_described_as_clusters(cache, create, vpc):
    create(NumCacheClusters=2)
    clusters = cache.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
    assert [one["CacheClusterId"] for one in clusters] == ["table-order-redis-001", "table-order-redis-002"]
    (first, second) = clusters
    assert first["ReplicationGroupId"] == "table-order-redis"
    assert first["EngineVersion"] == "7.1.0"
    assert first["SecurityGroups"] == [{"SecurityGroupId": vpc["group"], "Status": "active"}]
    assert first["CacheNodes"][0]["Endpoint"]["Port"] == 6379
    assert (first["PreferredAvailabilityZone"], second["PreferredAvailabilityZone"]) == (
        "ap-northeast-2a",
        "ap-northeast-2c",
    )


def test_nodes_are_shown_when_asked(cache, create):
    create()
    assert "CacheNodes" not in cache.describe_cache_clusters()["CacheClusters"][0]
    alone = cache.describe_cache_clusters(ShowCacheClustersNotInReplicationGroups=True)
    assert alone["CacheClusters"] == []


def test_replication_group_is_modified_in_place(cache, create):
    create()
    changed = cache.modify_replication_group(
        ReplicationGroupId="table-order-redis",
        CacheNodeType="cache.t3.small",
        ReplicationGroupDescription="new",
        PreferredMaintenanceWindow="Mon:05:00-Mon:06:00",
        AutoMinorVersionUpgrade=False,
        SnapshotRetentionLimit=3,
        ApplyImmediately=True,
    )["ReplicationGroup"]
    assert (changed["CacheNodeType"], changed["Description"]) == ("cache.t3.small", "new")
    assert (changed["AutoMinorVersionUpgrade"], changed["SnapshotRetentionLimit"]) == (False, 3)
    (member,) = cache.describe_cache_clusters()["CacheClusters"]
    assert member["CacheNodeType"] == "cache.t3.small"
    assert member["PreferredMaintenanceWindow"] == "mon:05:00-mon:06:00"


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("EngineVersion", "7.0", "Downgrading"),
        ("CacheNodeType", "huge", "Invalid cache node type"),
        ("AuthToken", TOKEN, "encryption-in-transit"),
        ("SecurityGroupIds", ["sg-0123"], "Invalid security group ids"),
        ("AutomaticFailoverEnabled", True, "at least one replica"),
    ],
)
def test_modification_is_refused(cache, refused, create, argument, value, message):
    create()
    arguments = {"ReplicationGroupId": "table-order-redis", argument: value}
    assert message in refused(cache.modify_replication_group, **arguments)


def test_token_can_be_deleted(cache, create):
    create(TransitEncryptionEnabled=True, AuthToken=TOKEN)
    arguments = {"ReplicationGroupId": "table-order-redis", "AuthTokenUpdateStrategy": "DELETE"}
    changed = cache.modify_replication_group(ApplyImmediately=True, **arguments)["ReplicationGroup"]
    assert changed["AuthTokenEnabled"] is False


def test_what_is_not_available_cannot_be_modified(cache, refused, create):
    from moto.elasticache.models import elasticache_backends

    create()
    group = elasticache_backends["123456789012"]["ap-northeast-2"].replication_groups["table-order-redis"]
    group.status = "modifying"
    answer = refused(cache.modify_replication_group, ReplicationGroupId="table-order-redis")
    assert answer.startswith("InvalidReplicationGroupState")
    group.status = "available"


def test_deleted_group_disappears_with_its_members(cache, refused, create):
    create()
    cache.delete_replication_group(ReplicationGroupId="table-order-redis")
    answer = refused(cache.describe_replication_groups, ReplicationGroupId="table-order-redis")
    assert answer.startswith("ReplicationGroupNotFoundFault")
    assert cache.describe_cache_clusters()["CacheClusters"] == []


def test_member_cannot_be_deleted_alone(cache, refused, create):
    create()
    answer = refused(cache.delete_cache_cluster, CacheClusterId="table-order-redis-001")
    assert answer.startswith("InvalidCacheClusterState")


def test_single_cluster_lives_its_life(cache, refused, subnet_group):
    arguments = {"CacheClusterId": "single", "Engine": "redis", "CacheNodeType": "cache.t3.micro"}
    arguments |= {"NumCacheNodes": 1, "CacheSubnetGroupName": subnet_group}
    assert "NumCacheNodes" in refused(cache.create_cache_cluster, **arguments | {"NumCacheNodes": 3})
    assert "Encryption feature" in refused(
        cache.create_cache_cluster, **arguments, TransitEncryptionEnabled=True
    )
    assert "must be memcached or redis" in refused(
        cache.create_cache_cluster, **arguments | {"Engine": "valkey"}
    )
    cache.create_cache_cluster(**arguments)
    cache.modify_cache_cluster(CacheClusterId="single", CacheNodeType="cache.t3.small", ApplyImmediately=True)
    shown = cache.describe_cache_clusters(CacheClusterId="single", ShowCacheNodeInfo=True)["CacheClusters"][0]
    assert shown["CacheNodeType"] == "cache.t3.small"
    assert shown["CacheNodes"][0]["Endpoint"]["Address"].endswith(".0001.apn2.cache.amazonaws.com")
    answer = refused(cache.delete_cache_subnet_group, CacheSubnetGroupName=subnet_group)
    assert answer.startswith("CacheSubnetGroupInUse")
    cache.delete_cache_cluster(CacheClusterId="single")
    assert cache.describe_cache_clusters()["CacheClusters"] == []


def test_subnet_group_lives_its_life(cache, refused, vpc):
    name = {"CacheSubnetGroupName": "life"}
    unknown = {**name, "CacheSubnetGroupDescription": "d", "SubnetIds": ["subnet-0123"]}
    assert refused(cache.create_cache_subnet_group, **unknown).startswith("InvalidSubnet")
    cache.create_cache_subnet_group(**unknown | {"SubnetIds": [vpc["a"]]})
    cache.modify_cache_subnet_group(**name, SubnetIds=[vpc["a"], vpc["c"]])
    (group,) = cache.describe_cache_subnet_groups(**name)["CacheSubnetGroups"]
    zones = [subnet["SubnetAvailabilityZone"]["Name"] for subnet in group["Subnets"]]
    assert zones == ["ap-northeast-2a", "ap-northeast-2c"]
    cache.delete_cache_subnet_group(**name)
    assert refused(cache.describe_cache_subnet_groups, **name).startswith("CacheSubnetGroupNotFoundFault")


@pytest.fixture
def modify(cache):
    def send(**arguments):
        arguments |= {"ReplicationGroupId": "table-order-redis", "ApplyImmediately": True}
        return cache.modify_replication_group(**arguments)["ReplicationGroup"]

    return send


PREFERRED = {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"}


def test_tls_comes_in_two_steps_with_names_of_its_own_and_goes_the_same_way(create, modify, refused):
    plain = create()["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert "mode as preferred" in refused(modify, TransitEncryptionEnabled=True)
    assert "set encryption-in-transit as enabled" in refused(modify, TransitEncryptionMode="preferred")
    group = modify(**PREFERRED)
    assert (group["TransitEncryptionEnabled"], group["TransitEncryptionMode"]) == (True, "preferred")
    primary = group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert primary.startswith("master.table-order-redis.")
    assert primary.split(".")[2] == plain.split(".")[1]
    assert modify(TransitEncryptionMode="required")["TransitEncryptionMode"] == "required"
    assert "mode as preferred first" in refused(modify, TransitEncryptionEnabled=False)
    modify(TransitEncryptionMode="preferred")
    group = modify(TransitEncryptionEnabled=False)
    assert group["NodeGroups"][0]["PrimaryEndpoint"]["Address"] == plain


def test_a_password_is_rotated_in_before_it_is_set_and_nothing_of_tls_changes_then(create, modify, refused):
    create(TransitEncryptionEnabled=True)
    token = {"AuthToken": TOKEN, "AuthTokenUpdateStrategy": "SET"}
    assert "only after it was rotated" in refused(modify, **token)
    assert modify(**token | {"AuthTokenUpdateStrategy": "ROTATE"})["AuthTokenEnabled"] is True
    modify(**token)
    assert "access control enabled clusters" in refused(modify, TransitEncryptionMode="preferred")


def test_a_change_is_told_with_what_was_before(cache, create, modify, monkeypatch):
    told = []
    monkeypatch.setattr(hooks, "CHANGED", [lambda _, resource, *changes: told.append((resource, *changes))])
    create(TransitEncryptionEnabled=True, AuthToken=TOKEN)
    modify(AuthToken=TOKEN[::-1], AuthTokenUpdateStrategy="ROTATE")
    ((group, changes, previous),) = told
    assert (group.replication_group_id, group.auth_token) == ("table-order-redis", TOKEN[::-1])
    assert (previous["auth_token"], changes["auth_token"]) == (TOKEN, TOKEN[::-1])
    assert previous.keys() == changes.keys()


def test_a_deleted_group_is_shown_until_its_server_is_gone(cache, create, monkeypatch):
    kept = []
    monkeypatch.setattr(hooks, "DELETED", [lambda *told: not kept.append(told[-1])])
    create()
    cache.delete_replication_group(ReplicationGroupId="table-order-redis")
    (group,) = cache.describe_replication_groups()["ReplicationGroups"]
    assert group["Status"] == "deleting"
    (forget,) = kept
    forget()
    assert cache.describe_replication_groups()["ReplicationGroups"] == []


def test_a_node_type_is_one_of_the_allowed(cache, refused, create, wanted, monkeypatch):
    create()
    name = {"ReplicationGroupId": wanted["ReplicationGroupId"]}
    allowed = cache.list_allowed_node_type_modifications(**name)
    assert {"cache.t3.small", "cache.t4g.micro"} <= set(allowed["ScaleUpModifications"])
    assert allowed["ScaleDownModifications"] == []
    change = {**name, "ApplyImmediately": True}
    assert "Invalid cache node type" in refused(
        cache.modify_replication_group, CacheNodeType="cache.t3.huge", **change
    )
    monkeypatch.setattr(capacity, "LACKING", {"cache.t3.small"})
    answer = refused(cache.modify_replication_group, CacheNodeType="cache.t3.small", **change)
    assert answer.startswith("InsufficientCacheClusterCapacity")
    monkeypatch.setattr(capacity, "LACKING", set())
    group = cache.modify_replication_group(CacheNodeType="cache.t3.small", **change)["ReplicationGroup"]
    assert group["CacheNodeType"] == "cache.t3.small"
    allowed = cache.list_allowed_node_type_modifications(**name)
    assert "cache.t3.micro" in allowed["ScaleDownModifications"]


def test_a_node_type_waits_for_the_window_unless_immediate(cache, create, wanted):
    create()
    name = {"ReplicationGroupId": wanted["ReplicationGroupId"]}
    waiting = cache.modify_replication_group(**name, CacheNodeType="cache.t3.small")["ReplicationGroup"]
    assert waiting["CacheNodeType"] == "cache.t3.micro"
    (member,) = cache.describe_cache_clusters()["CacheClusters"]
    assert member["CacheNodeType"] == "cache.t3.micro"
    done = cache.modify_replication_group(**name, ApplyImmediately=True)["ReplicationGroup"]
    assert done["CacheNodeType"] == "cache.t3.small"


def test_a_group_made_again_has_another_endpoint(cache, create, wanted):
    def endpoint():
        return create()["NodeGroups"][0]["PrimaryEndpoint"]["Address"]

    first = endpoint()
    cache.delete_replication_group(ReplicationGroupId=wanted["ReplicationGroupId"])
    assert endpoint() != first


def test_no_service_update_waits(cache, create, wanted):
    create()
    asked = {"ReplicationGroupIds": [wanted["ReplicationGroupId"]]}
    assert cache.describe_update_actions(**asked)["UpdateActions"] == []

"""A cache is Redis 7 that only the VPC can reach, with TLS and AUTH when asked for."""

import socket

import pytest

from tests.cloud.conftest import wait_for

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def cache(cloud, vpc):
    client = cloud.client("elasticache")
    client.create_cache_subnet_group(
        CacheSubnetGroupName="private", CacheSubnetGroupDescription="d", SubnetIds=vpc["private"]
    )
    return client


@pytest.fixture
def create(cache, vpc):
    """Create a replication group and wait for it; returns its primary endpoint's host name."""

    def make(name, **arguments):
        created = cache.create_replication_group(
            ReplicationGroupId=name,
            ReplicationGroupDescription="d",
            NumCacheClusters=1,
            CacheNodeType="cache.t3.micro",
            Engine="redis",
            EngineVersion="7.1",
            CacheSubnetGroupName="private",
            SecurityGroupIds=[vpc["group"]],
            **arguments,
        )["ReplicationGroup"]
        assert created["Status"] == "creating"
        available(cache, name)
        return created["NodeGroups"][0]["PrimaryEndpoint"]["Address"]

    return make


def available(cache, name):
    def ask():
        (group,) = cache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]
        return group["Status"] == "available"

    wait_for(ask)


def test_plain_cache_lives_its_life(cache, create, inside):
    host = create("plain")
    assert inside("redis-cli", "-h", host, "ping") == "PONG"
    assert "redis_version:7." in inside("redis-cli", "-h", host, "info", "server")
    with pytest.raises(socket.gaierror):
        socket.gethostbyname(host)

    inside("redis-cli", "-h", host, "set", "kept", "42")
    cache.modify_replication_group(
        ReplicationGroupId="plain", CacheNodeType="cache.t3.small", ApplyImmediately=True
    )
    available(cache, "plain")
    assert inside("redis-cli", "-h", host, "get", "kept") == "42"

    cache.delete_replication_group(ReplicationGroupId="plain")
    wait_for(lambda: not cache.describe_replication_groups()["ReplicationGroups"])
    assert "PONG" not in inside("timeout", "3", "redis-cli", "-h", host, "ping")


def test_tls_and_token_are_required_and_rotated(cache, create, inside):
    def ping(token):
        auth = ["-a", token, "--no-auth-warning"] if token else []
        return inside("redis-cli", "-h", host, "--tls", "--cacert", "/ca.pem", *auth, "ping")

    host = create("secure", TransitEncryptionEnabled=True, AuthToken=TOKEN)
    assert ping(TOKEN) == "PONG"
    assert "NOAUTH" in ping("")
    assert "PONG" not in inside("timeout", "3", "redis-cli", "-h", host, "ping")

    other = "fedcba9876543210"
    for strategy, old_works in (("ROTATE", True), ("SET", False)):
        cache.modify_replication_group(
            ReplicationGroupId="secure",
            AuthToken=other,
            AuthTokenUpdateStrategy=strategy,
            ApplyImmediately=True,
        )
        available(cache, "secure")
        assert ping(other) == "PONG"
        assert (ping(TOKEN) == "PONG") is old_works


def test_a_running_cache_moves_to_tls_and_a_password_by_aws_s_steps(cache, create, inside):
    """At each step who was let in before is let in still, until the step after it."""

    def change(**arguments):
        cache.modify_replication_group(ReplicationGroupId="moved", ApplyImmediately=True, **arguments)
        available(cache, "moved")

    def plain(host):
        return inside("timeout", "3", "redis-cli", "-h", host, "ping")

    def tls(*options):
        (group,) = cache.describe_replication_groups(ReplicationGroupId="moved")["ReplicationGroups"]
        host = group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
        assert host.startswith("master.")
        return inside("redis-cli", "-h", host, "--tls", "--cacert", "/ca.pem", *options, "ping")

    password = ("--user", "default", "-a", TOKEN, "--no-auth-warning")
    before = create("moved")
    inside("redis-cli", "-h", before, "set", "kept", "42")
    change(TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
    assert (plain(before), tls()) == ("PONG", "PONG")
    change(TransitEncryptionEnabled=True, TransitEncryptionMode="required")
    assert "PONG" not in plain(before)
    assert tls() == "PONG"
    change(AuthToken=TOKEN, AuthTokenUpdateStrategy="ROTATE")
    assert (tls(), tls(*password)) == ("PONG", "PONG")
    change(AuthToken=TOKEN, AuthTokenUpdateStrategy="SET")
    assert "NOAUTH" in tls()
    assert tls(*password) == "PONG"

"""A database is PostgreSQL 15 that only the VPC can reach, over verified TLS."""

import json
import socket
import urllib.request

import pytest

from tests.cloud.conftest import wait_for

PASSWORD = "0123456789abcdef"


@pytest.fixture(scope="module")
def rds(cloud):
    return cloud.client("rds")


@pytest.fixture(scope="module")
def describe(rds):
    return lambda one="orders": rds.describe_db_instances(DBInstanceIdentifier=one)["DBInstances"][0]


@pytest.fixture(scope="module")
def available(rds):
    """Wait until a database is there, available, and has no change before it."""

    def settled(name):
        (one, *_) = [
            one for one in rds.describe_db_instances()["DBInstances"] if one["DBInstanceIdentifier"] == name
        ] or [{"DBInstanceStatus": "absent"}]
        return one["DBInstanceStatus"] == "available" and not one.get("PendingModifiedValues")

    return lambda one="orders": wait_for(lambda: settled(one))


@pytest.fixture(scope="module")
def endpoint(rds, vpc, available, describe):
    """A database named orders; its endpoint's host name."""
    rds.create_db_subnet_group(
        DBSubnetGroupName="private", DBSubnetGroupDescription="d", SubnetIds=vpc["private"]
    )
    rds.create_db_parameter_group(
        DBParameterGroupName="orders", DBParameterGroupFamily="postgres15", Description="d"
    )
    set_parameter(rds, "shared_buffers", "32768")
    created = rds.create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        EngineVersion="15",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        StorageType="gp3",
        MasterUsername="tableorder_admin",
        MasterUserPassword=PASSWORD,
        DBName="tableorder",
        DBSubnetGroupName="private",
        VpcSecurityGroupIds=[vpc["group"]],
        DBParameterGroupName="orders",
    )["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    available()
    return describe()["Endpoint"]["Address"]


@pytest.fixture(scope="module")
def query(inside):
    """Run SQL as the master user over verified TLS; returns what psql prints."""

    def run(host, sql, password=PASSWORD, sslmode="verify-full"):
        target = f"host={host} user=tableorder_admin dbname=tableorder password={password} connect_timeout=10"
        return inside("psql", f"{target} sslmode={sslmode} sslrootcert=/ca.pem", "-qAtc", sql)

    return run


def put(cloud, path, document):
    """Tell the local cloud something of its own."""
    request = urllib.request.Request(
        f"{cloud.url}/local-cloud/{path}", json.dumps(document).encode(), method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def set_parameter(rds, name, value, method="pending-reboot"):
    parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    rds.modify_db_parameter_group(DBParameterGroupName="orders", Parameters=[parameter])


def test_database_is_as_rds_makes_it(endpoint, query):
    assert query(endpoint, "SHOW server_version").startswith("15.")
    assert query(endpoint, "SHOW server_encoding") == "UTF8"
    collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
    assert query(endpoint, collation) == "en_US.UTF-8"
    roles = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    assert query(endpoint, roles) == "f|t|t"
    assert query(endpoint, "SHOW shared_buffers") == "256MB"


def test_connections_without_tls_are_refused(endpoint, query):
    assert "no encryption" in query(endpoint, "SELECT 1", sslmode="disable")


def test_certificate_is_for_the_endpoint_only(endpoint, query, inside):
    address = inside("getent", "hosts", endpoint).split()[0]
    assert address.startswith("10.56.2.")
    assert "does not match host name" in query(address, "SELECT 1")


def test_name_does_not_resolve_outside_the_vpc(endpoint):
    with pytest.raises(socket.gaierror):
        socket.gethostbyname(endpoint)


def test_parameters_apply_at_once_or_after_a_reboot(rds, endpoint, query, describe, available):
    query(endpoint, "CREATE TABLE kept (number int); INSERT INTO kept VALUES (42)")
    set_parameter(rds, "work_mem", "8192", "immediate")
    wait_for(lambda: query(endpoint, "SHOW work_mem") == "8MB", 15)
    set_parameter(rds, "max_connections", "77")
    assert describe()["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    assert query(endpoint, "SHOW max_connections") == "100"
    rds.reboot_db_instance(DBInstanceIdentifier="orders")
    assert describe()["DBInstanceStatus"] == "rebooting"
    available()
    assert describe()["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert query(endpoint, "SHOW max_connections") == "77"
    assert query(endpoint, "SELECT number FROM kept") == "42"


def test_master_password_is_changed_by_modify(rds, endpoint, query, available):
    rds.modify_db_instance(
        DBInstanceIdentifier="orders", MasterUserPassword="another-password", ApplyImmediately=True
    )
    available()
    assert "password authentication failed" in query(endpoint, "SELECT 1")
    assert query(endpoint, "SELECT 1", password="another-password") == "1"
    rds.modify_db_instance(DBInstanceIdentifier="orders", MasterUserPassword=PASSWORD, ApplyImmediately=True)
    available()


def test_changes_show_the_states_that_they_cause(cloud, rds, endpoint, query, describe, available):
    delays = {"modification": 2, "optimization": 2, "backup": 2}
    put(cloud, "delays", delays)
    rds.modify_db_instance(DBInstanceIdentifier="orders", AllocatedStorage=40, ApplyImmediately=True)
    for state in ("modifying", "storage-optimization"):
        wait_for(lambda state=state: describe()["DBInstanceStatus"] == state, 10)
        assert query(endpoint, "SELECT 1") == "1"
    available()
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="shown")
    wait_for(lambda: describe()["DBInstanceStatus"] == "backing-up", 10)
    with pytest.raises(rds.exceptions.ClientError, match="InvalidDBInstanceState"):
        rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="second")
    available()
    put(cloud, "delays", dict.fromkeys(delays, 0))


def test_stopped_database_answers_nobody_and_comes_back(rds, endpoint, query, describe, available):
    rds.stop_db_instance(DBInstanceIdentifier="orders")
    wait_for(lambda: describe()["DBInstanceStatus"] == "stopped")
    assert "connection to server" in query(endpoint, "SELECT 1") or "could not" in query(endpoint, "SELECT 1")
    rds.start_db_instance(DBInstanceIdentifier="orders")
    available()
    assert query(endpoint, "SELECT number FROM kept") == "42"


def test_renamed_database_has_a_new_endpoint_and_certificate(rds, endpoint, query, describe, available):
    rename = {"DBInstanceIdentifier": "orders", "NewDBInstanceIdentifier": "orders-new"}
    rds.modify_db_instance(**rename, ApplyImmediately=True)
    available("orders-new")
    renamed = describe("orders-new")["Endpoint"]["Address"]
    assert renamed.startswith("orders-new.")
    assert query(renamed, "SELECT number FROM kept") == "42"
    rename = {"DBInstanceIdentifier": "orders-new", "NewDBInstanceIdentifier": "orders"}
    rds.modify_db_instance(**rename, ApplyImmediately=True)
    available()


def test_deleted_database_is_gone_and_frees_its_groups(cloud, rds, endpoint):
    def interfaces():
        found = cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
        return [one for one in found if one["Description"] == "RDSNetworkInterface"]

    def names():
        return {one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]}

    rds.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
    wait_for(lambda: "orders" not in names())
    assert len(interfaces()) == len(names())
    rds.delete_db_subnet_group(DBSubnetGroupName="private")
    rds.delete_db_parameter_group(DBParameterGroupName="orders")

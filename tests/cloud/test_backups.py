"""Snapshots and restores carry real rows."""

import datetime
import time

import pytest

from tests.cloud.conftest import wait_for

PASSWORD = "0123456789abcdef"
PORT = 5440  # not the one that every program takes unasked


@pytest.fixture(scope="module")
def rds(cloud):
    return cloud.client("rds")


@pytest.fixture(scope="module")
def endpoint(rds):
    """Wait for an instance; returns its endpoint's host name."""

    def wait(name):
        def ask():
            (instance,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
            return instance["DBInstanceStatus"] == "available" and instance["Endpoint"]["Address"]

        return wait_for(ask)

    return wait


@pytest.fixture(scope="module")
def query(inside):
    def run(host, sql):
        target = f"host={host} port={PORT} user=tableorder_admin dbname=tableorder password={PASSWORD}"
        return inside("psql", f"{target} sslmode=verify-full sslrootcert=/ca.pem", "-qAtc", sql)

    return run


@pytest.fixture(scope="module")
def source(rds, vpc, endpoint, query):
    """A database with the row 1; its endpoint's host name."""
    rds.create_db_subnet_group(
        DBSubnetGroupName="backups", DBSubnetGroupDescription="d", SubnetIds=vpc["private"]
    )
    rds.create_db_instance(
        DBInstanceIdentifier="source",
        Engine="postgres",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        MasterUsername="tableorder_admin",
        MasterUserPassword=PASSWORD,
        DBName="tableorder",
        DBSubnetGroupName="backups",
        VpcSecurityGroupIds=[vpc["group"]],
        BackupRetentionPeriod=7,
        Port=PORT,
    )
    host = endpoint("source")
    assert query(host, "CREATE TABLE rows (number int); INSERT INTO rows VALUES (1)") == ""
    return host


def test_snapshot_is_restored_with_its_rows(rds, source, endpoint, query):
    rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="monday")
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="monday", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    query(source, "INSERT INTO rows VALUES (2)")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="from-monday", DBSnapshotIdentifier="monday", DBSubnetGroupName="backups"
    )
    restored = endpoint("from-monday")
    assert restored != source
    assert query(restored, "SELECT number FROM rows") == "1"
    query(restored, "INSERT INTO rows VALUES (3)")
    assert query(source, "SELECT number FROM rows ORDER BY number") == "1\n2"
    rds.delete_db_snapshot(DBSnapshotIdentifier="monday")
    rds.delete_db_instance(DBInstanceIdentifier="from-monday", SkipFinalSnapshot=True)


def test_point_in_time_is_restored(rds, source, endpoint, query):
    # The base is saved right after the instance became available.
    time.sleep(2)
    query(source, "INSERT INTO rows VALUES (10)")
    moment = datetime.datetime.now(datetime.UTC)
    time.sleep(1)
    query(source, "DELETE FROM rows")
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="source",
        TargetDBInstanceIdentifier="then",
        RestoreTime=moment,
        DBSubnetGroupName="backups",
    )
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="source",
        TargetDBInstanceIdentifier="latest",
        UseLatestRestorableTime=True,
        DBSubnetGroupName="backups",
    )
    assert "10" in query(endpoint("then"), "SELECT number FROM rows").split()
    assert query(endpoint("latest"), "SELECT count(*) FROM rows") == "0"
    assert query(endpoint("then"), "INSERT INTO rows VALUES (11)") == ""


def test_time_out_of_reach_is_refused(rds, source):
    with pytest.raises(rds.exceptions.ClientError, match="InvalidRestoreFault"):
        rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="source",
            TargetDBInstanceIdentifier="never",
            RestoreTime=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        )


def test_retained_backups_outlive_their_instance(rds, source, endpoint, query):
    latest = {"UseLatestRestorableTime": True, "DBSubnetGroupName": "backups"}
    to_then = {"SourceDBInstanceIdentifier": "then", "TargetDBInstanceIdentifier": "again"}

    def backups(**of):
        return rds.describe_db_instance_automated_backups(**of)["DBInstanceAutomatedBackups"]

    # Without a first backup there is nothing to retain.
    wait_for(lambda: backups(DBInstanceIdentifier="then"))
    query(endpoint("then"), "INSERT INTO rows VALUES (12)")
    (instance,) = rds.describe_db_instances(DBInstanceIdentifier="then")["DBInstances"]
    rds.delete_db_instance(DBInstanceIdentifier="then", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    resource = {"DbiResourceId": instance["DbiResourceId"]}
    wait_for(lambda: [one["Status"] for one in backups(**resource)] == ["retained"])
    with pytest.raises(rds.exceptions.ClientError, match="DBInstanceNotFound"):
        rds.restore_db_instance_to_point_in_time(**to_then, **latest)
    rds.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=resource["DbiResourceId"], TargetDBInstanceIdentifier="again", **latest
    )
    assert query(endpoint("again"), "SELECT number FROM rows ORDER BY number").split()[-2:] == ["11", "12"]
    rds.delete_db_instance_automated_backup(**resource)
    rds.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)


def test_final_snapshot_outlives_its_instance(rds, source, endpoint, query):
    query(source, "INSERT INTO rows VALUES (99)")
    rds.delete_db_instance(DBInstanceIdentifier="source", FinalDBSnapshotIdentifier="final")
    wait_for(
        lambda: (
            "source"
            not in {one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]}
        )
    )
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="source", DBSnapshotIdentifier="final", DBSubnetGroupName="backups"
    )
    assert query(endpoint("source"), "SELECT number FROM rows") == "99"

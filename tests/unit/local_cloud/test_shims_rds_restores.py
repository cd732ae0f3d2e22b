"""RDS's backups, restores and renames as AWS has them, where moto differs."""

import datetime

import pytest
from moto.rds.models import rds_backends

from local_cloud.shims.rds import automated_backups, changes

PASSWORD = "0123456789abcdef"
LOST = {
    "AvailabilityZone": "ap-northeast-2c",
    "BackupRetentionPeriod": 7,
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
    "EnableCloudwatchLogsExports": ["postgresql"],
    "PreferredBackupWindow": "03:00-04:00",
    "PreferredMaintenanceWindow": "Mon:04:00-Mon:05:00",
}


@pytest.fixture(scope="module")
def rds(client):
    return client("rds")


@pytest.fixture(scope="module")
def subnet_group(rds, vpc):
    rds.create_db_subnet_group(
        DBSubnetGroupName="restores", DBSubnetGroupDescription="d", SubnetIds=[vpc["a"], vpc["c"]]
    )
    return "restores"


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch):
    monkeypatch.setattr(automated_backups, "log_interval", lambda: 0.0)


@pytest.fixture
def past(monkeypatch):
    """Let the backups of what is created now begin some seconds ago."""
    present = automated_backups.now

    def begin(seconds):
        monkeypatch.setattr(
            automated_backups, "now", lambda: present() - datetime.timedelta(seconds=seconds + 1)
        )

    def end():
        monkeypatch.setattr(automated_backups, "now", present)

    return begin, end


@pytest.fixture
def create(rds, subnet_group, vpc, past):
    """Create an instance whose backups began a thousand seconds ago; returns its description."""
    begin, end = past

    def make(name, **more):
        begin(1000)
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="postgres",
            DBInstanceClass="db.t3.small",
            AllocatedStorage=20,
            StorageType="gp3",
            MasterUsername="tableorder_admin",
            MasterUserPassword=PASSWORD,
            DBName="tableorder",
            DBSubnetGroupName=subnet_group,
            VpcSecurityGroupIds=[vpc["group"]],
            **{"BackupRetentionPeriod": 7, "Tags": [{"Key": "Name", "Value": name}], **more},
        )
        end()
        return show(rds, name)

    yield make
    for one in rds.describe_db_instances()["DBInstances"]:
        name = one["DBInstanceIdentifier"]
        rds_backends["123456789012"]["ap-northeast-2"].databases[name].deletion_protection = False
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def show(rds, name):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def backups(rds, **asked):
    return rds.describe_db_instance_automated_backups(**asked)["DBInstanceAutomatedBackups"]


def to_point(rds, source, target, **more):
    asked = {"UseLatestRestorableTime": True, **more}
    return rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier=target, **asked
    )["DBInstance"]


def to_snapshot(rds, source, target, **more):
    snapshot = f"{source}-snapshot"
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=snapshot)
    return rds.restore_db_instance_from_db_snapshot(
        DBSnapshotIdentifier=snapshot, DBInstanceIdentifier=target, **more
    )["DBInstance"]


@pytest.mark.parametrize("restore", [to_point, to_snapshot])
def test_a_restore_loses_most_settings(rds, create, vpc, restore):
    made = create("full", **LOST)
    restored = restore(rds, "full", "bare")
    for name in (
        "DBInstanceClass",
        "Engine",
        "EngineVersion",
        "AllocatedStorage",
        "MasterUsername",
        "DBName",
    ):
        assert restored[name] == made[name], name
    assert restored["BackupRetentionPeriod"] == 7
    for name in sorted(LOST.keys() - {"BackupRetentionPeriod", "EnableCloudwatchLogsExports"}):
        assert restored[name] != made[name], name
    assert restored.get("EnabledCloudwatchLogsExports", []) == []
    assert "DBSubnetGroup" not in restored
    assert restored["PubliclyAccessible"] is True
    assert [one["VpcSecurityGroupId"] for one in restored["VpcSecurityGroups"]] != [vpc["group"]]
    assert "ReadReplicaSourceDBInstanceIdentifier" not in restored
    assert restored["DbiResourceId"] != made["DbiResourceId"]
    # A snapshot's source gives its tags (R8), a point in time does not.
    assert bool(restored.get("TagList")) == (restore is to_snapshot)


def test_a_restore_takes_what_the_request_sets(rds, create, subnet_group, vpc):
    create("asked", **LOST)
    given = {
        name: LOST[name] for name in ("CopyTagsToSnapshot", "DeletionProtection", "PreferredBackupWindow")
    }
    restored = to_point(
        rds, "asked", "given", DBSubnetGroupName=subnet_group, VpcSecurityGroupIds=[vpc["group"]], **given
    )
    assert restored["DBSubnetGroup"]["DBSubnetGroupName"] == subnet_group
    assert restored["PubliclyAccessible"] is False
    assert [one["VpcSecurityGroupId"] for one in restored["VpcSecurityGroups"]] == [vpc["group"]]
    assert {name: restored[name] for name in given} == given


def test_a_restore_refuses_the_storage_type_of_a_small_gp3(rds, refused, create):
    create("small")
    assert "requires iops" in refused(to_point, rds=rds, source="small", target="x", StorageType="gp3")
    assert "less than 400" in refused(
        to_point, rds=rds, source="small", target="x", StorageType="gp3", Iops=3000
    )
    assert "can't be less" in refused(to_point, rds=rds, source="small", target="x", AllocatedStorage=10)


def test_the_latest_restorable_time_trails_the_present(rds, create, monkeypatch):
    monkeypatch.setattr(automated_backups, "log_interval", lambda: 300.0)
    made = create("trailing")
    (backup,) = backups(rds, DBInstanceIdentifier="trailing")
    assert backup["Status"] == "active"
    window = backup["RestoreWindow"]
    assert made["LatestRestorableTime"] == window["LatestTime"]
    assert (window["LatestTime"] - window["EarliestTime"]).total_seconds() == 900


def test_no_window_without_backups(rds, refused, create):
    assert "LatestRestorableTime" not in create("unsaved", BackupRetentionPeriod=0)
    assert backups(rds, DBInstanceIdentifier="unsaved") == []
    assert refused(to_point, rds=rds, source="unsaved", target="x").startswith("PointInTimeRestoreNotEnabled")
    snapshots = rds.describe_db_snapshots(DBInstanceIdentifier="unsaved", SnapshotType="automated")
    assert snapshots["DBSnapshots"] == []


def test_no_window_before_the_first_backup(rds, create):
    create("fresh")
    instance = rds_backends["123456789012"]["ap-northeast-2"].databases["fresh"]
    instance.automated_backup.since = None
    (backup,) = backups(rds, DBInstanceIdentifier="fresh")
    assert (backup["Status"], backup.get("RestoreWindow")) == ("creating", {})
    assert "LatestRestorableTime" not in show(rds, "fresh")


@pytest.mark.parametrize("seconds", [-2000, 0, 60])
def test_a_time_outside_of_the_window_is_refused(rds, refused, create, seconds):
    latest = create("window")["LatestRestorableTime"]
    answer = refused(
        rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="window",
        TargetDBInstanceIdentifier="x",
        RestoreTime=latest + datetime.timedelta(seconds=seconds + 5 * (seconds == 0)),
    )
    assert answer.startswith("InvalidRestoreFault")


def test_a_restore_needs_one_time_and_one_source(rds, refused, create):
    made = create("one")
    when = made["LatestRestorableTime"] - datetime.timedelta(seconds=10)
    assert "either RestoreTime" in refused(to_point, rds=rds, source="one", target="x", RestoreTime=when)
    assert "either RestoreTime" in refused(
        to_point, rds=rds, source="one", target="x", UseLatestRestorableTime=False
    )
    assert "Specify one of" in refused(
        to_point, rds=rds, source="one", target="x", SourceDbiResourceId=made["DbiResourceId"]
    )
    assert to_point(rds, "one", "two", UseLatestRestorableTime=False, RestoreTime=when)["DBName"]


def test_backups_of_a_deleted_instance_are_retained_if_asked(rds, refused, create):
    made = create("gone", PreferredBackupWindow="03:00-04:00")
    rds.delete_db_instance(DBInstanceIdentifier="gone", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    (backup,) = backups(rds, DbiResourceId=made["DbiResourceId"])
    assert (backup["Status"], backup["DBInstanceIdentifier"]) == ("retained", "gone")
    assert backups(rds, Filters=[{"Name": "status", "Values": ["active"]}]) == []
    assert backup["RestoreWindow"]["LatestTime"] >= made["LatestRestorableTime"]
    latest = {"UseLatestRestorableTime": True, "SourceDbiResourceId": made["DbiResourceId"]}
    # The name is free again, and a second life of it has backups of its own.
    restored = rds.restore_db_instance_to_point_in_time(TargetDBInstanceIdentifier="gone", **latest)
    assert restored["DBInstance"]["DBName"] == "tableorder"
    assert len(backups(rds, DBInstanceIdentifier="gone")) == 2
    with_arn = {"DBInstanceAutomatedBackupsArn": backup["DBInstanceAutomatedBackupsArn"]}
    rds.delete_db_instance_automated_backup(**with_arn)
    assert [one["Status"] for one in backups(rds, DBInstanceIdentifier="gone")] == ["active"]
    answer = refused(rds.restore_db_instance_to_point_in_time, TargetDBInstanceIdentifier="y", **latest)
    assert answer.startswith("DBInstanceAutomatedBackupNotFound")
    own = {"DbiResourceId": restored["DBInstance"]["DbiResourceId"]}
    answer = refused(rds.delete_db_instance_automated_backup, **own)
    assert answer.startswith("InvalidDBInstanceAutomatedBackupState")


def test_backups_go_with_the_instance_otherwise(rds, create):
    made = create("away")
    rds.delete_db_instance(DBInstanceIdentifier="away", SkipFinalSnapshot=True)
    assert backups(rds, DbiResourceId=made["DbiResourceId"]) == []
    assert rds.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"] == []


def test_a_rename_needs_a_free_name(rds, refused, create):
    create("first")
    create("second")
    change = {"DBInstanceIdentifier": "first", "ApplyImmediately": True}
    answer = refused(rds.modify_db_instance, NewDBInstanceIdentifier="second", **change)
    assert answer.startswith("DBInstanceAlreadyExists")
    before = show(rds, "first")
    after = rds.modify_db_instance(NewDBInstanceIdentifier="Third", **change)["DBInstance"]
    assert after["DBInstanceIdentifier"] == "third"
    assert after["DBInstanceArn"].endswith(":third")
    assert after["DbiResourceId"] == before["DbiResourceId"]


@pytest.mark.parametrize(
    ("change", "pending"),
    [
        ({"NewDBInstanceIdentifier": "later"}, {"DBInstanceIdentifier": "later"}),
        ({"BackupRetentionPeriod": 0}, {"BackupRetentionPeriod": 0}),
        ({"CACertificateIdentifier": "rds-ca-rsa4096-g1"}, {"CACertificateIdentifier": "rds-ca-rsa4096-g1"}),
        ({"BackupRetentionPeriod": 9}, {}),
        ({"MasterUserPassword": PASSWORD[::-1]}, {}),
    ],
)
def test_some_changes_wait_for_the_window(rds, create, change, pending):
    create("patient")
    answer = rds.modify_db_instance(DBInstanceIdentifier="patient", **change)["DBInstance"]
    assert answer.get("PendingModifiedValues", {}) == pending
    assert answer["DBInstanceIdentifier"] == "patient"


def test_what_waits_comes_with_the_next_immediate_change(rds, create):
    create("eager")
    rds.modify_db_instance(DBInstanceIdentifier="eager", DBInstanceClass="db.t3.medium")
    answer = rds.modify_db_instance(
        DBInstanceIdentifier="eager", DeletionProtection=False, ApplyImmediately=True
    )["DBInstance"]
    assert answer["DBInstanceClass"] == "db.t3.medium"
    assert not answer.get("PendingModifiedValues")


def test_a_change_is_pending_until_it_is_made(rds, create, monkeypatch):
    taken = []
    monkeypatch.setattr(changes, "TAKEN", [lambda *what: taken.append(what) or True])
    create("slow")
    asked = {"DBInstanceIdentifier": "slow", "ApplyImmediately": True, "DBInstanceClass": "db.t3.large"}
    answer = rds.modify_db_instance(**asked, MasterUserPassword=PASSWORD[::-1])["DBInstance"]
    assert answer["DBInstanceClass"] == "db.t3.small"
    assert answer["PendingModifiedValues"] == {
        "DBInstanceClass": "db.t3.large",
        "MasterUserPassword": "****",
    }
    changes.apply(*taken[0])
    assert show(rds, "slow")["DBInstanceClass"] == "db.t3.large"
    assert not show(rds, "slow").get("PendingModifiedValues")

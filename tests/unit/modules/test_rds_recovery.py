"""A restoration names all settings that RDS would reset, a rename continues, and a removal keeps the backups."""

import datetime
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from tests.unit.modules.fake_rds import FakeRds


def load(name):
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).parents[3] / f"plugins/modules/{name}.py"
    )
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rds_restore, rds_rename, rds_removal = load("rds_restore"), load("rds_rename"), load("rds_removal")


def at(minute):
    return datetime.datetime(2026, 11, 28, 12, minute, tzinfo=datetime.UTC)


LIVE = {
    "DBInstanceIdentifier": "table-order-db",
    "DBInstanceStatus": "available",
    "DbiResourceId": "db-OLD",
    "LatestRestorableTime": at(30),
    "CACertificateIdentifier": "rds-ca-rsa4096-g1",
    "EnabledCloudwatchLogsExports": ["postgresql"],
    "MaxAllocatedStorage": 100,
}


def backup(resource, status, latest):
    window = {"EarliestTime": at(0), "LatestTime": latest}
    return {
        "DBInstanceIdentifier": "table-order-db",
        "DbiResourceId": resource,
        "Status": status,
        "RestoreWindow": window,
    }


FINAL, MIGRATION = "table-order-db-final-20261128125000", "table-order-db-before-migration-20261128120100"


def snapshot(name, time, status="available", **more):
    return {
        "DBSnapshotIdentifier": name,
        "DBInstanceIdentifier": "table-order-db",
        "SnapshotCreateTime": time,
        "SnapshotType": "manual",
        "Status": status,
        **more,
    }


@pytest.fixture
def rds(monkeypatch):
    fake = FakeRds()
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda self, service, retry_decorator=None: fake)
    return fake


@pytest.fixture
def run(rds, capsys):
    def run_module(module, check=False, **options):
        arguments = {"region": "ap-northeast-2", "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def restore(run, to="latest", check=False, target="table-order-db-recovery", **options):
    return run(
        rds_restore,
        check,
        db_instance_identifier=target,
        source_db_instance_identifier="table-order-db",
        to=to,
        **options,
    )


def test_the_latest_time_is_restored_with_every_setting(rds, run):
    rds.instances, rds.backups = [LIVE], [backup("db-OLD", "active", at(30))]
    rds.snapshots = [snapshot("newer-by-the-clock", at(40))]
    settings = {
        "db_instance_class": "db.t3.small",
        "port": 5440,
        "availability_zone": "ap-northeast-2a",
        "publicly_accessible": False,
        "db_subnet_group_name": "group",
        "vpc_security_group_ids": ["sg-1"],
        "db_parameter_group_name": "parameters",
        "backup_retention_period": 7,
        "preferred_backup_window": "03:00-04:00",
        "auto_minor_version_upgrade": True,
        "copy_tags_to_snapshot": True,
        "deletion_protection": True,
        "tags": {"Project": "table-order"},
    }
    result = restore(run, **settings)
    assert (result["changed"], result["restored_from"], result["restore_point"]) == (
        True,
        "instance db-OLD",
        "2026-11-28T12:30:00Z",
    )
    assert result["dbi_resource_id"] == "db-NEW"
    tags = [
        {"Key": "Project", "Value": "table-order"},
        {"Key": "RestoredFrom", "Value": "instance db-OLD"},
        {"Key": "RestoredTo", "Value": "2026-11-28T12:30:00Z"},
    ]
    # Neither the storage's type nor its IOPS: RDS refuses both for a small gp3.
    assert rds.calls == [
        (
            "restore_db_instance_to_point_in_time",
            {
                "TargetDBInstanceIdentifier": "table-order-db-recovery",
                "SourceDBInstanceIdentifier": "table-order-db",
                "UseLatestRestorableTime": True,
                "DBInstanceClass": "db.t3.small",
                "Port": 5440,
                "AvailabilityZone": "ap-northeast-2a",
                "PubliclyAccessible": False,
                "DBSubnetGroupName": "group",
                "VpcSecurityGroupIds": ["sg-1"],
                "DBParameterGroupName": "parameters",
                "BackupRetentionPeriod": 7,
                "PreferredBackupWindow": "03:00-04:00",
                "AutoMinorVersionUpgrade": True,
                "CopyTagsToSnapshot": True,
                "DeletionProtection": True,
                "EnableCloudwatchLogsExports": ["postgresql"],
                "CACertificateIdentifier": "rds-ca-rsa4096-g1",
                "MaxAllocatedStorage": 100,
                "Tags": tags,
            },
        )
    ]


def test_a_time_is_restored_within_the_window_only(rds, run):
    rds.instances, rds.backups = [LIVE], [backup("db-OLD", "active", at(30))]
    assert restore(run, to="2026-11-28T12:10:00Z")["restore_point"] == "2026-11-28T12:10:00Z"
    assert rds.calls[0][1]["RestoreTime"] == at(10)
    assert "UseLatestRestorableTime" not in rds.calls[0][1]
    for refused in ("2026-11-28T12:30:00Z", "2026-11-28T11:59:00Z", "yesterday"):
        result = restore(run, to=refused)
        assert result["failed"]
        assert "instance db-OLD: 2026-11-28T12:00:00Z to 2026-11-28T12:30:00Z" in result["msg"]
    assert len(rds.calls) == 1


def test_a_new_instance_has_no_restorable_time(rds, run):
    rds.instances = [{key: value for key, value in LIVE.items() if key != "LatestRestorableTime"}]
    rds.backups = [
        {key: value for key, value in backup("db-OLD", "creating", at(0)).items() if key[0] == "D"}
    ]
    # Older than the instance itself: the last snapshot is not its newest data.
    rds.snapshots = [snapshot("old", at(1))]
    result = restore(run)
    assert "Restorable of table-order-db: snapshot old: 2026-11-28T12:01:00Z." in result["msg"]


@pytest.mark.parametrize(
    ("snapshots", "expected", "call"),
    [
        ([snapshot(FINAL, at(50))], f"snapshot {FINAL}", "restore_db_instance_from_db_snapshot"),
        (
            [snapshot(FINAL, at(50), "creating")],
            "retained backups of db-2",
            "restore_db_instance_to_point_in_time",
        ),
        (
            [snapshot(MIGRATION, at(1))],
            "retained backups of db-2",
            "restore_db_instance_to_point_in_time",
        ),
        (
            [snapshot(MIGRATION, at(41)), snapshot("rds:monday", at(45), SnapshotType="automated")],
            "snapshot rds:monday",
            "restore_db_instance_from_db_snapshot",
        ),
        # A copy of an old one.
        (
            [snapshot(FINAL, at(50), OriginalSnapshotCreateTime=at(10))],
            "retained backups of db-2",
            "restore_db_instance_to_point_in_time",
        ),
    ],
)
def test_of_a_deleted_instance_the_newest_data_is_restored(rds, run, snapshots, expected, call):
    other = backup("db-3", "retained", at(55)) | {"DBInstanceIdentifier": "another"}
    rds.backups = [backup("db-1", "retained", at(20)), backup("db-2", "retained", at(40)), other]
    rds.snapshots = snapshots
    result = restore(run, target="table-order-db")
    assert result["restored_from"] == expected
    [(name, request)] = rds.calls
    assert name == call
    if "retained" in expected:
        assert request["SourceDbiResourceId"] == "db-2"
        assert "SourceDBInstanceIdentifier" not in request
    else:
        assert "UseLatestRestorableTime" not in request


def test_a_snapshot_taken_by_hand_is_restored_by_its_name_only(rds, run):
    by_hand = [snapshot("table-order-db-final-copy", at(58)), snapshot("mine", at(59))]
    rds.snapshots = [snapshot(FINAL, at(50)), *by_hand, snapshot("old", at(1))]
    result = restore(run, target="table-order-db")
    assert result["restored_from"] == f"snapshot {FINAL}"
    assert result["passed_over"] == ["snapshot mine", "snapshot table-order-db-final-copy"]
    assert restore(run, to="mine", target="table-order-db")["passed_over"] == []
    rds.snapshots = by_hand
    assert "Restorable of table-order-db: snapshot mine" in restore(run, target="table-order-db")["msg"]


def test_a_source_outside_extended_support_stays_there(rds, run):
    rds.instances = [LIVE | {"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"}]
    restore(run)
    assert rds.calls[0][1]["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


def test_a_snapshot_is_restored_by_its_name(rds, run):
    rds.instances, rds.snapshots = [LIVE], [snapshot("monday", at(5))]
    assert restore(run, to="monday")["restored_from"] == "snapshot monday"
    assert "MaxAllocatedStorage" not in rds.calls[0][1]
    assert "snapshot monday" in restore(run, to="tuesday")["msg"]


def test_nothing_to_restore_is_said(rds, run):
    assert "There is nothing to restore of table-order-db" in restore(run)["msg"]


def test_a_restoration_that_has_begun_is_not_begun_again(rds, run):
    tags = [
        {"Key": "RestoredFrom", "Value": "instance db-OLD"},
        {"Key": "RestoredTo", "Value": "2026-11-28T12:10:00Z"},
    ]
    begun = {
        "DBInstanceIdentifier": "table-order-db-recovery",
        "DBInstanceStatus": "creating",
        "DbiResourceId": "db-BEGUN",
    }
    rds.instances = [begun | {"TagList": tags}]
    for to in ("latest", "2026-11-28T12:10:00Z"):
        result = restore(run, to=to)
        assert (result["changed"], result["dbi_resource_id"]) == (False, "db-BEGUN")
    assert "not to 2026-11-28T12:11:00Z" in restore(run, to="2026-11-28T12:11:00Z")["msg"]
    rds.instances = [begun]
    assert "no restoration made it" in restore(run)["msg"]
    assert rds.calls == []


def test_check_mode_restores_nothing(rds, run):
    rds.instances, rds.backups = [LIVE], [backup("db-OLD", "active", at(30))]
    result = restore(run, check=True)
    assert (result["changed"], result["earliest"], result["latest"]) == (
        True,
        "2026-11-28T12:00:00Z",
        "2026-11-28T12:30:00Z",
    )
    assert rds.calls == []


def rename(run, check=False, **options):
    options |= {"dbi_resource_id": "db-OLD", "new_db_instance_identifier": "table-order-db-old-1"}
    return run(rds_rename, check, **options)


def test_a_rename_is_requested_once_and_awaited(rds, run):
    rds.instances = [LIVE]
    assert rename(run, check=True)["renamed"]
    assert rds.calls == []
    first = rename(run)
    assert (first["changed"], first["renamed"]) == (True, False)
    assert rds.calls == [
        (
            "modify_db_instance",
            {
                "DBInstanceIdentifier": "table-order-db",
                "NewDBInstanceIdentifier": "table-order-db-old-1",
                "ApplyImmediately": True,
            },
        )
    ]
    renaming = LIVE | {
        "DBInstanceStatus": "renaming",
        "PendingModifiedValues": {"DBInstanceIdentifier": "table-order-db-old-1"},
    }
    rds.instances = [renaming]
    assert rename(run)["waits_for"] == "table-order-db is renaming"
    renamed = LIVE | {"DBInstanceIdentifier": "table-order-db-old-1", "DBInstanceStatus": "rebooting"}
    rds.instances = [renamed]
    assert rename(run)["waits_for"] == "table-order-db-old-1 is rebooting"
    rds.instances = [renamed | {"DBInstanceStatus": "available"}]
    last = rename(run)
    assert (last["changed"], last["renamed"]) == (False, True)
    assert len(rds.calls) == 1


def test_a_rename_waits_for_a_busy_instance_and_a_name_in_use(rds, run):
    rds.instances = [LIVE]
    for refusal in ("InvalidDBInstanceState", "DBInstanceAlreadyExists"):
        rds.refusal = refusal
        result = rename(run)
        assert (result["changed"], result["renamed"], result["waits_for"]) == (False, False, refusal)
    rds.refusal = "AccessDenied"
    assert rename(run)["failed"]
    rds.instances = []
    assert "No instance has the resource id db-OLD" in rename(run)["msg"]


def test_a_missing_instance_is_accepted_where_asked(rds, run):
    result = rename(run, ignore_missing=True)
    assert (result["found"], result["renamed"], result["changed"]) == (False, True, False)
    rds.instances = [LIVE]
    assert rename(run, ignore_missing=True)["found"]


def test_an_instance_that_does_not_serve_is_renamed(rds, run):
    rds.instances = [LIVE | {"DBInstanceStatus": "storage-full"}]
    assert rename(run)["changed"]
    rds.instances = [
        LIVE | {"DBInstanceStatus": "storage-full", "DBInstanceIdentifier": "table-order-db-old-1"}
    ]
    assert rename(run)["renamed"]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("failed", "aws rds delete-db-instance --skip-final-snapshot"),
        ("stopped", "aws rds start-db-instance"),
    ],
)
def test_an_instance_that_rds_never_renames_is_told_at_once(rds, run, status, advice):
    rds.instances, rds.refusal = [LIVE | {"DBInstanceStatus": status}], "InvalidDBInstanceState"
    result = rename(run)
    assert result["failed"]
    assert f"table-order-db is {status}: RDS renames no instance in this status. " in result["msg"]
    assert f"{advice} " in result["msg"]
    # The restored one waits for the name, whatever the status of the other.
    rds.refusal = "DBInstanceAlreadyExists"
    assert rename(run)["waits_for"] == "DBInstanceAlreadyExists"


def remove(run, check=False, **options):
    return run(rds_removal, check, db_instance_identifier="table-order-db", **options)


def test_a_removal_keeps_the_automated_backups(rds, run):
    rds.instances, rds.backups = [LIVE], [backup("db-1", "retained", at(20))]
    assert remove(run, check=True, final_db_snapshot_identifier="final")["deleted"] == ["table-order-db"]
    assert rds.calls == []
    remove(run, final_db_snapshot_identifier="final")
    assert rds.calls == [
        (
            "delete_db_instance",
            {
                "DBInstanceIdentifier": "table-order-db",
                "SkipFinalSnapshot": False,
                "FinalDBSnapshotIdentifier": "final",
                "DeleteAutomatedBackups": False,
            },
        )
    ]


def test_a_removal_with_the_data_deletes_what_was_retained_before(rds, run):
    rds.instances = [LIVE | {"DBInstanceStatus": "deleting"}]
    rds.backups = [
        backup("db-OLD", "active", at(30)),
        backup("db-1", "retained", at(20)),
        backup("db-2", "retained", at(20)),
        backup("db-3", "retained", at(20)) | {"DBInstanceIdentifier": "another"},
    ]
    assert remove(run, delete_automated_backups=True)["deleted"] == ["db-1", "db-2"]
    assert rds.calls == [
        ("delete_db_instance_automated_backup", {"DbiResourceId": "db-1"}),
        ("delete_db_instance_automated_backup", {"DbiResourceId": "db-2"}),
    ]
    rds.instances, rds.backups = [], []
    assert remove(run, delete_automated_backups=True)["changed"] is False

"""RDS as AWS has it, where moto differs."""

import pytest
from moto.rds.models import rds_backends

from local_cloud.shims import capacity
from local_cloud.shims.rds import maintenance
from local_cloud.shims.rds.versions import POSTGRES_VERSIONS
from local_cloud.shims.rds.windows import check_windows

PASSWORD = "0123456789abcdef"


@pytest.fixture(scope="module")
def rds(client):
    return client("rds")


@pytest.fixture(scope="module")
def subnet_group(rds, vpc):
    rds.create_db_subnet_group(
        DBSubnetGroupName="two-zones", DBSubnetGroupDescription="d", SubnetIds=[vpc["a"], vpc["c"]]
    )
    return "two-zones"


@pytest.fixture
def group(rds, request):
    """A separate parameter group for each test."""
    name = f"group-{abs(hash(request.node.name))}"
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres15", Description="d"
    )
    return name


@pytest.fixture
def wanted(subnet_group, vpc, request):
    """The arguments of a creation that AWS accepts."""
    return {
        "DBInstanceIdentifier": f"db-{abs(hash(request.node.name))}",
        "Engine": "postgres",
        "EngineVersion": "15",
        "DBInstanceClass": "db.t3.small",
        "AllocatedStorage": 20,
        "StorageType": "gp3",
        "MasterUsername": "tableorder_admin",
        "MasterUserPassword": PASSWORD,
        "DBName": "tableorder",
        "DBSubnetGroupName": subnet_group,
        "VpcSecurityGroupIds": [vpc["group"]],
        "PreferredBackupWindow": "03:00-04:00",
        "PreferredMaintenanceWindow": "Mon:04:00-Mon:05:00",
    }


@pytest.fixture
def create(rds, wanted):
    """Create an instance; returns what the API answers."""
    made = []

    def make(**changes):
        instance = rds.create_db_instance(**wanted | changes)["DBInstance"]
        made.append(instance["DBInstanceIdentifier"])
        return instance

    yield make
    for name in made:
        if any(one["DBInstanceIdentifier"] == name for one in rds.describe_db_instances()["DBInstances"]):
            rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def set_parameter(rds, group, name, value, method="pending-reboot"):
    parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter])


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("DBInstanceClass", "db.zz.medium", "Invalid DB Instance class"),
        ("MasterUsername", "admin", "reserved word"),
        ("MasterUsername", "pg_master", "reserved word"),
        ("MasterUsername", "1master", "begin with a letter"),
        ("DBName", "1x", "begin with a letter"),
        ("DBName", "db", "reserved word"),
        ("MasterUserPassword", 'with"quote"', "besides '/', '@'"),
        ("MasterUserPassword", "short", "shorter than 8"),
        ("CharacterSetName", "UTF8", "Character sets not supported"),
        ("Iops", 3000, "storage size less than 400"),
        ("StorageThroughput", 125, "storage size less than 400"),
        ("EngineVersion", "15.1", "Cannot find version"),
        ("BackupRetentionPeriod", 36, "Invalid backup retention period"),
        ("VpcSecurityGroupIds", ["sg-0123"], "Invalid security group"),
        ("AvailabilityZone", "ap-northeast-2b", "availability zone"),
        ("PreferredBackupWindow", "03:30-04:30", "must not overlap"),
    ],
)
def test_creation_is_refused(rds, refused, wanted, argument, value, message):
    assert message in refused(rds.create_db_instance, **wanted | {argument: value})


def test_security_group_of_another_vpc_is_refused(rds, ec2, refused, wanted):
    default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="foreign", Description="d", VpcId=default)["GroupId"]
    assert "different VPCs" in refused(rds.create_db_instance, **wanted | {"VpcSecurityGroupIds": [group]})


def test_parameter_group_of_another_family_is_refused(rds, refused, wanted):
    rds.create_db_parameter_group(
        DBParameterGroupName="sixteen", DBParameterGroupFamily="postgres16", Description="d"
    )
    answer = refused(rds.create_db_instance, **wanted | {"DBParameterGroupName": "sixteen"})
    assert "can't be used for this instance" in answer


def test_creation_is_completed(create):
    first, second = create(), create(DBInstanceIdentifier="second")
    assert first["EngineVersion"] == POSTGRES_VERSIONS[-1]
    assert (first["Iops"], first["StorageThroughput"]) == (3000, 125)
    assert first["PubliclyAccessible"] is False
    assert first["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
    assert first["LicenseModel"] == "postgresql-license"
    assert first["AvailabilityZone"] == "ap-northeast-2a"
    assert first["DbiResourceId"] != second["DbiResourceId"]


def test_storage_type_may_be_left_out(rds, wanted):
    del wanted["StorageType"]
    instance = rds.create_db_instance(**wanted)["DBInstance"]
    assert instance["StorageType"] == "gp2"
    rds.delete_db_instance(DBInstanceIdentifier=instance["DBInstanceIdentifier"], SkipFinalSnapshot=True)


def test_endpoint_is_absent_while_creating(rds, create):
    from moto.rds.models import rds_backends

    name = create()["DBInstanceIdentifier"]
    instance = rds_backends["123456789012"]["ap-northeast-2"].databases[name]
    instance.status = "creating"
    assert "Endpoint" not in rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    instance.status = "available"
    assert "Endpoint" in rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


@pytest.mark.parametrize(
    ("maintenance", "backup", "problem"),
    [
        ("mon:04:00-mon:05:00", "03:00-04:00", None),
        ("mon:04:00-mon:05:00", "05:00-06:00", None),
        ("mon:04:00-mon:05:00", "04:59-05:59", "overlap"),
        ("sun:23:30-mon:00:30", "00:00-01:00", "overlap"),
        ("sun:23:30-mon:00:30", "23:00-23:30", None),
        ("sun:12:00-sun:13:00", "23:30-00:30", None),
        ("mon:04:00-mon:04:10", None, "at least 30 minutes"),
        ("monday 4", None, "Invalid maintenance window format"),
    ],
)
def test_windows_may_touch_but_not_overlap(maintenance, backup, problem):
    answer = check_windows(None, maintenance, backup)
    assert answer is None if problem is None else problem in answer


def test_modification_waits_for_the_window_unless_immediate(rds, create):
    name = create()["DBInstanceIdentifier"]
    change = {"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.large"}
    waiting = rds.modify_db_instance(**change)["DBInstance"]
    assert waiting["DBInstanceClass"] == "db.t3.small"
    assert waiting["PendingModifiedValues"] == {"DBInstanceClass": "db.t3.large"}
    done = rds.modify_db_instance(**change, ApplyImmediately=True)["DBInstance"]
    assert done["DBInstanceClass"] == "db.t3.large"
    assert not done.get("PendingModifiedValues")


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("EngineVersion", "15.13", "Cannot upgrade postgres"),
        ("DBInstanceClass", "db.zz.medium", "Invalid DB Instance class"),
        ("CACertificateIdentifier", "rds-ca-2019", "CertificateNotFound"),
        ("MasterUserPassword", "with space 1", "besides '/', '@'"),
        ("BackupRetentionPeriod", 40, "Invalid backup retention period"),
        ("StorageThroughput", 125, "storage size less than 400"),
        ("VpcSecurityGroupIds", ["sg-0123"], "Invalid security group"),
    ],
)
def test_modification_is_refused(rds, refused, create, argument, value, message):
    name = create(EngineVersion="15.14")["DBInstanceIdentifier"]
    assert message in refused(rds.modify_db_instance, DBInstanceIdentifier=name, **{argument: value})


def test_major_version_alone_changes_nothing_on_the_newest(rds, create):
    name = create()["DBInstanceIdentifier"]
    answer = rds.modify_db_instance(DBInstanceIdentifier=name, EngineVersion="15")["DBInstance"]
    assert answer["EngineVersion"] == POSTGRES_VERSIONS[-1]
    assert not answer.get("PendingModifiedValues")


def test_parameters_wait_for_a_reboot(rds, create, group):
    def status():
        (instance,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return instance["DBParameterGroups"][0]["ParameterApplyStatus"]

    name = create(DBParameterGroupName=group)["DBInstanceIdentifier"]
    assert status() == "in-sync"
    set_parameter(rds, group, "max_connections", "200")
    assert status() == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    assert status() == "in-sync"
    rds.create_db_parameter_group(
        DBParameterGroupName=f"{group}-b", DBParameterGroupFamily="postgres15", Description="d"
    )
    set_parameter(rds, f"{group}-b", "max_connections", "200")
    rds.modify_db_instance(DBInstanceIdentifier=name, DBParameterGroupName=f"{group}-b")
    assert status() == "pending-reboot"


def test_deletion_needs_a_word_about_the_snapshot(rds, refused, create):
    name = create()["DBInstanceIdentifier"]
    assert "FinalDBSnapshotIdentifier is required" in refused(
        rds.delete_db_instance, DBInstanceIdentifier=name
    )


def test_subnet_group_covers_two_zones(rds, refused, vpc):
    arguments = {"DBSubnetGroupName": "one-zone", "DBSubnetGroupDescription": "d", "SubnetIds": [vpc["a"]]}
    assert refused(rds.create_db_subnet_group, **arguments).startswith("DBSubnetGroupDoesNotCoverEnoughAZs")


def test_modified_subnet_group_is_still_there(rds, refused, vpc, subnet_group):
    both = [vpc["a"], vpc["c"]]
    rds.modify_db_subnet_group(DBSubnetGroupName=subnet_group, DBSubnetGroupDescription="new", SubnetIds=both)
    (found,) = rds.describe_db_subnet_groups(DBSubnetGroupName=subnet_group)["DBSubnetGroups"]
    assert found["DBSubnetGroupDescription"] == "new"
    one = {"DBSubnetGroupName": subnet_group, "SubnetIds": both[:1]}
    assert "CoverEnoughAZs" in refused(rds.modify_db_subnet_group, **one)


def test_name_of_a_subnet_group_is_taken_once(rds, refused, vpc, subnet_group):
    arguments = {"DBSubnetGroupDescription": "d", "SubnetIds": [vpc["a"], vpc["c"]]}
    answer = refused(rds.create_db_subnet_group, DBSubnetGroupName=subnet_group, **arguments)
    assert answer.startswith("DBSubnetGroupAlreadyExists")


def test_groups_in_use_stay(rds, refused, create, group, subnet_group):
    create(DBParameterGroupName=group)
    answer = refused(rds.delete_db_subnet_group, DBSubnetGroupName=subnet_group)
    assert answer.startswith("InvalidDBSubnetGroupStateFault")
    answer = refused(rds.delete_db_parameter_group, DBParameterGroupName=group)
    assert answer.startswith("InvalidDBParameterGroupState")


def test_unknown_parameter_group_is_an_error(rds, refused):
    answer = refused(rds.describe_db_parameter_groups, DBParameterGroupName="nope")
    assert answer.startswith("DBParameterGroupNotFound")


def test_parameter_group_shows_its_familys_parameters(rds, group):
    pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    parameters = {one["ParameterName"]: one for one in pages.build_full_result()["Parameters"]}
    buffers = parameters["shared_buffers"]
    assert (buffers["DataType"], buffers["ApplyType"], buffers["IsModifiable"]) == ("integer", "static", True)
    assert parameters["work_mem"]["ApplyType"] == "dynamic"
    assert parameters["listen_addresses"]["IsModifiable"] is False
    assert parameters["rds.force_ssl"]["ParameterValue"] == "1"
    assert "ParameterValue" not in buffers


def test_set_parameter_is_shown_and_can_be_reset(rds, group):
    def value():
        found = rds.describe_db_parameters(DBParameterGroupName=group, Source="user")["Parameters"]
        return [(one["ParameterName"], one["ParameterValue"]) for one in found]

    set_parameter(rds, group, "work_mem", "4096")
    assert value() == [("work_mem", "4096")]
    rds.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=True)
    assert value() == []


@pytest.mark.parametrize(
    ("name", "value", "method", "message"),
    [
        ("shared_buffers", "256MB", "pending-reboot", "Invalid parameter value"),
        ("shared_buffers", "1", "pending-reboot", "Invalid parameter value"),
        ("shared_buffers", "32768", "immediate", "cannot use immediate apply method"),
        ("listen_addresses", "*", "immediate", "cannot be modified"),
        ("no_such_thing", "1", "immediate", "Could not find parameter"),
        ("rds.force_ssl", "yes", "immediate", "Invalid parameter value"),
    ],
)
def test_parameter_is_refused(rds, refused, group, name, value, method, message):
    parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    assert message in refused(
        rds.modify_db_parameter_group, DBParameterGroupName=group, Parameters=[parameter]
    )


def test_unknown_family_is_refused(rds, refused):
    arguments = {"DBParameterGroupName": "x", "DBParameterGroupFamily": "postgres99", "Description": "d"}
    assert "not a valid parameter group family" in refused(rds.create_db_parameter_group, **arguments)


@pytest.fixture
def in_state(create):
    """Create an instance that is in a state; returns its name."""

    def make(status, **changes):
        from moto.rds.models import rds_backends

        name = create(**changes)["DBInstanceIdentifier"]
        rds_backends["123456789012"]["ap-northeast-2"].databases[name].status = status
        return name

    return make


@pytest.mark.parametrize("status", ["backing-up", "modifying", "stopped", "storage-full"])
def test_no_snapshot_in_most_states(rds, refused, in_state, status):
    name = in_state(status)
    arguments = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": f"{name}-now"}
    assert refused(rds.create_db_snapshot, **arguments).startswith("InvalidDBInstanceState")


def test_a_snapshot_while_the_storage_is_optimized(rds, in_state):
    name = in_state("storage-optimization")
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-now")


@pytest.mark.parametrize("status", ["backing-up", "modifying"])
def test_no_change_while_busy(rds, refused, in_state, status):
    name = in_state(status)
    answer = refused(rds.modify_db_instance, DBInstanceIdentifier=name, DeletionProtection=False)
    assert answer.startswith("InvalidDBInstanceState")


def test_while_the_storage_is_optimized_all_else_changes(rds, refused, in_state):
    name = in_state("storage-optimization")
    rds.modify_db_instance(DBInstanceIdentifier=name, BackupRetentionPeriod=9)
    answer = refused(rds.modify_db_instance, DBInstanceIdentifier=name, AllocatedStorage=40)
    assert "previous storage change is being optimized" in answer


@pytest.mark.parametrize(
    ("actual", "change", "message"),
    [
        (50, {"AllocatedStorage": 20}, "Invalid storage size"),
        (500, {"AllocatedStorage": 600}, "both the storage size and iops"),
        (500, {"AllocatedStorage": 600, "Iops": 3000}, "Invalid iops value"),
        (20, {"AllocatedStorage": 500, "Iops": 3000}, "Invalid iops value"),
    ],
)
def test_a_change_of_the_storage_is_refused(rds, refused, create, actual, change, message):
    name = create(AllocatedStorage=actual)["DBInstanceIdentifier"]
    assert message in refused(
        rds.modify_db_instance, DBInstanceIdentifier=name, ApplyImmediately=True, **change
    )


def test_a_large_gp3_has_four_times_the_performance(create):
    made = create(AllocatedStorage=400)
    assert (made["Iops"], made["StorageThroughput"]) == (12000, 500)


def test_pending_maintenance_is_listed(rds, create):
    first, second = create(), create(DBInstanceIdentifier="without-maintenance")
    asked = {"Filters": [{"Name": "db-instance-id", "Values": [first["DBInstanceArn"]]}]}
    assert rds.describe_pending_maintenance_actions(**asked)["PendingMaintenanceActions"] == []
    account, region = first["DBInstanceArn"].split(":")[4], first["DBInstanceArn"].split(":")[3]
    instance = rds_backends[account][region].databases[first["DBInstanceIdentifier"]]
    instance.pending_maintenance = [{"Action": "system-update"}]
    (one,) = rds.describe_pending_maintenance_actions(**asked)["PendingMaintenanceActions"]
    assert one["ResourceIdentifier"] == first["DBInstanceArn"]
    assert one["PendingMaintenanceActionDetails"][0]["Action"] == "system-update"
    asked["Filters"][0]["Values"] = [second["DBInstanceIdentifier"]]
    assert rds.describe_pending_maintenance_actions(**asked)["PendingMaintenanceActions"] == []
    instance.pending_maintenance = []


def test_pending_maintenance_is_applied(rds, refused, create):
    made = create()
    asked = {"ResourceIdentifier": made["DBInstanceArn"], "ApplyAction": "system-update"}
    answer = refused(rds.apply_pending_maintenance_action, **asked, OptInType="immediate")
    assert answer.startswith("ResourceNotFound")
    ordered = {made["DBInstanceIdentifier"]: {"actions": [{"Action": "system-update"}]}}
    maintenance.order("123456789012", "ap-northeast-2", ordered)
    later = rds.apply_pending_maintenance_action(**asked, OptInType="next-maintenance")
    details = later["ResourcePendingMaintenanceActions"]["PendingMaintenanceActionDetails"]
    assert details == [{"Action": "system-update", "OptInStatus": "next-maintenance"}]
    rds.apply_pending_maintenance_action(**asked, OptInType="immediate")
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []


def test_an_instance_shows_the_end_of_its_certificate(rds, create):
    made = create()
    details = made["CertificateDetails"]
    assert details["CAIdentifier"] == "rds-ca-rsa2048-g1"
    assert 360 < (details["ValidTill"] - made["InstanceCreateTime"]).days <= 365
    ordered = {made["DBInstanceIdentifier"]: {"certificate_valid_till": "2030-01-02T03:04:05+00:00"}}
    shown = maintenance.order("123456789012", "ap-northeast-2", ordered)
    assert shown[made["DBInstanceIdentifier"]]["certificate_valid_till"].startswith("2030-01-02")
    (after,) = rds.describe_db_instances(DBInstanceIdentifier=made["DBInstanceIdentifier"])["DBInstances"]
    assert after["CertificateDetails"]["ValidTill"].year == 2030
    (authority,) = rds.describe_certificates(CertificateIdentifier="rds-ca-rsa2048-g1")["Certificates"]
    assert authority["ValidTill"].year == 2061


@pytest.mark.parametrize(
    ("ordered", "problem"),
    [
        ({"nothing": {}}, "no database nothing"),
        ({"ordered": {"action": []}}, "use actions"),
        ({"ordered": {"actions": [{"Action": "sleep"}]}}, "no action sleep"),
    ],
)
def test_maintenance_that_cannot_be_ordered_is_refused(create, ordered, problem):
    create(DBInstanceIdentifier="ordered")
    with pytest.raises(ValueError, match=problem):
        maintenance.order("123456789012", "ap-northeast-2", ordered)


def test_versions_have_their_ends(rds):
    (major,) = rds.describe_db_major_engine_versions(Engine="postgres", MajorEngineVersion="15")[
        "DBMajorEngineVersions"
    ]
    ends = {
        one["LifecycleSupportName"]: one["LifecycleSupportEndDate"].date().isoformat()
        for one in major["SupportedEngineLifecycles"]
    }
    assert ends["open-source-rds-standard-support"] == "2028-02-29"
    newest = rds.describe_db_engine_versions(Engine="postgres", EngineVersion="15")["DBEngineVersions"][-1]
    assert newest["EngineVersion"] == POSTGRES_VERSIONS[-1]


def test_classes_that_can_be_ordered(rds, refused, wanted, monkeypatch):
    def options(name, version="15"):
        asked = {"Engine": "postgres", "EngineVersion": version, "DBInstanceClass": name, "Vpc": True}
        return rds.describe_orderable_db_instance_options(**asked)["OrderableDBInstanceOptions"]

    found = options("db.t4g.medium")
    assert {one["StorageType"] for one in found} == {"gp2", "gp3", "io1"}
    assert "ap-northeast-2c" in {one["Name"] for one in found[0]["AvailabilityZones"]}
    assert options("db.zz.medium") == options("db.t3.small", "9.6") == []
    monkeypatch.setattr(capacity, "LACKING", {"db.t3.small"})
    assert refused(rds.create_db_instance, **wanted).startswith("InsufficientDBInstanceCapacity")

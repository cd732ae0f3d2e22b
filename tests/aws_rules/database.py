"""The database."""

import re

from tests.aws_rules.recording import Call, Calls
from tests.aws_rules.registry import Problems, rule

CREATE = "rds:CreateDBInstance"
MODIFY = "rds:ModifyDBInstance"
RESTORE = ("rds:RestoreDBInstanceFromDBSnapshot", "rds:RestoreDBInstanceToPointInTime")
GROUP_PARAMETERS = "rds:ModifyDBParameterGroup"
RESERVED_USERS = {"admin", "rdsadmin", "rds_superuser", "rdsrepladmin", "rds_replication", "rds_password"}
RESERVED_USERS |= {"user", "public", "none", "current_user", "session_user"}
RESERVED_DATABASES = {"db", "user"}
STATIC_PARAMETERS = {"shared_buffers", "max_connections"}
SMALLEST_GP3_WITH_IOPS = 400  # GiB, for PostgreSQL
PAGES_OF_THE_INSTANCE = 2 * 1024 * 1024 // 8  # db.t3.small has 2 GiB, PostgreSQL counts pages of 8 KiB
WORK_MEM_LIMIT = 256 * 1024  # KiB: more than that for every sort exhausts 2 GiB
SEED_WINDOWS = ("03:00-04:00", "mon:04:00-mon:05:00")


@rule
def the_database_subnet_group_names_two_subnets(calls: Calls) -> Problems:
    """DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet Availability Zone (AZ)
    coverage requirement. Current AZ coverage: ap-northeast-2a. Add subnets to cover at least 2 AZs.
    """
    for call in calls.of("rds:CreateDBSubnetGroup", "rds:ModifyDBSubnetGroup"):
        if len(set(call.get("SubnetIds", []))) < 2:
            yield call, f"the subnets are {call.get('SubnetIds')}"


@rule
def the_master_user_is_no_reserved_word(calls: Calls) -> Problems:
    """InvalidParameterValue: MasterUsername admin cannot be used as it is a reserved word used by the
    engine
    """
    for call in calls.of(CREATE):
        user = call.get("MasterUsername", "")
        legal = re.match(r"^[A-Za-z]\w{0,15}$", user, re.ASCII) and not user.startswith("pg_")
        if not legal or user.lower() in RESERVED_USERS:
            yield call, f"MasterUsername is '{user}'"


@rule
def the_database_name_is_legal(calls: Calls) -> Problems:
    """InvalidParameterValue: DBName must begin with a letter and contain only alphanumeric characters."""
    for call in calls.of(CREATE):
        name = call.get("DBName", "")
        if not re.match(r"^[A-Za-z]\w{0,62}$", name, re.ASCII) or name.lower() in RESERVED_DATABASES:
            yield call, f"DBName is '{name}'"


@rule
def a_small_gp3_has_no_iops(calls: Calls) -> Problems:
    """InvalidParameterCombination: You can't specify IOPS or storage throughput for engine postgres and a
    storage size less than 400.
    """
    for call in calls.of(CREATE, MODIFY, *RESTORE):
        given = [name for name in ("Iops", "StorageThroughput") if call.get(name) is not None]
        if given and call.get("AllocatedStorage", 0) < SMALLEST_GP3_WITH_IOPS:
            yield call, f"{' and '.join(given)} with {call.get('AllocatedStorage')} GiB"


@rule
def the_password_is_one_rds_takes(calls: Calls) -> Problems:
    """InvalidParameterValue: The parameter MasterUserPassword is not a valid password. Only printable
    ASCII characters besides '/', '@', '"', ' ' may be used.
    """
    for call in calls.of(CREATE, MODIFY):
        password = call.get("MasterUserPassword")
        if password is not None and not re.match(r"^[!#-.0-?A-~]{8,128}$", password):
            yield call, "MasterUserPassword has a character or a length that is refused"


@rule
def parameters_are_in_the_engine_s_units(calls: Calls) -> Problems:
    """InvalidParameterValue: Invalid parameter value: 256MB for: shared_buffers allowed values are:
    16-1073741823
    """
    for call, name, value in _parameters(calls):
        if not re.match(r"^-?\d+$", value):
            yield call, f"{name} is '{value}'"


@rule
def parameters_fit_the_instance(calls: Calls) -> Problems:
    """Nothing refuses it: 256M is sent as 268435456 pages, and the instance ends as incompatible-
    parameters.
    """
    limits = {"shared_buffers": PAGES_OF_THE_INSTANCE, "work_mem": WORK_MEM_LIMIT}
    for call, name, value in _parameters(calls):
        if value.isdigit() and name in limits and int(value) > limits[name]:
            yield call, f"{name} is {value}, in pages of 8 KiB or in KiB"


@rule
def static_parameters_wait_for_a_reboot(calls: Calls) -> Problems:
    """InvalidParameterCombination: cannot use immediate apply method for static parameter"""
    for call in calls.of(GROUP_PARAMETERS):
        for item in call.get("Parameters", []):
            if item["ParameterName"] in STATIC_PARAMETERS and item.get("ApplyMethod") != "pending-reboot":
                yield call, f"{item['ParameterName']} is applied {item.get('ApplyMethod')}"


@rule
def at_most_twenty_parameters_a_request(calls: Calls) -> Problems:
    """InvalidParameterValue: a maximum of 20 parameters can be modified in a single request"""
    for call in calls.of(GROUP_PARAMETERS):
        if len(call.get("Parameters", [])) > 20:
            yield call, f"{len(call.get('Parameters'))} parameters"


@rule
def the_parameter_family_is_the_engine_s(calls: Calls) -> Problems:
    """InvalidParameterValue: ParameterGroupFamily postgres99 is not a valid parameter group family"""
    major = next((call.get("EngineVersion", "").split(".")[0] for call in calls.of(CREATE)), "15")
    for call in calls.of("rds:CreateDBParameterGroup"):
        if call.get("DBParameterGroupFamily") != f"postgres{major}":
            yield (
                call,
                f"DBParameterGroupFamily is {call.get('DBParameterGroupFamily')} for PostgreSQL {major}",
            )
    for call in calls.of(GROUP_PARAMETERS):
        if call.get("DBParameterGroupName", "").startswith("default."):
            yield call, "default groups cannot be changed"


def _parameters(calls: Calls) -> list[tuple[Call, str, str]]:
    return [
        (call, item["ParameterName"], item.get("ParameterValue", ""))
        for call in calls.of(GROUP_PARAMETERS)
        for item in call.get("Parameters", [])
    ]


@rule
def postgresql_has_no_character_set_option(calls: Calls) -> Problems:
    """InvalidParameterValue: Character sets not supported on create for engine: postgres"""
    for call in calls.of(CREATE):
        if call.get("CharacterSetName") is not None:
            yield call, f"CharacterSetName is {call.get('CharacterSetName')}"


@rule
def the_engine_version_is_a_major_one_at_creation(calls: Calls) -> Problems:
    """InvalidParameterCombination: Cannot find version 15.4 for postgres"""
    for call in calls.of(CREATE):
        if not re.match(r"^\d+$", call.get("EngineVersion", "")):
            yield call, f"EngineVersion is '{call.get('EngineVersion')}', and a pinned minor version expires"


@rule
def a_rerun_does_not_touch_the_engine_version(calls: Calls) -> Problems:
    """InvalidParameterCombination: Cannot upgrade postgres from 15.7 to 15.5. / or an upgrade that nobody
    asked for
    """
    for call in calls.of(MODIFY):
        if call.get("EngineVersion") is not None and not call.get("AllowMajorVersionUpgrade"):
            yield call, f"EngineVersion is {call.get('EngineVersion')}"


@rule
def the_database_is_encrypted(calls: Calls) -> Problems:
    """Nothing refuses it: by default, it isn't encrypted, and it cannot be turned on later."""
    for call in calls.of(CREATE):
        if call.get("StorageEncrypted") is not True:
            yield call, f"StorageEncrypted is {call.get('StorageEncrypted')}"


@rule
def the_database_is_not_public(calls: Calls) -> Problems:
    """Nothing refuses it: left out, it depends on the VPC's internet gateway."""
    for call in calls.of(CREATE, MODIFY, *RESTORE):
        if call.get("PubliclyAccessible") is not False and (
            call.name != MODIFY or call.get("PubliclyAccessible") is not None
        ):
            yield call, f"PubliclyAccessible is {call.get('PubliclyAccessible')}"


@rule
def a_single_zone_database_is_pinned_to_its_zone(calls: Calls) -> Problems:
    """InvalidParameterCombination: Requesting a specific availability zone is not valid for Multi-AZ
    instances.
    """
    for call in calls.of(CREATE):
        if bool(call.get("MultiAZ")) == bool(call.get("AvailabilityZone")):
            yield (
                call,
                f"MultiAZ is {call.get('MultiAZ')}, AvailabilityZone is {call.get('AvailabilityZone')}",
            )


@rule
def the_windows_are_the_seed_s(calls: Calls) -> Problems:
    """InvalidParameterValue: The backup window and maintenance window must not overlap. / They are the
    seed's.
    """
    for call in calls.of(CREATE):
        windows = (call.get("PreferredBackupWindow", ""), call.get("PreferredMaintenanceWindow", "").lower())
        if windows != SEED_WINDOWS:
            yield call, f"the windows are {windows[0]} and {windows[1]}"


@rule
def backups_are_kept_and_deletion_is_protected(calls: Calls) -> Problems:
    """Nothing refuses it: by default RDS keeps backups for one day and allows the deletion of the database."""
    for call in calls.of(CREATE):
        if not 7 <= call.get("BackupRetentionPeriod", 1) <= 35:
            yield (
                call,
                f"BackupRetentionPeriod is {call.get('BackupRetentionPeriod')}, legal is 0 to 35, wanted 7",
            )
        if call.get("DeletionProtection") is not True:
            yield call, "DeletionProtection is off"

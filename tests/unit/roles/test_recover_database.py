"""recover_database.yml on the local cloud without its containers: names, settings, memory, and each way to go on."""

import json

import pytest
import yaml

from tests.unit.roles.cloud_runs import ROOT, make_inventory, role, run_plays

NAME = "table-order-db"
SECRET, MEMORY = "table-order/rds/master", "/table-order/procedure/recover_database"
CONFIRMED = ("-e", "table_order_confirm=table-order")
PLAYBOOKS = f"{ROOT}/playbooks"
FILES = [f"{PLAYBOOKS}/vars/{name}.yml" for name in ("lease", "recover_database")]
TASKS = f"{PLAYBOOKS}/tasks/recover_database"
# As inventories do; the tags are those of the service.
TAGS = {"Project": "table-order", "Environment": "local", "ManagedBy": "ansible"}


def named(name):
    return [{"Key": key, "Value": value} for key, value in (TAGS | {"Name": name}).items()]


@pytest.fixture
def rds(client, ec2):
    """A service's network, secret and database; all of it and what a recovery made is gone afterwards."""
    vpc = ec2.create_vpc(CidrBlock="10.96.0.0/16")["Vpc"]["VpcId"]
    names = {vpc: "table-order-vpc"}
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.96.{number}.0/24", AvailabilityZone=f"ap-northeast-2{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("aac")
    ]
    names |= dict(
        zip(
            subnets,
            ("table-order-public-subnet", "table-order-private-subnet", "table-order-private-subnet-b"),
            strict=True,
        )
    )
    for resource, name in names.items():
        ec2.create_tags(Resources=[resource], Tags=named(name))
    groups = [
        ec2.create_security_group(VpcId=vpc, GroupName=f"table-order-{kind}-sg", Description="d")["GroupId"]
        for kind in ("ec2", "rds", "redis")
    ]
    client("secretsmanager").create_secret(
        Name=SECRET,
        SecretString=json.dumps({"username": "tableorder_admin", "password": "fedcba9876543210"}),
    )
    rds = client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="table-order-db-subnet-group",
        DBSubnetGroupDescription="Private subnets of the Table Order database",
        SubnetIds=subnets[1:],
    )
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        Engine="postgres",
        EngineVersion="15",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        DBName="tableorder",
        MasterUsername="tableorder_admin",
        MasterUserPassword="0123456789abcdef",
        DBSubnetGroupName="table-order-db-subnet-group",
        VpcSecurityGroupIds=groups[1:2],
        BackupRetentionPeriod=7,
        DeletionProtection=True,
        Tags=named(NAME),
    )
    yield rds
    for one in rds.describe_db_instances()["DBInstances"]:
        name = one["DBInstanceIdentifier"]
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
        rds.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])
    rds.delete_db_subnet_group(DBSubnetGroupName="table-order-db-subnet-group")
    for one in rds.describe_db_parameter_groups()["DBParameterGroups"]:
        if one["DBParameterGroupName"] == "table-order-postgres15":
            rds.delete_db_parameter_group(DBParameterGroupName="table-order-postgres15")
    client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    ssm = client("ssm")
    for path in ("/table-order/lock/provision", "/table-order/procedure"):
        if left := [one["Name"] for one in ssm.get_parameters_by_path(Path=path)["Parameters"]]:
            ssm.delete_parameters(Names=left)
    for group in groups:
        ec2.delete_security_group(GroupId=group)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def plays(*titles):
    """Return plays of the playbook by their names, as if it lay elsewhere; what needs a server or a cache is left out."""
    text = (ROOT / "playbooks/recover_database.yml").read_text().replace("tasks/recover_database", TASKS)
    found = {play["name"]: play for play in yaml.safe_load(text)}
    for play in found.values():
        play["vars_files"] = FILES
        for task in play.get("tasks", []):
            task |= (
                {"block": [one for one in task["block"] if "cache" not in one["name"]]}
                if "block" in task
                else {}
            )
    begin = {
        "hosts": "aws",
        "gather_facts": False,
        "any_errors_fatal": True,
        "vars_files": FILES,
        "roles": [{"role": "table_order.infra.table_order"}],
        "tasks": [
            {
                "name": "Find what is to be done",
                "ansible.builtin.include_tasks": f"{TASKS}/look.yml",
                "when": "inventory_hostname == 'data'",
            },
            {
                "name": "Begin",
                "ansible.builtin.include_role": {
                    "name": "table_order.infra.table_order",
                    "tasks_from": "begin",
                },
            },
        ],
    }
    return [begin, *(found[title] for title in titles)]


RESTORE, SWAP = "Restore the database", "Put the restored database in place"


@pytest.fixture
def run(tmp_path, url, rds):
    """A function that runs plays of the playbook."""
    inventory = make_inventory(tmp_path, url)

    def run(*titles, options=()):
        return run_plays(tmp_path, inventory, plays(*titles), *CONFIRMED, *options)

    run.inventory, run.directory = inventory, tmp_path
    return run


def instances(rds):
    return {one["DBInstanceIdentifier"]: one for one in rds.describe_db_instances()["DBInstances"]}


def memory(client):
    found = client("ssm").get_parameters_by_path(Path="/table-order/procedure")["Parameters"]
    return json.loads(found[0]["Value"]) if found else None


def test_a_recovery_that_is_killed_goes_on_and_goes_back(run, rds, client):
    old = instances(rds)[NAME]["DbiResourceId"]
    shown = run(options=["--check"])
    assert shown.status == 0, shown.output[-3000:]
    assert "renames table-order-db-recovery to table-order-db" in shown.messages
    assert memory(client) is None

    assert (begun := run(RESTORE)).status == 0, begun.output[-3000:]
    assert set(instances(rds)) == {NAME, f"{NAME}-recovery"}
    restored = instances(rds)[f"{NAME}-recovery"]
    assert memory(client)["replaced"] == old
    assert memory(client)["restored"] == restored["DbiResourceId"]

    # Nothing else may change the account meanwhile, and nobody takes another backup than the first.
    refused = run_plays(
        run.directory, run.inventory, [{"hosts": "data", "tasks": [role("aws_database", "discover")]}]
    )
    assert "A recovery of table-order-db to latest is not finished" in refused.messages
    other = run(options=["-e", "recover_database_to=2026-11-28T12:00:00Z"])
    assert "a recovery to latest is not finished" in other.messages

    # Killed between the two renames.
    kept = memory(client)["kept_as"]
    rds.modify_db_instance(DBInstanceIdentifier=NAME, NewDBInstanceIdentifier=kept, ApplyImmediately=True)
    assert (went_back := run(RESTORE, options=["-e", "recover_database_abandon=true"])).status == 0
    assert {name: one["DbiResourceId"] for name, one in instances(rds).items()} == {NAME: old}, (
        went_back.output[-3000:]
    )
    assert "is as before" in run_end(run, "recover_database_abandon=true")
    assert memory(client) is None

    assert run(RESTORE).status == 0
    kept = memory(client)["kept_as"]
    rds.modify_db_instance(DBInstanceIdentifier=NAME, NewDBInstanceIdentifier=kept, ApplyImmediately=True)
    for _ in "12":
        assert (swapped := run(RESTORE, SWAP)).status == 0, swapped.output[-3000:]
        found = instances(rds)
        assert found[kept]["DbiResourceId"] == old
        assert found[kept]["DeletionProtection"]
        assert len(found) == 2
    new = found[NAME]
    assert new["DbiResourceId"] == memory(client)["restored"] != old
    assert {one["Key"]: one["Value"] for one in new["TagList"]} == TAGS | {"Name": NAME}
    assert (new["DeletionProtection"], new["BackupRetentionPeriod"], new["CopyTagsToSnapshot"]) == (
        True,
        7,
        True,
    )
    assert new["PreferredMaintenanceWindow"].lower() == "mon:04:00-mon:05:00"
    assert [one["DBParameterGroupName"] for one in new["DBParameterGroups"]] == ["table-order-postgres15"]
    late = run(options=["-e", "recover_database_abandon=true"])
    assert "already has the name" in late.messages

    assert f"-e recover_database_remove={kept}" in run_end(run)
    keeps = run_plays(
        run.directory, run.inventory, [{"hosts": "data", "tasks": [role("aws_database", "kept")]}]
    )
    assert f"Recoveries have kept {kept}" in keeps.messages
    wrong = run(options=["-e", f"recover_database_remove={NAME}"])
    assert "the name of a database that a recovery has kept" in wrong.messages
    assert run(RESTORE, options=["-e", f"recover_database_remove={kept}"]).status == 0
    assert set(instances(rds)) == {NAME}
    assert [
        one["DBSnapshotIdentifier"].startswith(f"{kept}-final-")
        for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    ] == [True]


def test_a_broken_database_may_be_deleted_during_its_recovery(run, rds):
    """RDS renames no instance that is "failed"."""
    assert (begun := run(RESTORE)).status == 0, begun.output[-3000:]
    rds.modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    back = run(options=["-e", "recover_database_abandon=true"])
    assert "was deleted: there is nothing to go back to" in back.messages
    done = run(RESTORE, SWAP, "End the recovery")
    assert done.status == 0, done.output[-3000:]
    assert set(instances(rds)) == {NAME}
    assert "there was no database to keep" in done.messages


def test_a_server_that_stops_to_answer_ends_the_recovery_with_its_locks_released(run, client):
    """Ansible runs no rescue for it. The restored database must not get the name without its proof."""
    server = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 9,
        "ansible_ssh_retries": 0,
        "table_order_instance_id": "i-0",
        "table_order_host_key": "ssh-ed25519 " + "A" * 68,
        "table_order_launch_time": "",
    }
    hosts = {"app_server": {"hosts": {"server": server}}}
    (run.directory / "inventory/50-server.yml").write_text(yaml.safe_dump(hosts))
    begin, stops = plays("Stop after a failed proof")
    [proof] = [
        one
        for one in yaml.safe_load((ROOT / "playbooks/recover_database.yml").read_text())
        if one["name"] == "Verify the restored database"
    ]
    asks = {"hosts": proof["hosts"], "gather_facts": False}
    asks["tasks"] = [{"name": "Ask", "ansible.builtin.ping": {}, "when": "inventory_hostname == 'server'"}]
    later = {
        "hosts": "data:app_server",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": "swapped"}}],
    }
    stopped = run_plays(run.directory, run.inventory, [begin, asks, stops, later], *CONFIRMED)
    assert stopped.status != 0
    assert "The server did not answer. Run the same command again" in stopped.messages
    assert "swapped" not in stopped.messages
    found = client("ssm").get_parameters_by_path(Path="/table-order/lock", Recursive=True)["Parameters"]
    last = max(found, key=lambda one: int(one["Name"].rpartition("/")[2]))
    assert json.loads(last["Value"])["state"] == "free"


def test_without_a_server_that_proves_it_nothing_is_restored(run, rds, client):
    text = (ROOT / "playbooks/recover_database.yml").read_text()
    [refusal] = [
        one for one in yaml.safe_load(text)[0]["tasks"] if one["name"].startswith("Refuse a recovery without")
    ]
    look = plays()[0]
    look["tasks"][1] = refusal
    refused = run_plays(run.directory, run.inventory, [look])
    assert refused.status != 0
    assert "There is no server, from which the restored database is proven. Recover the server" in " ".join(
        refused.messages.split()
    )
    gives_up = run_plays(
        run.directory,
        run.inventory,
        [look],
        "-e",
        "recover_database_remove=table-order-db-old-20261128120000",
    )
    assert gives_up.status == 0, gives_up.output[-3000:]


def run_end(run, *extra):
    """End the recovery; returns the messages."""
    done = run("End the recovery", options=[part for one in extra for part in ("-e", one)])
    assert done.status == 0, done.output[-3000:]
    return done.messages


def test_a_deleted_database_is_restored_under_its_name(run, rds, client):
    rds.modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False, ApplyImmediately=True)
    rds.create_db_snapshot(DBInstanceIdentifier=NAME, DBSnapshotIdentifier="monday")
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert (first := run(RESTORE, SWAP, options=["-e", "recover_database_to=monday"])).status == 0, (
        first.output[-3000:]
    )
    found = instances(rds)
    assert set(found) == {NAME}
    assert memory(client) | {"began": "", "kept_as": "", "restore_point": ""} == {
        "to": "monday",
        "began": "",
        "from": NAME,
        "replaced": "",
        "kept_as": "",
        "restored": found[NAME]["DbiResourceId"],
        "restore_point": "",
    }
    assert run(RESTORE, SWAP).status == 0
    assert instances(rds)[NAME]["DbiResourceId"] == found[NAME]["DbiResourceId"]


def test_provisioning_restores_a_missing_database(run, rds, client):
    rds.modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(
        DBInstanceIdentifier=NAME, FinalDBSnapshotIdentifier=f"{NAME}-final-20261128120000"
    )
    subnets = [
        one["SubnetIdentifier"] for one in rds.describe_db_subnet_groups()["DBSubnetGroups"][0]["Subnets"]
    ]
    [group] = client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["table-order-rds-sg"]}]
    )["SecurityGroups"]
    database = role(
        "aws_database",
        aws_database_restore_from="latest",
        aws_database_subnet_ids=subnets,
        aws_database_security_group_ids=[group["GroupId"]],
    )
    for changes in (True, False):
        done = run_plays(run.directory, run.inventory, [{"hosts": "data", "tasks": [database]}])
        assert done.status == 0, done.output[-3000:]
        assert (done.changed > 0) is changes
    assert f"from snapshot {NAME}-final-20261128120000" in done.messages or not changes
    [restored] = instances(rds).values()
    assert "RestoredFrom" not in {one["Key"] for one in restored["TagList"]}

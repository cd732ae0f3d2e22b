"""Takes a server, a database and a cache through their lives without podman, and prints what podman was told."""

from __future__ import annotations

import json
import socket
import types

import boto3

from local_cloud import instances, server_images, snapshots
from local_cloud.caches import Caches
from local_cloud.cloud import Cloud
from local_cloud.containers import Podman
from local_cloud.databases import Databases
from local_cloud.instances import Instances
from local_cloud.network import Network
from local_cloud.server import Application, Listeners
from local_cloud.shims.ec2 import DEBIAN_AMI
from tests.unit.local_cloud.conftest import REGION, NoFirewall, Settings

TOKEN = "0123456789abcdef"
NAMES = {"unit-vpc-": "vpc", "unit-i-": "server", "unit-db-": "database", "unit-cache-": "cache"}


class NotingPodman(Podman):
    """Notes what it is told, and answers what healthy containers would."""

    def __init__(self) -> None:
        super().__init__("unit")
        self.told = []

    def call(self, *arguments, stdin=b"", timeout=0):
        words = 2 if arguments[0] == "network" else 1
        named = " ".join(one for one in arguments[words:] if not one.startswith("--network="))
        kind = next((name for mark, name in NAMES.items() if mark in named), "image")
        self.told.append(" ".join([*arguments[:words], kind]))
        if arguments[:2] == ("network", "inspect"):
            return json.dumps([{"network_interface": "br-x"}])
        return "f" if b"pg_is_in_recovery" in stdin else ""


def main() -> None:
    Network.prepare_bridge = lambda *_: None
    instances.wait_for_ssh = lambda *_: None
    socket.create_connection = lambda *_, **__: types.SimpleNamespace(close=lambda: None)
    podman = NotingPodman()
    cloud = Cloud(Settings("unit", "unit", port=0), podman=podman)
    cloud.network.firewall = NoFirewall()
    cloud.delays["reaction"] = 0
    servers = Instances(cloud)
    server_images.install(servers)
    snapshots.install(Databases(cloud))
    Caches(cloud)
    listeners = Listeners(Application(cloud, servers.by_private_address), port=0)
    url = f"http://127.0.0.1:{listeners.servers['127.0.0.1'].port}"
    keys = {"aws_access_key_id": "unit", "aws_secret_access_key": "unit"}

    def client(service):
        return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)

    def then(chapter):
        """Wait for the slow work, say what podman was told, and begin another chapter."""
        for _ in range(2):  # work may order more work
            for queue in list(cloud.queues.values()):
                queue.submit(lambda: None).result()
        if podman.told[1:]:
            print(f"{podman.told[0]}: {', '.join(podman.told[1:])}")
        podman.told[:] = [chapter]

    ec2, rds, cache = client("ec2"), client("rds"), client("elasticache")
    then("network")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.99.{number}.0/24", AvailabilityZone=f"{REGION}{'ac'[number]}"
        )["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    server(ec2, subnets[0], then)
    database(rds, subnets, then)
    replication_group(cache, subnets, then)
    then("network is deleted")
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    then("end")


def server(ec2, subnet, then) -> None:
    then("server is launched")
    (one,) = ec2.run_instances(
        ImageId=DEBIAN_AMI,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "DeleteOnTermination": True}],
    )["Instances"]
    ids = {"InstanceIds": [one["InstanceId"]]}
    for verb in ("stop", "start", "reboot"):
        then(f"server, {verb}")
        getattr(ec2, f"{verb}_instances")(**ids)
    then("server, image")
    image = ec2.create_image(InstanceId=one["InstanceId"], Name="image")["ImageId"]
    then("server, root volume")
    ec2.create_replace_root_volume_task(InstanceId=one["InstanceId"], ImageId=image)
    then("server, image is deregistered")
    ec2.deregister_image(ImageId=image)
    then("server, terminate")
    ec2.terminate_instances(**ids)
    then("server is gone")


def database(rds, subnets, then) -> None:
    name = {"DBInstanceIdentifier": "one"}
    rds.create_db_subnet_group(DBSubnetGroupName="group", DBSubnetGroupDescription="d", SubnetIds=subnets)
    then("database is created")
    rds.create_db_instance(
        **name,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword="password",
        DBSubnetGroupName="group",
        BackupRetentionPeriod=1,
    )
    then("database, password")
    rds.modify_db_instance(**name, MasterUserPassword="another1", ApplyImmediately=True)
    then("database, class")
    rds.modify_db_instance(**name, DBInstanceClass="db.t3.small", ApplyImmediately=True)
    then("database, no backups")
    rds.modify_db_instance(**name, BackupRetentionPeriod=0, ApplyImmediately=True)
    then("database, backups")
    rds.modify_db_instance(**name, BackupRetentionPeriod=2, ApplyImmediately=True)
    for verb in ("stop", "start", "reboot"):
        then(f"database, {verb}")
        getattr(rds, f"{verb}_db_instance")(**name)
    then("database, snapshot")
    rds.create_db_snapshot(**name, DBSnapshotIdentifier="snapshot")
    then("database is restored")
    restored = {"DBInstanceIdentifier": "two"}
    rds.restore_db_instance_from_db_snapshot(
        **restored, DBSnapshotIdentifier="snapshot", DBSubnetGroupName="group"
    )
    point_in_time(rds, name, then)
    for one in (restored, name):
        then(f"database {one['DBInstanceIdentifier']} is deleted")
        rds.delete_db_instance(**one, SkipFinalSnapshot=True)
    then("snapshot is deleted")
    rds.delete_db_snapshot(DBSnapshotIdentifier="snapshot")
    then("databases are gone")
    assert rds.describe_db_instances()["DBInstances"] == []


def point_in_time(rds, name, then) -> None:
    then("database is restored to a time")
    latest = {"UseLatestRestorableTime": True, "DBSubnetGroupName": "group"}
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="one", TargetDBInstanceIdentifier="three", **latest
    )
    three = {"DBInstanceIdentifier": "three"}
    then("database, renamed")
    rds.modify_db_instance(**three, NewDBInstanceIdentifier="four", ApplyImmediately=True)
    then("database, deleted but for its backups")
    (four,) = rds.describe_db_instances(DBInstanceIdentifier="four")["DBInstances"]
    rds.delete_db_instance(DBInstanceIdentifier="four", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    then("database is restored from them")
    resource = {"DbiResourceId": four["DbiResourceId"]}
    rds.restore_db_instance_to_point_in_time(
        SourceDbiResourceId=four["DbiResourceId"], TargetDBInstanceIdentifier="four", **latest
    )
    then("they are deleted")
    rds.delete_db_instance_automated_backup(**resource)
    then("database four is deleted")
    rds.delete_db_instance(DBInstanceIdentifier="four", SkipFinalSnapshot=True)


def replication_group(cache, subnets, then) -> None:
    name = {"ReplicationGroupId": "one"}
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="group", CacheSubnetGroupDescription="d", SubnetIds=subnets
    )
    then("cache is created")
    cache.create_replication_group(
        **name,
        ReplicationGroupDescription="d",
        NumCacheClusters=1,
        CacheNodeType="cache.t3.micro",
        CacheSubnetGroupName="group",
        TransitEncryptionEnabled=True,
        AuthToken=TOKEN,
    )
    then("cache, token")
    cache.modify_replication_group(**name, AuthToken=TOKEN[::-1], ApplyImmediately=True)
    then("cache, node type")
    cache.modify_replication_group(**name, CacheNodeType="cache.t3.small", ApplyImmediately=True)
    then("cache is deleted")
    cache.delete_replication_group(**name)
    then("cache is gone")
    assert cache.describe_replication_groups()["ReplicationGroups"] == []


if __name__ == "__main__":
    main()

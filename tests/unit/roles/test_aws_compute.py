"""The server on the local cloud: what a run finds there is finished, kept, or refused in words."""

import json
import os
import subprocess

import pytest
import requests
from moto.ec2.models import EC2Backend, ec2_backends

from local_cloud.shims.ec2 import DEBIAN_AMI
from tests.unit.roles.cloud_runs import make_inventory, role, run_plays

NAME = "table-order-app-server"
HOST_KEY = "ssh-ed25519 " + "A" * 68
TABLE_ORDER = {
    "ansible.builtin.include_role": {"name": "table_order.infra.table_order"},
    "name": "Read the names",
}


@pytest.fixture(scope="module")
def network(ec2):
    """A subnet that gives its servers a public address, and a group."""
    vpc = ec2.create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.98.1.0/24", AvailabilityZone="ap-northeast-2a")
    subnet_id = subnet["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    group = ec2.create_security_group(GroupName="compute", Description="compute", VpcId=vpc)["GroupId"]
    return {"aws_compute_subnet_id": subnet_id, "aws_compute_security_group_id": group}


@pytest.fixture
def backend():
    return ec2_backends["123456789012"]["ap-northeast-2"]


@pytest.fixture
def site(tmp_path, url, client, ec2, network, backend):
    """A function that runs the role; the cloud has its instance profile, and is clean afterwards."""
    iam = client("iam")
    iam.create_instance_profile(InstanceProfileName="table-order-ec2-role")
    inventory = make_inventory(tmp_path, url, aws_compute_wait_retries=3)
    # The cloud's addresses belong to others on the internet: do not scan them for host keys.
    scan = tmp_path / "bin/ssh-keyscan"
    scan.parent.mkdir()
    scan.symlink_to("/bin/true")
    path = f"{scan.parent}:{os.environ['PATH']}"

    def run(*options, entry="main", more=()):
        play = {"hosts": "compute", "gather_facts": False, "tasks": [role("aws_compute", entry, **network)]}
        return run_plays(tmp_path, inventory, [play, *more], *options, PATH=path)

    yield run
    iam.delete_instance_profile(InstanceProfileName="table-order-ec2-role")
    ec2.terminate_instances(InstanceIds=[i["InstanceId"] for i in servers(ec2)] or ["i-0"]) if servers(
        ec2
    ) else None
    for address in ec2.describe_addresses()["Addresses"]:
        ec2.release_address(AllocationId=address["AllocationId"])
    for pair in ec2.describe_key_pairs()["KeyPairs"]:
        ec2.delete_key_pair(KeyName=pair["KeyName"])


def servers(ec2):
    found = ec2.describe_instances(
        Filters=[
            {"Name": "tag:Name", "Values": [NAME]},
            {"Name": "instance-state-name", "Values": ["running", "pending"]},
        ]
    )
    return [one for reservation in found["Reservations"] for one in reservation["Instances"]]


def test_a_stopped_server_is_started(site, ec2):
    assert site().status == 0
    (server,) = (one["InstanceId"] for one in servers(ec2))
    ec2.stop_instances(InstanceIds=[server])
    foretold = site("--check")
    assert (foretold.status, foretold.changed, servers(ec2)) == (0, 1, []), foretold.output[-3000:]
    started = site()
    assert started.status == 0, started.output[-3000:]
    assert [one["InstanceId"] for one in servers(ec2)] == [server]


def test_a_spot_server_is_bought_by_a_launch_template_that_goes_again(site, ec2, monkeypatch):
    asked = []
    original = EC2Backend.run_instances

    def run_instances(backend, *args, **kwargs):
        """Keep the market that the template of the request has."""
        [template] = backend.describe_launch_templates()
        options = template.latest_version().data["InstanceMarketOptions"]
        asked.append((kwargs["launch_template"]["LaunchTemplateName"], options["MarketType"]))
        return original(backend, *args, **kwargs)

    monkeypatch.setattr(EC2Backend, "run_instances", run_instances)
    spot = ("-e", "aws_compute_market=spot")
    bought = site(*spot)
    assert bought.status == 0, bought.output[-3000:]
    assert asked == [(f"{NAME}-spot", "spot")]
    assert len(servers(ec2)) == 1
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    again = site(*spot)
    assert (again.status, again.changed, len(asked)) == (0, 0, 1), again.output[-3000:]


def test_a_server_on_demand_needs_no_launch_template(site, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError

    monkeypatch.setattr(EC2Backend, "create_launch_template", refuse)
    done = site()
    assert done.status == 0, done.output[-3000:]


def settings_of(ec2, server):
    """Return what the plan compares of a server and AWS changes in place."""
    one = {"InstanceIds": [server]}
    instance = ec2.describe_instances(**one)["Reservations"][0]["Instances"][0]
    credits = ec2.describe_instance_credit_specifications(**one)["InstanceCreditSpecifications"]
    return (
        instance["Monitoring"]["State"],
        credits[0]["CpuCredits"],
        instance["SourceDestCheck"],
        instance["MetadataOptions"]["HttpTokens"],
    )


def test_settings_that_were_changed_by_hand_are_put_right(site, ec2):
    assert site().status == 0
    (server,) = (one["InstanceId"] for one in servers(ec2))
    wanted = settings_of(ec2, server)
    ec2.monitor_instances(InstanceIds=[server])
    ec2.modify_instance_credit_specification(
        InstanceCreditSpecifications=[{"InstanceId": server, "CpuCredits": "unlimited"}]
    )
    ec2.modify_instance_attribute(InstanceId=server, SourceDestCheck={"Value": False})
    ec2.modify_instance_metadata_options(InstanceId=server, HttpTokens="optional")
    changed = settings_of(ec2, server)
    assert changed == ("enabled", "unlimited", False, "optional")
    foretold = site("--check")
    assert (foretold.status, foretold.changed, settings_of(ec2, server)) == (0, 2, changed), foretold.output[
        -3000:
    ]
    repaired = site()
    assert (repaired.status, repaired.changed) == (0, 2), repaired.output[-3000:]
    assert settings_of(ec2, server) == wanted == ("disabled", "standard", True, "required")
    again = site()
    assert (again.status, again.changed) == (0, 0), again.output[-3000:]


def test_a_server_outlives_its_image(site, ec2, backend):
    assert site().status == 0
    image = backend.amis.pop(DEBIAN_AMI)
    try:
        again = site()
    finally:
        backend.amis[DEBIAN_AMI] = image
    assert (again.status, again.changed) == (0, 0), again.output[-3000:]
    assert len(servers(ec2)) == 1


FIND = {
    "hosts": "aws:app_server",
    "gather_facts": False,
    "tasks": [
        role("table_order", "server"),
        {
            "name": "Say the address",
            "ansible.builtin.debug": {"msg": "address={{ hostvars[groups['app_server'][0]].ansible_host }}"},
            "run_once": True,
        },
    ],
}


@pytest.mark.parametrize("cause", ["killed before the address", "disassociated by hand"])
def test_the_address_and_the_profile_are_read_after_provisioning(site, client, ec2, cause):
    assert site().status == 0
    (address,) = ec2.describe_addresses()["Addresses"]
    ec2.disassociate_address(AssociationId=address["AssociationId"])
    if cause == "killed before the address":
        ec2.release_address(AllocationId=address["AllocationId"])
    (server,) = servers(ec2)
    # Known, so that the console of a server that prints nothing is not waited for.
    ec2.create_tags(Resources=[server["InstanceId"]], Tags=[{"Key": "HostKey", "Value": HOST_KEY}])
    profile = made_again(client("iam"))
    run = site(more=[FIND])
    (address,) = ec2.describe_addresses()["Addresses"]
    assert address["PublicIp"] != server["PublicIpAddress"]
    assert run.status == 0, run.output[-3000:]
    assert f"address={address['PublicIp']}" in run.messages
    assert [profile] == [
        one["IamInstanceProfile"]["Id"]
        for one in ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
        if one["InstanceId"] == server["InstanceId"]
    ]


def made_again(iam):
    """Make the server's instance profile again, and return its id."""
    iam.delete_instance_profile(InstanceProfileName="table-order-ec2-role")
    answer = iam.create_instance_profile(InstanceProfileName="table-order-ec2-role")
    return answer["InstanceProfile"]["InstanceProfileId"]


def test_a_key_pair_of_another_key_is_refused(site, ec2, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    ec2.import_key_pair(KeyName="table-order-key", PublicKeyMaterial=(tmp_path / "other.pub").read_bytes())
    for options in ((), ("--check",)):
        run = site(*options)
        assert run.status != 0
        assert "aws_compute_key_name" in run.messages, run.output[-2000:]
        assert "aws_compute_public_key_file" in run.messages
        assert not (tmp_path / "state/ssh/table-order-key").exists()
    assert servers(ec2) == []


def test_a_key_pair_of_the_same_key_is_kept(site, ec2, tmp_path):
    assert site(entry="preflight").status == 0
    key = tmp_path / "state/ssh/table-order-key"
    key.parent.mkdir(parents=True, mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "somebody else", "-f", key], check=True
    )
    kind, material, _ = key.with_suffix(".pub").read_text().split(" ", 2)
    ec2.import_key_pair(KeyName="table-order-key", PublicKeyMaterial=f"{kind} {material} ann@laptop".encode())
    run = site()
    assert run.status == 0, run.output[-3000:]


def test_a_server_whose_status_checks_fail_ends_the_run(site, ec2, monkeypatch):
    monkeypatch.setattr("moto.ec2.responses.instances.InstanceResponse.describe_instance_status", impaired)
    run = site()
    (server,) = servers(ec2)
    assert run.status != 0
    assert f"{server['InstanceId']}: system ok, instance impaired" in run.messages, run.output[-3000:]


def impaired(response):
    """What AWS answers of a server whose kernel does not start."""
    from moto.core.responses import ActionResult

    instances = response.ec2_backend.get_multi_instances_by_id(response._get_param("InstanceIds", []))
    return ActionResult(
        {
            "InstanceStatuses": [
                {
                    "InstanceId": one.id,
                    "InstanceState": {"Code": 16, "Name": "running"},
                    "SystemStatus": {"Status": "ok"},
                    "InstanceStatus": {"Status": "impaired"},
                }
                for one in instances
            ]
        }
    )


def test_a_server_gets_another_type_or_its_old_one(site, ec2, url):
    """The local cloud refuses another type while it runs, as EC2 does. The module tries a lack of capacity for minutes."""
    assert site().status == 0
    [before] = servers(ec2)
    [address] = ec2.describe_addresses()["Addresses"]
    scale = [{"hosts": "compute", "gather_facts": False, "tasks": [role("aws_compute", "scale")]}]
    large = ("-e", "aws_compute_instance_type=t3.large", "-e", "aws_compute_size_before=")
    fault = {"action": "StartInstances", "code": "Unsupported", "message": "no t3.large"}
    requests.post(f"{url}/local-cloud/faults", json=fault, timeout=30).raise_for_status()
    refused = site(*large, entry="size", more=scale)
    requests.delete(f"{url}/local-cloud/faults", timeout=30).raise_for_status()
    assert refused.status == 0, refused.output[-3000:]
    assert [one["InstanceType"] for one in servers(ec2)] == [before["InstanceType"]]
    scaled = site(*large, entry="size", more=scale)
    assert scaled.status == 0, scaled.output[-3000:]
    [after] = servers(ec2)
    assert (after["InstanceId"], after["InstanceType"]) == (before["InstanceId"], "t3.large")
    [kept] = ec2.describe_addresses()["Addresses"]
    assert (kept["PublicIp"], kept["InstanceId"]) == (address["PublicIp"], before["InstanceId"])
    again = site(*large, entry="size", more=scale)
    assert (again.status, again.changed) == (0, 0)


def images(ec2):
    """Return the account's images, the oldest first."""
    return sorted(ec2.describe_images(Owners=["self"])["Images"], key=lambda one: one["Name"])


def snapshots(ec2):
    """Return the ids of the snapshots of the service."""
    found = ec2.describe_snapshots(Filters=[{"Name": "tag:Project", "Values": ["table-order"]}])["Snapshots"]
    return {one["SnapshotId"] for one in found}


def of_images(found):
    return {mapping["Ebs"]["SnapshotId"] for image in found for mapping in image["BlockDeviceMappings"]}


def root_snapshot(ec2):
    [server] = servers(ec2)
    volume = server["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    return ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0].get("SnapshotId", "")


def test_the_server_returns_to_its_image_and_old_images_go(site, ec2):
    assert site().status == 0
    [server] = servers(ec2)
    about = {
        "aws_compute_instance_id": server["InstanceId"],
        "aws_compute_image_tags": {"Patch": "begun", "Server": server["InstanceId"]},
    }

    def run(entry, **more):
        done = site("-e", json.dumps(about | more), entry=entry)
        assert done.status == 0, done.output[-3000:]
        return done

    run("image")
    [first] = images(ec2)
    tags = {tag["Key"]: tag["Value"] for tag in first["Tags"]}
    assert (tags["Patch"], tags["Name"], tags["Project"]) == ("begun", first["Name"], "table-order")
    assert snapshots(ec2) == of_images([first])
    # The image of a killed run is awaited, and no second one is taken.
    assert run("image", aws_compute_image_id=first["ImageId"]).changed == 0
    back = {"aws_compute_image_id": first["ImageId"], "aws_compute_image_tags": {"Attempt": "1"}}
    run("restore", **back)
    assert root_snapshot(ec2) in of_images([first])
    assert servers(ec2)[0]["InstanceId"] == server["InstanceId"]
    assert run("restore", **back).changed == 0
    run("image")
    latest = images(ec2)[-1]
    # A killed run has left the snapshot of an image that is gone.
    run("image")
    ec2.deregister_image(ImageId=images(ec2)[-1]["ImageId"])
    run("prune", aws_compute_image_keep=1)
    assert [one["ImageId"] for one in images(ec2)] == [latest["ImageId"]]
    assert snapshots(ec2) == of_images([latest])
    assert run("prune", aws_compute_image_keep=1).changed == 0
    assert site(entry="absent").status == 0
    assert (images(ec2), snapshots(ec2)) == ([], set())

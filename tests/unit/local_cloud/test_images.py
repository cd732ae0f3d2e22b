"""Images of one's own as AWS has them, where moto differs."""

import pytest
from moto.ec2.models import ec2_backends

from local_cloud.shims import capacity, images
from local_cloud.shims.ec2 import DEBIAN_AMI


@pytest.fixture
def launch(ec2, vpc):
    """Launch a server with a root volume of 30 GiB; returns what the API answers."""
    made = []

    def run(image=DEBIAN_AMI, size=30, **more):
        root = {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        if size:
            root["VolumeSize"] = size
        (one,) = ec2.run_instances(
            **{
                "ImageId": image,
                "MinCount": 1,
                "MaxCount": 1,
                "InstanceType": "t3.medium",
                "SubnetId": vpc["a"],
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": root}],
                **more,
            }
        )["Instances"]
        made.append(one["InstanceId"])
        return one

    yield run
    for name in made:
        ec2.modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=made)


@pytest.fixture
def make(ec2):
    """Make an image as amazon.aws.ec2_ami does; returns its id."""
    made = []

    def create(instance, name, **more):
        tags = [{"Key": "Role", "Value": "way back"}]
        image = ec2.create_image(
            InstanceId=instance,
            Name=name,
            Description="d",
            TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
            **more,
        )["ImageId"]
        made.append(image)
        return image

    yield create
    present = {one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]}
    for image in present & set(made):
        ec2.deregister_image(ImageId=image)


def show(ec2, image):
    return ec2.describe_images(ImageIds=[image])["Images"][0]


def root_of(ec2, instance):
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])[
        "Volumes"
    ]
    return volume


def test_an_image_has_the_volumes_of_its_server(ec2, refused, launch, make):
    image = show(ec2, make(launch()["InstanceId"], "volumes"))
    assert (image["State"], image["RootDeviceName"]) == ("available", "/dev/xvda")
    (mapping,) = image["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/xvda"
    ebs = mapping["Ebs"]
    assert (ebs["VolumeSize"], ebs["VolumeType"], ebs["Encrypted"]) == (30, "gp3", True)
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[ebs["SnapshotId"]])["Snapshots"]
    assert (snapshot["VolumeSize"], snapshot["State"]) == (30, "completed")
    assert snapshot["Tags"] == image["Tags"] == [{"Key": "Role", "Value": "way back"}]
    assert image["ImageId"] in snapshot["Description"]
    # The snapshot belongs to the image as long as there is one (E5).
    in_use = refused(ec2.delete_snapshot, SnapshotId=ebs["SnapshotId"])
    assert in_use.startswith("InvalidSnapshot.InUse")
    ec2.deregister_image(ImageId=image["ImageId"])
    ec2.delete_snapshot(SnapshotId=ebs["SnapshotId"])


def test_an_image_has_a_name_of_its_own(ec2, refused, launch, make):
    server = launch()["InstanceId"]
    image = make(server, "once")
    answer = refused(ec2.create_image, InstanceId=server, Name="once")
    assert answer == f"InvalidAMIName.Duplicate: AMI name once is already in use by AMI {image}"
    assert "InvalidAMIName.Malformed" in refused(ec2.create_image, InstanceId=server, Name="a:b")


@pytest.mark.parametrize(("more", "reboots"), [({}, True), ({"NoReboot": True}, False)])
def test_an_image_is_pending_and_reboots_the_server(ec2, refused, launch, make, monkeypatch, more, reboots):
    made = []
    monkeypatch.setattr(images, "MADE", [lambda *what: made.append(what) or True])
    image = make(launch()["InstanceId"], f"pending-{reboots}", **more)
    assert show(ec2, image)["State"] == "pending"
    assert made[0][2] is reboots
    assert refused(launch, image=image).startswith("InvalidAMIID.Unavailable")
    images.complete(made[0][0])
    assert show(ec2, image)["State"] == "available"


def test_a_server_from_an_image_has_its_volumes(ec2, refused, launch, make):
    image = make(launch()["InstanceId"], "larger")
    snapshot = show(ec2, image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    too_small = refused(launch, image=image, size=8)
    assert too_small.startswith("InvalidBlockDeviceMapping")
    assert "expect size >= 30GB" in too_small
    for size, expected in ((None, 30), (40, 40)):
        volume = root_of(ec2, launch(image=image, size=size)["InstanceId"])
        assert (volume["Size"], volume["SnapshotId"], volume["Encrypted"]) == (expected, snapshot, True)


@pytest.mark.parametrize("delete", [True, False])
def test_a_root_volume_is_replaced(ec2, launch, make, delete):
    server = launch()
    image = make(server["InstanceId"], f"root-{delete}")
    old = root_of(ec2, server["InstanceId"])["VolumeId"]
    tags = [{"Key": "Run", "Value": "patch"}]
    asked = {
        "InstanceId": server["InstanceId"],
        "ImageId": image,
        "ClientToken": f"token-{delete}",
        "DeleteReplacedRootVolume": delete,
        "TagSpecifications": [{"ResourceType": "replace-root-volume-task", "Tags": tags}],
    }
    task = ec2.create_replace_root_volume_task(**asked)["ReplaceRootVolumeTask"]
    again = ec2.create_replace_root_volume_task(**asked)["ReplaceRootVolumeTask"]
    assert task["ReplaceRootVolumeTaskId"] == again["ReplaceRootVolumeTaskId"]
    filters = [{"Name": "instance-id", "Values": [server["InstanceId"]]}]
    (shown,) = ec2.describe_replace_root_volume_tasks(Filters=filters)["ReplaceRootVolumeTasks"]
    assert (shown["TaskState"], shown["ImageId"], shown["Tags"]) == ("succeeded", image, tags)
    new = root_of(ec2, server["InstanceId"])
    assert new["VolumeId"] != old
    assert (new["SnapshotId"], new["Size"]) == (shown["SnapshotId"], 30)
    volumes = {one["VolumeId"]: one["State"] for one in ec2.describe_volumes()["Volumes"]}
    assert volumes.get(old) == (None if delete else "available")
    (after,) = ec2.describe_instances(InstanceIds=[server["InstanceId"]])["Reservations"][0]["Instances"]
    assert after["PrivateIpAddress"] == server["PrivateIpAddress"]


def test_a_root_volume_is_replaced_while_running_and_once_at_a_time(ec2, refused, launch, make, monkeypatch):
    server = launch()["InstanceId"]
    image = make(server, "running")
    monkeypatch.setattr(images, "REPLACED", [lambda *_: True])
    asked = {"InstanceId": server, "ImageId": image}
    assert ec2.create_replace_root_volume_task(**asked)["ReplaceRootVolumeTask"]["TaskState"] == "pending"
    assert "already" in refused(ec2.create_replace_root_volume_task, **asked)
    images.tasks(ec2_backends["123456789012"]["ap-northeast-2"]).clear()
    ec2.stop_instances(InstanceIds=[server])
    assert refused(ec2.create_replace_root_volume_task, **asked).startswith("IncorrectInstanceState")


def test_protection_from_termination_is_asked_for_at_the_launch(ec2, refused, launch):
    server = launch(DisableApiTermination=True)["InstanceId"]
    assert refused(ec2.terminate_instances, InstanceIds=[server]).startswith("OperationNotPermitted")


def test_a_type_must_be_offered_and_have_capacity(ec2, refused, launch, monkeypatch):
    server = launch()["InstanceId"]
    ec2.stop_instances(InstanceIds=[server])
    change = {"InstanceId": server, "InstanceType": {"Value": "t9.bogus"}}
    assert refused(ec2.modify_instance_attribute, **change).startswith("InvalidInstanceAttributeValue")
    ec2.modify_instance_attribute(InstanceId=server, InstanceType={"Value": "t3.large"})
    monkeypatch.setattr(capacity, "LACKING", {"t3.large"})
    answer = refused(ec2.start_instances, InstanceIds=[server])
    assert answer.startswith("InsufficientInstanceCapacity: We currently do not have sufficient t3.large")
    assert refused(launch, InstanceType="t3.large").startswith("InsufficientInstanceCapacity")
    ec2.modify_instance_attribute(InstanceId=server, InstanceType={"Value": "t3.medium"})
    ec2.start_instances(InstanceIds=[server])

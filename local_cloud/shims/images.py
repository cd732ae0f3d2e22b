"""EC2: images of one's own, the servers that start from them, and new root volumes from them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response
from moto.moto_api._internal import mock_random

from local_cloud.patching import Original, after, around

type Task = dict[str, Any]

# Called with a new image, its instance, and whether the instance reboots. A hook that returns True completes the image by itself.
MADE: list[Callable[[Ami, Instance, bool], bool]] = []
# Called with the id of a deregistered image.
DROPPED: list[Callable[[str], None]] = []
# Called with a task, its instance and its image. A hook that returns True completes the task by itself.
REPLACED: list[Callable[[Task, Instance, Ami], bool]] = []


# AWS: an image has the instance's volumes as snapshots with tags, is pending first, has a name of its own, and reboots the
# instance unless NoReboot is true (E1-E4; moto: one snapshot of 15 GiB, tags of snapshots are a 500).
def create_image(response: EC2Response) -> ActionResult:
    """CreateImage."""
    response.error_on_dryrun()
    backend: EC2Backend = response.ec2_backend
    name, instance_id = response._get_param("Name"), response._get_param("InstanceId")
    instance = backend.get_instance(instance_id)
    _refuse_name(backend, name)
    if instance.state not in ("running", "stopped"):
        raise EC2ClientError(
            "IncorrectInstanceState",
            f"The instance '{instance_id}' is not in the 'running' or 'stopped' state.",
        )
    tags = response._parse_tag_specification()
    image = backend.create_image(instance_id, name, response._get_param("Description", ""), [])
    image.add_tags(tags.get("image", {}))
    image.state = "pending"
    image.root_device_name, image.root_device_type = instance.root_device_name, "ebs"
    image.image_location, image.hypervisor = f"{backend.account_id}/{name}", "xen"
    del backend.snapshots[image.ebs_snapshot.id]
    image.mappings = [
        _mapping(image, device, block, tags.get("snapshot", {}))
        for device, block in instance.get_block_device_mapping
    ]
    reboot = instance.state == "running" and not response._get_bool_param("NoReboot", False)
    if not any(make(image, instance, reboot) for make in MADE):
        complete(image)
    return ActionResult({"ImageId": image.id})


EC2Response.create_image = create_image


def _refuse_name(backend: EC2Backend, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}", name):
        raise EC2ClientError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "'(', ')', '[', ']', ' ', '.', '/', '-', ''', '@' and '_'.",
        )
    for image in backend.amis.values():
        if image.name == name and image.owner_id == backend.account_id:
            raise EC2ClientError(
                "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}"
            )


def _mapping(image: Ami, device: str, block: Any, tags: dict[str, str]) -> dict[str, Any]:  # noqa: ANN401
    backend = image.ec2_backend
    volume = backend.volumes[block.volume_id]
    description = f"Created by CreateImage({image.instance_id}) for {image.id}"
    snapshot: Snapshot = backend.create_snapshot(
        volume.id, description, backend.account_id, from_ami=image.id
    )
    snapshot.add_tags(tags)
    snapshot.encrypted, snapshot.status = volume.encrypted, "pending"
    ebs = {
        "DeleteOnTermination": bool(block.delete_on_termination),
        "SnapshotId": snapshot.id,
        "VolumeSize": volume.size,
        "VolumeType": volume.volume_type,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
        "Encrypted": volume.encrypted,
    }
    return {"DeviceName": device, "Ebs": {name: value for name, value in ebs.items() if value is not None}}


def complete(image: Ami, state: str = "available") -> None:
    """Let a pending image be available, or failed."""
    image.state = state
    for mapping in image.mappings:
        snapshot = image.ec2_backend.snapshots.get(mapping["Ebs"]["SnapshotId"])
        if snapshot:
            snapshot.status = "completed" if state == "available" else "error"


_shown = Ami.block_device_mappings.fget
Ami.block_device_mappings = property(lambda image: getattr(image, "mappings", None) or _shown(image))


def _tell_dropped(_result: object, _backend: EC2Backend, image_id: str) -> None:
    for tell in DROPPED:
        tell(image_id)


after(EC2Backend, "deregister_image", _tell_dropped)


# AWS: a mapping may leave the size to the image (moto: refused).
@around(EC2Response, "_validate_block_device_mapping")
def allow_no_size(original: Original, _response: EC2Response, mapping: dict[str, Any]) -> None:
    """Check a mapping as if it had a size."""
    original({**mapping, "Ebs": {"VolumeSize": 8, **mapping["Ebs"]}} if "Ebs" in mapping else mapping)


# AWS: a server from an image of one's own has the image's volumes; they may be larger, not smaller (E4; moto: 8 GiB).
@around(EC2Backend, "run_instances")
def run_from_image(
    original: Original,
    backend: EC2Backend,
    image_id: str,
    *args: object,
    **kwargs: Any,  # noqa: ANN401
) -> object:
    """Refuse an image that is not available, and volumes smaller than its own; fill in its volumes."""
    image = backend.amis.get(image_id)
    if image is not None and image.state != "available":
        raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is {image.state}")
    own = {one["DeviceName"]: one["Ebs"] for one in getattr(image, "mappings", [])}
    for asked in kwargs.get("block_device_mappings") or []:
        least = own.get(asked["DeviceName"], {}).get("VolumeSize", 0)
        size = int(asked["Ebs"].get("VolumeSize") or least or 8)
        asked["Ebs"]["VolumeSize"] = size
        if size < least:
            raise EC2ClientError(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot "
                f"'{own[asked['DeviceName']]['SnapshotId']}', expect size >= {least}GB",
            )
    reservation = original(backend, image_id, *args, **kwargs)
    for instance in reservation.instances:
        for device, ebs in own.items():
            _fill(instance, device, ebs)
    return reservation


def _fill(instance: Instance, device: str, ebs: dict[str, Any]) -> None:
    backend = instance.ec2_backend
    if device not in instance.block_device_mapping:
        attach(instance, device, ebs)
        return
    volume = backend.volumes[instance.block_device_mapping[device].volume_id]
    volume.snapshot_id = ebs["SnapshotId"]
    volume.size = max(volume.size, ebs["VolumeSize"])
    volume.encrypted = volume.encrypted or ebs["Encrypted"]


def attach(instance: Instance, device: str, ebs: dict[str, Any]) -> str:
    """Attach a new volume as an image's mapping describes it; returns its id."""
    backend = instance.ec2_backend
    volume = backend.create_volume(
        size=ebs["VolumeSize"], zone_name=instance.placement.zone, volume_type=ebs["VolumeType"]
    )
    volume.snapshot_id, volume.encrypted = ebs["SnapshotId"], ebs["Encrypted"]
    backend.attach_volume(volume.id, instance.id, device, ebs["DeleteOnTermination"])
    return volume.id


# AWS: CreateReplaceRootVolumeTask gives a running instance the root volume of an image; its id, addresses and role stay (E6; moto:
# 500).
def create_replace_root_volume_task(response: EC2Response) -> ActionResult:
    """CreateReplaceRootVolumeTask, from an image or the snapshot of one, or from the instance's own image."""
    response.error_on_dryrun()
    backend: EC2Backend = response.ec2_backend
    token, instance_id = response._get_param("ClientToken"), response._get_param("InstanceId")
    for task in tasks(backend).values():
        if token and task["ClientToken"] == token:
            return ActionResult({"ReplaceRootVolumeTask": task})
    instance = backend.get_instance(instance_id)
    if instance.state != "running":
        raise EC2ClientError(
            "IncorrectInstanceState", f"The instance '{instance_id}' is not in the 'running' state."
        )
    busy = [one for one in tasks(backend).values() if one["TaskState"] in ("pending", "in-progress")]
    if any(one["InstanceId"] == instance_id for one in busy):
        raise EC2ClientError(
            "IncorrectInstanceState",
            f"The root volume of the instance '{instance_id}' is being replaced already.",
        )
    image = _image_for(backend, response, instance)
    task_id = f"replacevol-{mock_random.get_random_hex(17)}"
    task = tasks(backend)[task_id] = {
        "ReplaceRootVolumeTaskId": task_id,
        "InstanceId": instance_id,
        "TaskState": "pending",
        "StartTime": _time(),
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in response._parse_tag_specification().get("replace-root-volume-task", {}).items()
        ],
        "ImageId": image.id,
        "SnapshotId": _root(image)["SnapshotId"],
        "DeleteReplacedRootVolume": bool(response._get_bool_param("DeleteReplacedRootVolume", False)),
        "ClientToken": token,
    }
    if not any(replace(task, instance, image) for replace in REPLACED):
        finish(backend, task)
    return ActionResult({"ReplaceRootVolumeTask": task})


def tasks(backend: EC2Backend) -> dict[str, Task]:
    """The tasks that replace root volumes, by id."""
    return backend.__dict__.setdefault("replace_root_volume_tasks", {})


def _time() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _root(image: Ami) -> dict[str, Any]:
    mappings = image.block_device_mappings
    return next((one for one in mappings if one["DeviceName"] == image.root_device_name), mappings[0])["Ebs"]


def _image_for(backend: EC2Backend, response: EC2Response, instance: Instance) -> Ami:
    snapshot, image_id = response._get_param("SnapshotId"), response._get_param("ImageId")
    if snapshot:
        found = [one for one in backend.amis.values() if _root(one)["SnapshotId"] == snapshot]
        if not found:
            raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot}' does not exist.")
        return found[0]
    image = backend.amis.get(image_id or instance.image_id)
    if image is None:
        raise InvalidAMIIdError([image_id or instance.image_id])
    if image.state != "available":
        raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is {image.state}")
    return image


def finish(backend: EC2Backend, task: Task, state: str = "succeeded") -> None:
    """End a task: the new root volume replaces the old one, which is kept unless it is to be deleted."""
    task["TaskState"], task["CompleteTime"] = state, _time()
    if state != "succeeded":
        return
    instance = backend.get_instance(task["InstanceId"])
    device = instance.root_device_name
    old = instance.block_device_mapping[device]
    volume = backend.volumes[old.volume_id]
    root = {
        "VolumeSize": volume.size,
        "VolumeType": volume.volume_type,
        "Encrypted": volume.encrypted,
        "DeleteOnTermination": old.delete_on_termination,
        "SnapshotId": task["SnapshotId"],
    }
    backend.detach_volume(volume.id, instance.id, device)
    if task["DeleteReplacedRootVolume"]:
        backend.delete_volume(volume.id)
    attach(instance, device, root)


def describe_replace_root_volume_tasks(response: EC2Response) -> ActionResult:
    """DescribeReplaceRootVolumeTasks, with its filters."""
    found = list(tasks(response.ec2_backend).values())
    ids = response._get_param("ReplaceRootVolumeTaskIds", [])
    names = {"instance-id": "InstanceId", "replace-root-volume-task-state": "TaskState"}
    for name, values in (response._filters_from_querystring() or {}).items():
        key = names.get(name)
        found = [one for one in found if key and one[key] in values]
    return ActionResult(
        {"ReplaceRootVolumeTasks": [one for one in found if not ids or one["ReplaceRootVolumeTaskId"] in ids]}
    )


EC2Response.create_replace_root_volume_task = create_replace_root_volume_task
EC2Response.describe_replace_root_volume_tasks = describe_replace_root_volume_tasks

"""EC2: an image of one's own is the server's file system, and a new root volume is a new container from it."""

from __future__ import annotations

import dataclasses

from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance

from local_cloud.instances import Instances
from local_cloud.shims import images
from local_cloud.shims.images import Task


def install(instances: Instances) -> None:
    """Let images and replaced root volumes act on the containers."""
    cloud = instances.cloud

    # AWS: without NoReboot the server is shut down first; otherwise the file system is as after a power cut (E1).
    def make(image: Ami, instance: Instance, reboot: bool) -> bool:
        machine = instances.machines.get(instance.id)
        if machine is None:
            return False
        name = f"localhost/{cloud.settings.container_prefix}/{image.id}"

        def work() -> None:
            try:
                if reboot:
                    instances.halt(machine)
                cloud.podman.commit(machine.container, name)
            except Exception:
                with cloud.lock:
                    images.complete(image, "failed")
                raise
            finally:
                if reboot:
                    instances.resume(instance, machine)
            cloud.later(image.id, "available", available)

        def available() -> None:
            cloud.wait("image")
            with cloud.lock:
                if image.id in instances.backend.amis:
                    instances.own[image.id] = dataclasses.replace(machine.image, reference=name)
                    images.complete(image)
                    return
            cloud.podman.call("untag", name, name)  # deregistered meanwhile

        cloud.later(instance.id, f"image {image.id}", work)
        return True

    def drop(image_id: str) -> None:
        image = instances.own.pop(image_id, None)
        if image:
            cloud.later(image_id, "deregistered", lambda: cloud.podman.call("untag", image.tag, image.tag))

    def replace(task: Task, instance: Instance, image: Ami) -> bool:
        machine = instances.machines.get(instance.id)
        if machine is None:
            return False
        source = instances.image(instances.backend, image.id)

        def work() -> None:
            task["TaskState"] = "in-progress"
            try:
                instances.halt(machine)
                cloud.podman.remove(machine.container)
                machine.image = source
                instances.boot(instance, machine)
            except Exception:
                images.finish(instances.backend, task, "failed")
                raise
            with cloud.lock:
                images.finish(instances.backend, task)

        cloud.later(instance.id, f"has a new root volume from {image.id}", work)
        return True

    images.MADE.append(make)
    images.DROPPED.append(drop)
    images.REPLACED.append(replace)

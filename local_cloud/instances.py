"""EC2: a VPC is a network, an instance is a container with systemd, an address is a DNAT rule."""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import moto.ec2.models.elastic_ip_addresses as moto_elastic_ips
import moto.ec2.models.elastic_network_interfaces as moto_interfaces
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from local_cloud.cloud import Cloud
from local_cloud.containers import ContainerError
from local_cloud.machine_files import console_output, machine_files
from local_cloud.network import AddressRangeError, settle
from local_cloud.patching import Original, after, around
from local_cloud.shims.ec2 import DEBIAN_OWNER

log = logging.getLogger("local_cloud")

BOOT_TIMEOUT = 90.0


@dataclasses.dataclass(frozen=True)
class MachineImage:
    """The backing of an AMI: its publisher, its name's prefix, the image on this machine, and the image's user.

    An image of the account's own has a `reference`, the image that was made from a server.
    """

    owner: str
    name: str
    image: str
    user: str
    parameter: str
    reference: str = ""

    def matches(self, ami: Ami) -> bool:
        """Return whether an AMI belongs here."""
        return (ami.owner_id, ami.architecture) == (self.owner, "x86_64") and ami.name.startswith(self.name)

    @property
    def tag(self) -> str:
        """The image's full name."""
        return self.reference or f"localhost/table-order/{self.image}:latest"


MACHINE_IMAGES = (
    MachineImage(
        DEBIAN_OWNER, "debian-12-", "debian12-host", "admin", "/aws/service/debian/release/12/latest/amd64"
    ),
    MachineImage(
        "137112412989",
        "al2023-ami-2023.",
        "al2023-lookalike",
        "ec2-user",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    ),
)


@dataclasses.dataclass
class Machine:
    """The backing of an instance; the status checks report `reachable`, the console prints `console`.

    `process` is that of the running container's init, 0 while we stop it.
    """

    container: str
    image: MachineImage
    reachable: bool = False
    console: str = ""
    process: int = 0


class Instances:
    """The containers behind the account's instances."""

    def __init__(self, cloud: Cloud) -> None:
        """Hook into moto's life cycle of EC2."""
        self.cloud = cloud
        self.machines: dict[str, Machine] = {}
        self.own: dict[str, MachineImage] = {}  # by the id of the image
        self.last_address = 1
        cloud.on_reset.append(self._forget)
        _install(self)

    @property
    def backend(self) -> EC2Backend:
        """moto's EC2 of this cloud's account and region."""
        return ec2_backends[self.cloud.settings.account][self.cloud.settings.region]

    def _forget(self) -> None:
        self.machines.clear()
        self.own.clear()
        self.last_address = 1

    # -- addresses ---------------------------------------------------------------------------------

    def all(self) -> Iterator[Instance]:
        """Every instance except terminated ones."""
        for reservation in list(self.backend.reservations.values()):
            yield from (
                one for one in reservation.instances if one.state not in {"shutting-down", "terminated"}
            )

    def by_private_address(self, address: str) -> Instance | None:
        """The instance with this private address."""
        return next((one for one in self.all() if one.private_ip == address), None)

    def free_public_address(self) -> str:
        """The next address of the loopback range; as on AWS, a released one is not reused soon."""
        size = self.cloud.settings.loopback_range.num_addresses
        used = {address.public_ip for address in self.backend.addresses}
        used |= {interface.public_ip for interface in self.backend.enis.values()}
        for step in range(1, size):
            number = (self.last_address + step) % size
            address = str(self.cloud.settings.loopback_range[number])
            if 2 <= number < size - 1 and address not in used:
                self.last_address = number
                return address
        raise EC2ClientError("AddressLimitExceeded", "The maximum number of addresses has been reached.")

    def publish(self) -> None:
        """Map every public address to its current instance in the firewall."""
        addresses = {
            one.public_ip: one.private_ip for one in self.all() if one.public_ip and one.id in self.machines
        }
        if self.cloud.network.publish(addresses):
            shown = ", ".join(f"{public} -> {private}" for public, private in sorted(addresses.items()))
            log.info("public addresses: %s", shown or "none")

    # -- life cycle --------------------------------------------------------------------------------

    def image(self, backend: EC2Backend, image_id: str) -> MachineImage:
        """Return the backing of an AMI. Raises an AWS error without an image on this machine."""
        if image_id in self.own:
            return self.own[image_id]
        ami = backend.amis.get(image_id)
        found = next((one for one in MACHINE_IMAGES if ami and one.matches(ami)), None)
        if found is None:
            known = ", ".join(one.parameter for one in MACHINE_IMAGES)
            raise EC2ClientError(
                "Unsupported",
                f"The local cloud cannot run the image {image_id}. It can run those of the SSM parameters {known}.",
            )
        try:
            self.cloud.podman.call("image", "exists", found.tag)
        except ContainerError as error:
            raise EC2ClientError(
                "Unsupported", f"This machine has no {found.tag}. Build it with: images/build {found.image}"
            ) from error
        return found

    def launch(self, instance: Instance, image: MachineImage) -> None:
        """Boot a new instance in the background: pending, running, then status checks ok."""
        machine = Machine(f"{self.cloud.settings.container_prefix}-{instance.id}", image)
        self.machines[instance.id] = machine
        settle(instance.nics[0])
        _set_state(instance, "pending", 0)
        self.cloud.later(
            instance.id, f"launched at {instance.private_ip}", lambda: self.boot(instance, machine)
        )

    def boot(self, instance: Instance, machine: Machine) -> None:
        """Make and start the container of an instance. Raises ContainerError, the instance is terminated then."""
        cloud = self.cloud
        with cloud.lock:
            vpc = self.backend.get_vpc(instance.vpc_id)
            try:
                network = cloud.network.ensure(vpc.id, vpc.cidr_block)
            except AddressRangeError as error:
                raise ContainerError(str(error)) from error
            files = machine_files(
                instance, machine.image.user, f"http://{network.gateway}:{cloud.settings.port}"
            )
        options = [
            "--systemd=always",
            "--stop-signal=SIGRTMIN+3",
            # Root reads the environment of other users' processes, as on EC2.
            "--cap-add=SYS_PTRACE",
            *network.options(instance.private_ip),
            f"--hostname={instance.private_dns_name.partition('.')[0]}",
        ]
        try:
            cloud.podman.run(
                machine.container, machine.image.tag, ["/sbin/init"], options=options, files=files
            )
        except ContainerError as error:
            with cloud.lock:
                instance.state_reason.code = "Server.InternalError"
                instance.state_reason.message = f"Server.InternalError: {error}"
                _set_state(instance, "terminated", 48)
            raise
        self._came_up(instance, machine)

    def _came_up(self, instance: Instance, machine: Machine) -> None:
        """Open the network to a started container, then wait until sshd answers."""
        cloud = self.cloud
        cloud.network.prepare_bridge(instance.vpc_id)
        machine.process = int(
            cloud.podman.call("inspect", "--format", "{{.State.Pid}}", machine.container) or 0
        )
        if machine.process:
            threading.Thread(
                target=self._watch, args=(instance, machine, machine.process), daemon=True
            ).start()
        with cloud.lock:
            if instance.state == "pending":
                _set_state(instance, "running", 16)
            self.publish()
        wait_for_ssh(instance.private_ip, cloud)
        # As on AWS, once per instance, not once per boot.
        machine.console = machine.console or self._console(machine)
        cloud.wait("server")
        machine.reachable = True

    # AWS: a server that reboots itself comes up again. Differs from AWS: one that powers off, too, as its container ends alike.
    def _watch(self, instance: Instance, machine: Machine, process: int) -> None:
        """Wait for the end of a container's init; start the container again unless we stopped it."""
        wait_for_end(process)
        gone = self.machines.get(instance.id) is not machine
        if machine.process != process or gone or self.cloud.closing.is_set():
            return
        machine.reachable = False

        def work() -> None:
            if machine.process != process:
                return
            self.resume(instance, machine)

        self.cloud.later(instance.id, "rebooted by itself", work)

    def halt(self, machine: Machine) -> None:
        """Shut a container down, without a change of the instance's state."""
        machine.reachable, machine.process = False, 0
        self.cloud.podman.stop(machine.container)

    def resume(self, instance: Instance, machine: Machine) -> None:
        """Start a container again, and return once the machine answers."""
        self.cloud.podman.start(machine.container)
        self._came_up(instance, machine)

    def _console(self, machine: Machine) -> str:
        """Print the host keys on the console, as cloud-init does at the end of a first boot."""
        read = "cat /etc/ssh/ssh_host_*_key.pub"
        return console_output(self.cloud.podman.exec(machine.container, "sh", "-c", read))

    def console(self, instance_id: str) -> str:
        """Return the console's output; "" before the first boot."""
        machine = self.machines.get(instance_id)
        return machine.console if machine else ""

    def start(self, instance: Instance) -> None:
        """Start a stopped instance in the background."""
        machine = self.machines.get(instance.id)
        if machine is None:
            return
        _set_state(instance, "pending", 0)
        self.cloud.later(instance.id, "started", lambda: self.resume(instance, machine))

    def stop(self, instance: Instance) -> None:
        """Shut an instance down in the background."""
        machine = self.machines.get(instance.id)
        if machine is None:
            return
        machine.reachable = False
        _set_state(instance, "stopping", 64)
        self.publish()

        def work() -> None:
            self.halt(machine)
            with self.cloud.lock:
                if instance.state == "stopping":
                    _set_state(instance, "stopped", 80)

        self.cloud.later(instance.id, "stopped", work)

    def reboot(self, instance: Instance) -> None:
        """Restart an instance in the background; its state stays running, as on AWS."""
        machine = self.machines.get(instance.id)
        if machine is None:
            return
        machine.reachable = False

        def work() -> None:
            self.halt(machine)
            self.resume(instance, machine)

        self.cloud.later(instance.id, "rebooted", work)

    def terminate(self, instance: Instance) -> None:
        """Remove an instance in the background."""
        machine = self.machines.pop(instance.id, None)
        if machine is None:
            return
        _set_state(instance, "shutting-down", 32)
        self.publish()

        def work() -> None:
            machine.process = 0
            self.cloud.podman.remove(machine.container)
            with self.cloud.lock:
                _set_state(instance, "terminated", 48)

        self.cloud.later(instance.id, "terminated", work)


def _set_state(instance: Instance, name: str, code: int) -> None:
    instance._state.name, instance._state.code = name, code


def wait_for_end(process: int) -> None:
    """Return once a process has ended."""
    try:
        handle = os.pidfd_open(process)
    except OSError:
        return
    try:
        select.select([handle], [], [])
    finally:
        os.close(handle)


def wait_for_ssh(address: str, cloud: Cloud) -> None:
    """Return once sshd answers. Raises TimeoutError."""
    deadline = time.monotonic() + BOOT_TIMEOUT
    while time.monotonic() < deadline and not cloud.closing.wait(0.1):
        try:
            with socket.create_connection((address, 22), timeout=1) as connection:
                connection.settimeout(2)
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            continue
    if not cloud.closing.is_set():
        raise TimeoutError(f"sshd at {address} does not answer")


# -- moto's life cycle calls -----------------------------------------------------------------------


def _install(instances: Instances) -> None:
    """Connect moto's EC2 calls to the backing."""
    cloud = instances.cloud

    def random_address() -> str:
        return instances.free_public_address()

    moto_interfaces.random_public_ip = random_address
    moto_elastic_ips.random_ip = random_address

    @around(EC2Backend, "create_vpc")
    def create_vpc(
        original: Original, backend: EC2Backend, cidr_block: str, *args: object, **kwargs: object
    ) -> object:
        """Create the VPC's network; refuse a CIDR that the host already routes."""
        vpc = original(backend, cidr_block, *args, **kwargs)
        # The default VPC exists in every account. AWS allows a second VPC of the same range; this machine does not: its first
        # resource is refused.
        if kwargs.get("is_default") or cloud.network.has_range(vpc.cidr_block):
            return vpc
        try:
            cloud.network.ensure(vpc.id, vpc.cidr_block)
        except (AddressRangeError, ContainerError) as error:
            backend.delete_vpc(vpc.id)
            raise EC2ClientError("InvalidVpc.Range", str(error)) from error
        log.info("%s: network for %s", vpc.id, vpc.cidr_block)
        return vpc

    @around(EC2Backend, "run_instances")
    def run_instances(
        original: Original, backend: EC2Backend, image_id: str, *args: object, **kwargs: object
    ) -> object:
        image = instances.image(backend, image_id)
        reservation = original(backend, image_id, *args, **kwargs)
        for instance in reservation.instances:
            instances.launch(instance, image)
        return reservation

    after(EC2Backend, "delete_vpc", lambda _result, _backend, vpc_id: cloud.network.remove(vpc_id))
    after(Instance, "start", lambda _result, instance: instances.start(instance))
    after(Instance, "stop", lambda _result, instance: instances.stop(instance))
    after(Instance, "reboot", lambda _result, instance: instances.reboot(instance))
    after(Instance, "terminate", lambda _result, instance: instances.terminate(instance))
    for name in ("associate_address", "disassociate_address", "release_address"):
        after(EC2Backend, name, lambda *_, **__: instances.publish())

    # AWS: the machine's output, empty before its first boot (moto: the same sample for all).
    @around(EC2Response, "get_console_output")
    def get_console_output(_original: Original, response: EC2Response) -> ActionResult:
        instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
        output = base64.b64encode(instances.console(instance.id).encode()).decode()
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    status = Instance.instance_status.fget

    def instance_status(instance: Instance) -> dict[str, Any]:
        """Status checks are "initializing" until the machine answers."""
        machine = instances.machines.get(instance.id)
        if instance.state == "running" and machine and not machine.reachable:
            return {"Status": "initializing", "Details": [{"Name": "reachability", "Status": "initializing"}]}
        return status(instance)

    Instance.instance_status = property(instance_status)
    Instance.system_status = property(instance_status)

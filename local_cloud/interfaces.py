"""Network interfaces that AWS puts into a subnet for a database or a cache."""

from __future__ import annotations

import dataclasses
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.network import hardware_address


@dataclasses.dataclass
class Interface:
    """An address in a VPC, and the API's record of it."""

    record: Any
    subnet: Any

    @property
    def address(self) -> str:
        """The private address."""
        return self.record.private_ip_address

    def release(self) -> None:
        """Give the address back."""
        backend = self.record.ec2_backend
        backend.enis.pop(self.record.id, None)
        self.subnet.del_subnet_ip(self.address)


def settle(record: Any) -> None:  # noqa: ANN401
    """Give an interface the one hardware address that its IP address ever has.

    A neighbour that remembers it is then right, when a container is started again and when the
    address is given to another one; with a random one it would be wrong for up to a minute.
    """
    record.mac_address = hardware_address(record.private_ip_address)


def attach(subnet: Any, group_ids: list[str], description: str) -> Interface:  # noqa: ANN401
    """Take an address of the subnet; the API shows the interface, and that AWS manages it."""
    backend = subnet.ec2_backend
    address = subnet.get_available_subnet_ip(instance=None)
    record = backend.create_network_interface(subnet, address, group_ids=group_ids, description=description)
    record.status = "in-use"
    record.requester_managed = True
    settle(record)
    return Interface(record, subnet)


def network_options(cloud: Cloud, interface: Interface, aliases: list[str]) -> list[str]:
    """podman's options for a container that has this interface and answers to these names in its VPC."""
    vpc = interface.record.ec2_backend.get_vpc(interface.subnet.vpc_id)
    network = cloud.network.ensure(vpc.id, vpc.cidr_block)
    return [
        f"--network={network.name}",
        f"--ip={interface.address}",
        f"--mac-address={interface.record.mac_address}",
        *(f"--network-alias={alias}" for alias in aliases),
    ]

"""Shared parts of the containers behind databases and caches: the image, the start timeout, the address."""

from __future__ import annotations

import dataclasses

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.subnets import Subnet

from local_cloud.network import Network, settle

IMAGE = "localhost/table-order/debian12-data:latest"
START_TIMEOUT = 60.0  # seconds


@dataclasses.dataclass
class Interface:
    """An address in a VPC, and the API's record of it."""

    record: NetworkInterface
    subnet: Subnet

    @property
    def address(self) -> str:
        """The private address."""
        return self.record.private_ip_address

    def release(self) -> None:
        """Release the address."""
        backend = self.record.ec2_backend
        backend.enis.pop(self.record.id, None)
        self.subnet.del_subnet_ip(self.address)


def attach(subnet: Subnet, group_ids: list[str], description: str) -> Interface:
    """Take an address of the subnet; the API shows the interface as managed by AWS."""
    backend = subnet.ec2_backend
    address = subnet.get_available_subnet_ip(instance=None)
    record = backend.create_network_interface(subnet, address, group_ids=group_ids, description=description)
    record.status = "in-use"
    record.requester_managed = True
    settle(record)
    return Interface(record, subnet)


def network_options(network: Network, interface: Interface, aliases: list[str]) -> list[str]:
    """podman's options for a container that has this interface and answers to these names in its VPC.

    Raises AddressRangeError or ContainerError when the VPC's network cannot be made.
    """
    vpc = interface.record.ec2_backend.get_vpc(interface.subnet.vpc_id)
    options = network.ensure(vpc.id, vpc.cidr_block).options(interface.address)
    return [*options, *(f"--network-alias={alias}" for alias in aliases)]

"""A VPC is a podman network; a public address is a DNAT rule of ours.

Published ports would not do: they are fixed when a container is made, cannot follow an Elastic IP,
and collide with the host's own web server or sshd.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from local_cloud.containers import Podman
from local_cloud.settings import Settings

if TYPE_CHECKING:
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface

METADATA_ADDRESS = "169.254.169.254"


class AddressRangeError(Exception):
    """A CIDR that is not usable for a VPC on this host."""


@dataclasses.dataclass(frozen=True)
class VpcNetwork:
    """A VPC's bridge on this host; `gateway` is the host's own address on it."""

    name: str
    cidr: ipaddress.IPv4Network
    gateway: str
    bridge: str

    def options(self, address: str) -> list[str]:
        """podman's options for a container with this address of the VPC."""
        return [
            f"--network={self.name}",
            f"--ip={address}",
            f"--mac-address={hardware_address(address)}",
        ]


def hardware_address(address: str) -> str:
    """The one hardware address that goes with an IP address."""
    octets = ipaddress.IPv4Address(address).packed
    return ":".join(f"{octet:02x}" for octet in (2, 0, *octets))


def settle(record: NetworkInterface) -> None:
    """Give an interface the one hardware address that its IP address ever has.

    A neighbour that remembers it is then right, when a container is started again and when the
    address is given to another one; with a random one it would be wrong for up to a minute.
    """
    record.mac_address = hardware_address(record.private_ip_address)


def host_routes() -> list[tuple[ipaddress.IPv4Network, str]]:
    """The host's routes but the default one: (destination, interface)."""
    output = subprocess.run(["ip", "-json", "route"], capture_output=True, check=True).stdout
    return [
        (ipaddress.IPv4Network(route["dst"]), route.get("dev", "?"))
        for route in json.loads(output)
        if route["dst"] != "default"
    ]


def check_free(cidr: ipaddress.IPv4Network) -> None:
    """Raise AddressRangeError when a route of the host overlaps `cidr`."""
    for destination, interface in host_routes():
        if destination.overlaps(cidr):
            raise AddressRangeError(
                f"The CIDR '{cidr}' overlaps {destination}, which this host already routes to {interface}. "
                "Choose another CIDR for this VPC, or stop the program that uses that one."
            )


class Network:
    """The networks and the firewall rules of one local cloud."""

    def __init__(self, settings: Settings, podman: Podman) -> None:
        """Start without a change on the host; the first VPC makes one."""
        self.settings = settings
        self.podman = podman
        self.vpcs: dict[str, VpcNetwork] = {}
        self.public: dict[str, str] = {}
        self.lock = threading.RLock()
        self.firewall = Firewall(settings)
        self.on_gateways: Callable[[set[str]], None] = lambda _gateways: None

    def ensure(self, vpc_id: str, cidr: str) -> VpcNetwork:
        """The network of a VPC, created if missing. Raises AddressRangeError, ContainerError."""
        with self.lock:
            if vpc_id not in self.vpcs:
                block = ipaddress.IPv4Network(cidr)
                check_free(block)
                self.vpcs[vpc_id] = self._create(f"{self.settings.container_prefix}-{vpc_id}", block)
                self._apply()
            return self.vpcs[vpc_id]

    def has_range(self, cidr: str) -> bool:
        """Whether a VPC of this cloud has addresses of this range."""
        block = ipaddress.IPv4Network(cidr)
        return any(network.cidr.overlaps(block) for network in list(self.vpcs.values()))

    def _create(self, name: str, cidr: ipaddress.IPv4Network) -> VpcNetwork:
        gateway = str(cidr.network_address + 1)
        self.podman.call(
            "network",
            "create",
            "--subnet",
            str(cidr),
            "--gateway",
            gateway,
            "--label",
            self.podman.label,
            name,
        )
        (description,) = json.loads(self.podman.call("network", "inspect", name))
        return VpcNetwork(name, cidr, gateway, description["network_interface"])

    def remove(self, vpc_id: str) -> None:
        """Remove the network of a VPC, if there is one."""
        with self.lock:
            network = self.vpcs.pop(vpc_id, None)
            if network:
                self.podman.call("network", "rm", "--force", network.name)
                self._apply()

    def publish(self, addresses: dict[str, str]) -> bool:
        """Replace the whole mapping {public address: private address} at once; True for a change."""
        with self.lock:
            if addresses == self.public:
                return False
            self.public = dict(addresses)
            self._apply()
            return True

    def prepare_bridge(self, vpc_id: str) -> None:
        """Set up the bridge of a VPC; repeat this, since podman removes an idle bridge."""
        network = self.vpcs[vpc_id]
        options = Path("/proc/sys/net/ipv4/conf") / network.bridge
        # Allow loopback addresses: the public addresses are such.
        (options / "route_localnet").write_text("1\n")
        # A bridge takes the lowest hardware address of its ports, and changes it while containers come
        # and go: a container with the old one in its ARP cache loses the gateway and DNS for up to a minute.
        (options / "arp_notify").write_text("1\n")
        address = hardware_address(network.gateway)
        subprocess.run(["ip", "link", "set", "dev", network.bridge, "address", address], check=True)

    def is_inside(self, address: str) -> bool:
        """Whether an address belongs to one of the VPCs."""
        parsed = ipaddress.ip_address(address)
        return any(parsed in network.cidr for network in list(self.vpcs.values()))

    def _apply(self) -> None:
        if self.vpcs:
            self.firewall.apply([network.bridge for network in self.vpcs.values()], self.public)
        else:
            self.firewall.remove()
        self.on_gateways({network.gateway for network in self.vpcs.values()})

    def forget(self) -> None:
        """Drop the state; the caller has removed the networks."""
        with self.lock:
            self.vpcs, self.public = {}, {}
            self._apply()


class Firewall:
    """Two chains of the nat table, named after the container prefix, and the jumps to them."""

    def __init__(self, settings: Settings) -> None:
        """Start without a change on the host."""
        self.settings = settings
        self.inward = f"{settings.container_prefix}-in"
        self.outward = f"{settings.container_prefix}-out"
        self.jumps = [
            ("OUTPUT", "-d", str(settings.loopback_range), "-j", self.inward),
            ("PREROUTING", "-d", f"{METADATA_ADDRESS}/32", "-j", self.inward),
            ("POSTROUTING", "-s", "127.0.0.0/8", "-j", self.outward),
        ]

    def rules(self, bridges: list[str], public: dict[str, str]) -> str:
        """The chains' whole content, in the format of iptables-restore."""
        lines = ["*nat", f":{self.inward} - [0:0]", f":{self.outward} - [0:0]"]
        for bridge in bridges:
            lines += [
                f"-A {self.inward} -i {bridge} -d {METADATA_ADDRESS}/32 -p tcp --dport 80 "
                f"-j REDIRECT --to-ports {self.settings.port}",
                f"-A {self.outward} -o {bridge} -j MASQUERADE",
            ]
        lines += [
            f"-A {self.inward} -d {address}/32 -p tcp -j DNAT --to-destination {private}"
            for address, private in sorted(public.items())
        ]
        return "\n".join([*lines, "COMMIT", ""])

    def apply(self, bridges: list[str], public: dict[str, str]) -> None:
        """Replace the content of our chains in one step, and keep foreign rules."""
        rules = self.rules(bridges, public)
        subprocess.run(["iptables-restore", "-w", "--noflush"], input=rules.encode(), check=True)
        for jump in self.jumps:
            if not _iptables("-C", *jump):
                _iptables("-A", *jump)

    def remove(self) -> bool:
        """Remove our chains and the jumps to them; True if there were any."""
        found = False
        for jump in self.jumps:
            while _iptables("-D", *jump):
                found = True
        for chain in (self.inward, self.outward):
            _iptables("-F", chain)
            found = _iptables("-X", chain) or found
        return found


def _iptables(*arguments: str) -> bool:
    done = subprocess.run(["iptables", "-w", "-t", "nat", *arguments], capture_output=True, check=False)
    return done.returncode == 0

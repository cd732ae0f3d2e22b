# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_network accepts beyond its specification."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from .settings import Kind, Table


def network(value: object) -> ipaddress.IPv4Network | None:
    """Return a network that AWS accepts, or None."""
    try:
        found = ipaddress.IPv4Network(str(value))
    except ValueError:
        return None
    return found if 16 <= found.prefixlen <= 28 else None


def subnets(
    aws_network_subnets: list[Mapping[str, Any]], aws_network_vpc_cidr: str, table_order_zones: list[str]
) -> Iterator[str]:
    """Find subnets outside the VPC, overlapping, in an unknown zone, or private ones within a single zone."""
    vpc = ipaddress.IPv4Network(aws_network_vpc_cidr)
    seen: list[tuple[str, ipaddress.IPv4Network]] = []
    for subnet in aws_network_subnets:
        name, found = f"aws_network_subnets: '{subnet['name']}'", network(subnet["cidr"])
        if found is None or not found.subnet_of(vpc):
            yield (
                f"{name} has cidr '{subnet['cidr']}'. Accepted: a network of /16 to /28 without host bits inside the VPC's range "
                f"{vpc}, such as {next(vpc.subnets(new_prefix=24), vpc)}."
            )
            continue
        for other, taken in seen:
            if found.overlaps(taken):
                yield f"{name} ({found}) overlaps '{other}' ({taken}). Give each subnet its own range."
        seen.append((subnet["name"], found))
        if subnet["zone"] not in table_order_zones:
            yield (
                f"{name} has zone '{subnet['zone']}'. Accepted: a zone that this account can use, {', '.join(table_order_zones)}. "
                "Set one of them, or another region in 00-cloud.yml."
            )
    zones = sorted({str(subnet["zone"]) for subnet in aws_network_subnets if not subnet["public"]})
    if len(zones) < 2:
        yield (
            f"aws_network_subnets: the private subnets are in {', '.join(zones) or 'no zone'}. RDS needs a subnet group over two "
            "zones. Put a private subnet in a second zone."
        )
    if not any(subnet["public"] for subnet in aws_network_subnets):
        yield "aws_network_subnets has no subnet with public: true. The server needs one."


def existing_ranges(
    aws_network_vpc_cidr: str,
    aws_network_subnets: list[Mapping[str, Any]],
    __aws_network_existing: Mapping[str, Any] | None = None,
    __aws_network_existing_subnets: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Find ranges that differ from the discovered network's: the run would create a second network of the same name."""
    fix = "AWS cannot change a range: set the existing one, or remove the service first (playbooks/destroy.yml)."
    for vpc in (__aws_network_existing or {}).get("vpcs", []):
        if vpc["cidr_block"] != aws_network_vpc_cidr:
            yield f"aws_network_vpc_cidr is '{aws_network_vpc_cidr}', and {vpc['vpc_id']} has {vpc['cidr_block']}. {fix}"
    wanted = {subnet["name"]: subnet["cidr"] for subnet in aws_network_subnets}
    for subnet in (__aws_network_existing_subnets or {}).get("subnets", []):
        name, taken = subnet.get("tags", {}).get("Name"), subnet["cidr_block"]
        if wanted.get(name, taken) != taken:
            yield f"aws_network_subnets: '{name}' has cidr '{wanted[name]}', and {subnet['id']} has {taken}. {fix}"


KINDS = {
    "aws_network_vpc_cidr": Kind(network, "a network of /16 to /28 without host bits, such as 10.0.0.0/16"),
    "aws_network_subnets[]": Kind(
        lambda subnet: {"name", "cidr", "zone", "public"} <= subnet.keys(),
        "a dictionary with name, cidr, zone and public",
    ),
}
TABLE = Table(KINDS, [subnets, existing_ranges], others=["aws_network_resources"])

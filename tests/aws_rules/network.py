"""Networks, routes and security groups."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from tests.aws_rules.recording import Call, Calls
from tests.aws_rules.registry import Problems, rule

ALLOWED_TEXT = re.compile(r"^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}$")
INGRESS = "ec2:AuthorizeSecurityGroupIngress"
WORLD = ("0.0.0.0/0", "::/0")
SOURCES = ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds")
RULE_REQUESTS = (
    INGRESS,
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
)


def _opened(calls: Calls, port: int) -> Iterator[tuple[Call, dict[str, Any]]]:
    """Yield what opens a port, and to whom."""
    for call in calls.of(INGRESS):
        for permission in call.get("IpPermissions", []):
            everything = permission.get("IpProtocol") == "-1"
            if everything or permission.get("FromPort", 0) <= port <= permission.get("ToPort", 65535):
                yield call, permission


def _ranges(permission: dict[str, Any]) -> list[str]:
    return [item["CidrIp"] for item in permission.get("IpRanges", [])] + [
        item["CidrIpv6"] for item in permission.get("Ipv6Ranges", [])
    ]


@rule
def group_texts_are_in_aws_character_set(calls: Calls) -> Problems:
    """Character sets beyond ASCII are not supported. / Invalid rule description. Valid descriptions are
    strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*
    """
    for call in calls.of("ec2:CreateSecurityGroup"):
        for name in ("GroupName", "Description"):
            if not ALLOWED_TEXT.match(call.get(name, "")):
                yield call, f"{name} is '{call.get(name)}'"
        if call.get("GroupName", "").startswith("sg-"):
            yield call, "GroupName begins with sg-"
    for call in calls.of(*RULE_REQUESTS):
        for permission in call.get("IpPermissions", []):
            for source in (item for kind in SOURCES for item in permission.get(kind, [])):
                if not ALLOWED_TEXT.match(source.get("Description", "")):
                    yield call, f"the rule's description is '{source['Description']}'"


@rule
def the_local_route_is_never_created(calls: Calls) -> Problems:
    """InvalidParameterValue: the route to the VPC's own range exists already, and can only target an
    interface.
    """
    networks = [ipaddress.ip_network(call.get("CidrBlock")) for call in calls.of("ec2:CreateVpc")]
    for call in calls.of("ec2:CreateRoute"):
        destination = ipaddress.ip_network(call.get("DestinationCidrBlock", "0.0.0.0/0"))
        if call.get("GatewayId") == "local" or any(destination.subnet_of(network) for network in networks):
            yield call, f"a route to {destination}"
        elif not call.get("GatewayId", "").startswith("igw-"):
            yield call, f"{destination} does not go to an internet gateway"


@rule
def subnets_are_inside_the_vpc_and_apart(calls: Calls) -> Problems:
    """InvalidSubnet.Range: The CIDR is invalid. / InvalidSubnet.Conflict: The CIDR conflicts with another
    subnet
    """
    networks = [ipaddress.ip_network(call.get("CidrBlock")) for call in calls.of("ec2:CreateVpc")]
    taken: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for call in calls.of("ec2:CreateSubnet"):
        subnet = ipaddress.ip_network(call.get("CidrBlock"))
        if networks and not any(subnet.subnet_of(network) for network in networks):
            yield call, f"{subnet} is outside {networks[0]}"
        if any(subnet.overlaps(other) for other in taken):
            yield call, f"{subnet} overlaps another subnet"
        taken.append(subnet)


@rule
def subnets_span_two_zones(calls: Calls) -> Problems:
    """DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet Availability Zone (AZ)
    coverage requirement. Current AZ coverage: ap-northeast-2a. Add subnets to cover at least 2 AZs.
    """
    subnets = list(calls.of("ec2:CreateSubnet"))
    zones = {call.get("AvailabilityZone") for call in subnets}
    if subnets and (len(zones) < 2 or None in zones):
        yield subnets[-1], f"the subnets are in {', '.join(sorted(str(zone) for zone in zones))} only"


@rule
def database_and_cache_groups_lose_their_egress(calls: Calls) -> Problems:
    """Nothing refuses it: a new group lets everything out until its egress rule is revoked."""
    closed = [call for call in calls.of("ec2:CreateSecurityGroup") if _is_private(call)]
    revoked = {call.get("GroupId") for call in calls.of("ec2:RevokeSecurityGroupEgress")}
    if len(revoked) < len(closed):
        yield closed[-1], f"{len(closed)} groups must have no egress, {len(revoked)} had it revoked"


def _is_private(call: Call) -> bool:
    return bool(re.search(r"-(rds|redis)-sg$", call.get("GroupName", "")))


@rule
def ssh_is_open_to_a_range_that_means_itself(calls: Calls) -> Problems:
    """Nothing refuses it: 203.0.113.5/24 is taken as 203.0.113.0/24 and opens 256 addresses, 0.0.0.0/0
    opens all.
    """
    for call, permission in _opened(calls, 22):
        for cidr in _ranges(permission):
            if cidr in WORLD or _has_host_bits(cidr):
                yield call, f"port 22 is open to {cidr}"


def _has_host_bits(cidr: str) -> bool:
    try:
        ipaddress.ip_network(cidr)
    except ValueError:
        return True
    return False


@rule
def two_ports_at_most_are_open_to_the_world(calls: Calls) -> Problems:
    """Nothing refuses it: the application's port open passes by nginx's limits, TLS and headers."""
    opened: set[int] = set()
    for call in calls.of(INGRESS):
        for permission in call.get("IpPermissions", []):
            if not any(cidr in WORLD for cidr in _ranges(permission)):
                continue
            first, last = permission.get("FromPort"), permission.get("ToPort")
            if permission.get("IpProtocol") == "-1" or first != last:
                yield call, f"ports {first} to {last} are open to the world"
            opened.add(first)
            if len(opened) > 2:
                yield call, f"port {first} is the third that is open to the world"


@rule
def database_and_cache_are_open_to_a_group_only(calls: Calls) -> Problems:
    """Nothing refuses it: a range of addresses instead of the server's group lets others in."""
    for create, default in (("rds:CreateDBInstance", 5432), ("elasticache:CreateReplicationGroup", 6379)):
        for port in {int(call.get("Port", default)) for call in calls.of(create)} or {default}:
            for call, permission in _opened(calls, port):
                if _ranges(permission):
                    yield call, f"port {port} is open to {', '.join(_ranges(permission))}"

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that find settings against AWS's rules, before any change.

Each filter returns a list of sentences, empty for valid settings. A sentence names the setting, its value,
the accepted form and the fix.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip

RESERVED_DATABASE_USERS = frozenset(
    (
        "admin",
        "rdsadmin",
        "rds_superuser",
        "rdsrepladmin",
        "rds_replication",
        "rds_password",
        "user",
        "public",
        "none",
        "current_user",
        "session_user",
        "current_role",
    )
)
RESERVED_DATABASE_NAMES = frozenset(["db", "user", "template0", "template1", "rdsadmin", "postgres"])


def _network(value: object) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(str(value))
    except ValueError:
        return None


def subnet_problems(subnets: list[Mapping[str, Any]], vpc_cidr: object, zones: list[str]) -> list[str]:
    """Find subnets outside the VPC, overlapping, in an unknown zone, or private ones within a single zone."""
    vpc = _network(vpc_cidr)
    if vpc is None or not 16 <= vpc.prefixlen <= 28:
        return [
            f"aws_network_vpc_cidr is '{vpc_cidr}'. AWS accepts a network of /16 to /28 without host bits. "
            "Set it to a range such as 10.0.0.0/16."
        ]
    problems = []
    seen: list[tuple[str, ipaddress.IPv4Network]] = []
    for subnet in subnets:
        name, network = subnet["name"], _network(subnet["cidr"])
        if network is None or not 16 <= network.prefixlen <= 28 or not network.subnet_of(vpc):
            problems.append(
                f"aws_network_subnets: '{name}' has cidr '{subnet['cidr']}'. A subnet is a network of /16 to /28 without "
                f"host bits inside the VPC's range {vpc}. Choose one, such as {next(vpc.subnets(new_prefix=24), vpc)}."
            )
            continue
        problems += [
            f"aws_network_subnets: '{name}' ({network}) overlaps '{other}' ({taken}). Give each subnet its own range."
            for other, taken in seen
            if network.overlaps(taken)
        ]
        seen.append((name, network))
        if subnet["zone"] not in zones:
            problems.append(
                f"aws_network_subnets: '{name}' has zone '{subnet['zone']}'. This account can use {', '.join(zones)}: "
                "set one of them, or another region in 00-cloud.yml."
            )
    private_zones = {str(subnet["zone"]) for subnet in subnets if not subnet["public"]}
    if len(private_zones) < 2:
        problems.append(
            f"aws_network_subnets: the private subnets are in {', '.join(sorted(private_zones)) or 'no zone'}. "
            "RDS needs a subnet group over two zones. Put a private subnet in a second zone."
        )
    if not any(subnet["public"] for subnet in subnets):
        problems.append("aws_network_subnets has no subnet with public: true. The server needs one.")
    return problems


def range_problems(
    vpcs: list[Mapping[str, Any]],
    existing: list[Mapping[str, Any]],
    vpc_cidr: object,
    subnets: list[Mapping[str, Any]],
) -> list[str]:
    """Find ranges that differ from the existing network's: the run would create a second network of the same name.

    ``vpcs`` and ``existing`` come from ec2_vpc_net_info and ec2_vpc_subnet_info, for the service.
    """
    fix = "AWS cannot change a range: set the existing one, or remove the service first (playbooks/destroy.yml)."
    wanted = {str(subnet["name"]): str(subnet["cidr"]) for subnet in subnets}
    named = [(subnet.get("tags", {}).get("Name"), subnet) for subnet in existing]
    return [
        f"aws_network_vpc_cidr is '{vpc_cidr}', and {vpc['vpc_id']} has {vpc['cidr_block']}. {fix}"
        for vpc in vpcs
        if vpc["cidr_block"] != str(vpc_cidr)
    ] + [
        f"aws_network_subnets: '{name}' has cidr '{wanted[name]}', and {subnet['id']} has {subnet['cidr_block']}. {fix}"
        for name, subnet in named
        if subnet["cidr_block"] != wanted.get(name, subnet["cidr_block"])
    ]


def ssh_range_problems(ranges: object, setting: str, narrowest: int = 24) -> list[str]:
    """Find missing or malformed SSH ranges, ranges with host bits, and ranges wider than /``narrowest``."""
    hint = "Set it to the address you connect from, such as 203.0.113.7/32."
    if isinstance(ranges, str) or not isinstance(ranges, Iterable) or not list(ranges):
        return [f"{setting} is {ranges!r}. It is a list with at least one range. {hint}"]
    problems = []
    for value in ranges:
        network = _network(value)
        if network is None or "/" not in str(value):
            problems.append(f"{setting} contains {value!r}. A range is a network without host bits. {hint}")
        elif network.prefixlen < narrowest:
            problems.append(
                f"{setting} contains {value}, which allows {network.num_addresses:,} addresses to try SSH. "
                f"The widest range accepted is /{narrowest}. {hint}"
            )
    return problems


def database_name_problems(name: object, setting: str) -> list[str]:
    """Check a database name against RDS PostgreSQL's rules."""
    if (
        re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,62}", str(name))
        and str(name).lower() not in RESERVED_DATABASE_NAMES
    ):
        return []
    return [
        f"{setting} is '{name}'. RDS accepts a letter followed by letters, digits or underscores, at most 63, "
        f"and none of {', '.join(sorted(RESERVED_DATABASE_NAMES))}. Choose another, such as tableorder."
    ]


def database_user_problems(name: object, setting: str) -> list[str]:
    """Check a master or role name against RDS PostgreSQL's rules."""
    text = str(name)
    legal = re.fullmatch(r"[a-z][a-z0-9_]{0,15}", text)
    if legal and text not in RESERVED_DATABASE_USERS and not text.startswith("pg_"):
        return []
    return [
        f"{setting} is '{text}'. RDS PostgreSQL accepts a lower-case letter followed by letters, digits or underscores, at "
        f"most 16, no reserved word ({', '.join(sorted(RESERVED_DATABASE_USERS))}) and nothing that begins with pg_. "
        "Choose another, such as tableorder_admin."
    ]


def zone_pair(zones: list[str], region: str) -> list[str]:
    """Return two zones of ``region``: a and c if among ``zones``, the account's available zones, else other ones."""
    seed = [f"{region}a", f"{region}c"]
    own = [zone for zone in zones if re.fullmatch(rf"{re.escape(region)}[a-z]", zone)]
    return (sorted(own, key=lambda zone: (zone not in seed, zone)) + seed)[:2]


def ports_problems(ports: object, setting: str) -> list[str]:
    """Find invalid and missing ports, and two equal ports of the server."""
    names = ("http", "https", "backend", "database", "cache")
    if not isinstance(ports, Mapping) or sorted(ports) != sorted(names):
        return [f"{setting} is {ports!r}. Accepted: a port for each of {', '.join(names)}."]
    problems = [
        f"{setting}.{name} is {ports[name]!r}. A port is a number from 1 to 65535."
        for name in names
        if not re.fullmatch(r"[0-9]{1,5}", str(ports[name])) or not 1 <= int(ports[name]) <= 65535
    ]
    server = [str(ports[name]) for name in names[:3]]
    if len(set(server)) < len(server):
        problems.append(
            f"{setting} sets http, https and backend to the ports {', '.join(server)}. Set three different ports."
        )
    return problems


def shared_settings(defaults: Mapping[str, object], given: Iterable[str]) -> dict[str, str]:
    """Return the ``given`` settings whose default refers to a shared name, with that name. Tags may differ."""
    found = {}
    for name in given:
        match = re.fullmatch(r"{{ (table_order_\w+) }}", str(defaults.get(name, "")))
        if match and match[1] != "table_order_tags":
            found[name] = match[1]
    return found


def shared_problems(names: Mapping[str, str], own: list[object], shared: list[object]) -> list[str]:
    """Find settings, the keys of ``names``, that differ from the shared names of the other roles, its values."""
    return [
        f"{name} is {value!r}, but {names[name]}, which the other roles use, is {common!r}. Set only {names[name]}."
        for name, value, common in zip(names, own, shared, strict=True)
        if str(value) != str(common)
    ]


def _daily(window: object) -> tuple[int, int] | None:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", str(window))
    if not match:
        return None
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return start, (end - start) % DAY_MINUTES


def _weekly(window: object) -> tuple[int, int] | None:
    time = r"([01]\d|2[0-3]):([0-5]\d)"
    match = re.fullmatch(rf"([a-z]{{3}}):{time}-([a-z]{{3}}):{time}", str(window).lower())
    if not match or match[1] not in DAYS or match[4] not in DAYS:
        return None
    start = DAYS.index(match[1]) * DAY_MINUTES + int(match[2]) * 60 + int(match[3])
    end = DAYS.index(match[4]) * DAY_MINUTES + int(match[5]) * 60 + int(match[6])
    return start, (end - start) % WEEK_MINUTES


def window_problems(backup: object, maintenance: object) -> list[str]:
    """Find malformed, too short (30 minutes) and overlapping backup and maintenance windows (adjacent ones are valid)."""
    daily, weekly = _daily(backup), _weekly(maintenance)
    problems = []
    if daily is None or daily[1] < 30:
        problems.append(
            f"aws_database_backup_window is '{backup}'. RDS accepts hh:mm-hh:mm in UTC, at least 30 minutes, such as 03:00-04:00."
        )
    if weekly is None or not 30 <= weekly[1] <= DAY_MINUTES:
        problems.append(
            f"aws_database_maintenance_window is '{maintenance}'. RDS accepts ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes to 24 hours, "
            "such as Mon:04:00-Mon:05:00."
        )
    if daily is None or weekly is None or problems:
        return problems
    for day in range(-1, 8):
        start = day * DAY_MINUTES + daily[0]
        if start < weekly[0] + weekly[1] and weekly[0] < start + daily[1]:
            return [
                f"aws_database_backup_window {backup} and aws_database_maintenance_window {maintenance} overlap. "
                "RDS refuses overlapping windows. Move one of them; adjacent windows are accepted."
            ]
    return []


def cache_problems(
    nodes: object, zones: object, port: object, snapshot_days: object, usable: list[str]
) -> list[str]:
    """Check a replication group against ElastiCache's rules: ``zones`` are its nodes', ``usable`` the account's."""
    problems = [
        f"{setting} is {value!r}. ElastiCache accepts {least} to {most}."
        for setting, value, least, most in (
            ("aws_cache_nodes", nodes, 1, 6),
            ("aws_cache_port", port, 1, 65535),
            ("aws_cache_snapshot_retention_days", snapshot_days, 0, 35),
        )
        if not re.fullmatch(r"[0-9]{1,5}", str(value)) or not least <= int(value) <= most
    ]
    if not isinstance(zones, list) or not set(map(str, zones)) <= set(usable):
        problems.append(
            f"aws_cache_zones is {zones!r}. Accepted: a list of zones available to this account, {', '.join(usable)}."
        )
    elif zones and str(len(zones)) != str(nodes):
        problems.append(
            f"aws_cache_zones is {zones!r} and aws_cache_nodes {nodes!r}. Set one zone for each node, the primary's first, or an "
            "empty list for AWS's choice."
        )
    return problems


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
def bucket_name_problems(name: object, setting: str) -> list[str]:
    """Check a bucket name against S3's rules; a name with a dot would not match S3's TLS certificate."""
    text = str(name)
    reserved = r"(xn--|sthree-|amzn-s3-demo-).*|.*(-s3alias|--ol-s3|--x-s3|--table-s3)"
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", text) and not re.fullmatch(reserved, text):
        return []
    return [
        f"{setting} is '{text}'. Accepted: 3 to 63 lower-case letters, digits and hyphens, without a hyphen at either end, "
        "such as table-order-menu-images-123456789012."
    ]


def retention_problems(days: object, setting: str) -> list[str]:
    """Check a log retention against CloudWatch Logs' values."""
    if days in RETENTION_DAYS:
        return []
    return [
        f"{setting} is {days}. CloudWatch Logs accepts {', '.join(map(str, RETENTION_DAYS))} days. Choose one."
    ]


def unknown_settings(names: Iterable[str], known: Iterable[str], prefix: str) -> list[str]:
    """Find unknown variables that begin with ``prefix``, most often misspelled settings."""
    known = list(known)
    problems = []
    for name in sorted(set(names)):
        if name.startswith(prefix) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = (
                f"Did you mean {near[0]}?" if near else f"The role's README lists the settings of {prefix}*."
            )
            problems.append(f"{name} is not a setting of this role. {advice}")
    return problems


def group_problems(
    groups: list[Mapping[str, Any]], vpc_id: str, server: str, guarded: list[str]
) -> list[str]:
    """Find rules of the groups named ``guarded`` that allow more than the group named ``server``.

    ``groups`` come from amazon.aws.ec2_security_group_info, from any VPC; only groups in ``vpc_id`` belong to the service.
    """
    here = {group["group_name"]: group for group in groups if group.get("vpc_id") == vpc_id}
    fix = "Correct the groups with: ansible-playbook site.yml --tags aws_security"
    missing = [name for name in (server, *guarded) if name not in here]
    if missing:
        return [f"The security group {name} is not in the VPC {vpc_id}. {fix}" for name in missing]
    own, problems = here[server]["group_id"], []
    for name in guarded:
        rules = here[name].get("ip_permissions", [])
        peers = [peer for rule in rules for peer in _peers(rule)]
        problems += [f"{name} allows {peer}, not only {server}. {fix}" for peer in peers if peer != own]
        if own not in peers:
            problems.append(f"{name} does not allow {server} ({own}). {fix}")
    return problems


def attached_problems(
    groups: list[Mapping[str, Any]],
    vpc_id: str,
    databases: list[Mapping[str, Any]],
    caches: list[Mapping[str, Any]],
    names: Mapping[str, str],
) -> list[str]:
    """Find what lets others reach a database or a cache beside the rules of its group: other groups, a public address.

    ``groups`` come from amazon.aws.ec2_security_group_info, ``databases`` from rds_instance_info, ``caches`` from
    elasticache_replication_group_info; ``names`` has the names of the groups of the ``database`` and the ``cache``.
    """
    ids = {group["group_name"]: group["group_id"] for group in groups if group.get("vpc_id") == vpc_id}
    attached = [
        (
            one["db_instance_identifier"],
            "database",
            [group["vpc_security_group_id"] for group in one["vpc_security_groups"]],
        )
        for one in databases
    ] + [
        (one["replication_group_id"], "cache", one["security_group_ids"])
        for one in caches
        # AWS reports none before the creation ends.
        if one["security_group_ids"] is not None
    ]
    fix = "Correct it with: ansible-playbook site.yml --tags aws_security,aws_"
    problems = []
    for name, kind, found in attached:
        own = ids.get(names[kind], "none")
        if found != [own]:
            seen = ", ".join(sorted(found)) or "none"
            problems.append(
                f"{name} has the security groups {seen}, accepted: {own} ({names[kind]}). {fix}{kind}"
            )
    return problems + [
        f"{one['db_instance_identifier']} is publicly accessible. {fix}database"
        for one in databases
        if one["publicly_accessible"]
    ]


def _peers(rule: Mapping[str, Any]) -> list[str]:
    kinds = (
        ("ip_ranges", "cidr_ip"),
        ("ipv6_ranges", "cidr_ipv6"),
        ("prefix_list_ids", "prefix_list_id"),
        ("user_id_group_pairs", "group_id"),
    )
    return [str(peer.get(key, peer)) for kind, key in kinds for peer in rule.get(kind) or []]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str] | dict[str, str]]]:
        """Return the filters by name."""
        return {
            "table_order_subnet_problems": subnet_problems,
            "table_order_range_problems": range_problems,
            "table_order_ssh_range_problems": ssh_range_problems,
            "table_order_database_name_problems": database_name_problems,
            "table_order_database_user_problems": database_user_problems,
            "table_order_window_problems": window_problems,
            "table_order_cache_problems": cache_problems,
            "table_order_bucket_name_problems": bucket_name_problems,
            "table_order_retention_problems": retention_problems,
            "table_order_unknown_settings": unknown_settings,
            "table_order_group_problems": group_problems,
            "table_order_attached_problems": attached_problems,
            "table_order_zone_pair": zone_pair,
            "table_order_ports_problems": ports_problems,
            "table_order_shared_settings": shared_settings,
            "table_order_shared_problems": shared_problems,
        }

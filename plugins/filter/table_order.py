# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that choose zones, and that find what lets others reach the database or the cache."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


def zone_pair(zones: list[str], region: str) -> list[str]:
    """Return two zones of ``region``: a and c if among ``zones``, the account's available zones, else other ones."""
    seed = [f"{region}a", f"{region}c"]
    own = [zone for zone in zones if re.fullmatch(rf"{re.escape(region)}[a-z]", zone)]
    return (sorted(own, key=lambda zone: (zone not in seed, zone)) + seed)[:2]


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

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {
            "table_order_zone_pair": zone_pair,
            "table_order_group_problems": group_problems,
            "table_order_attached_problems": attached_problems,
        }

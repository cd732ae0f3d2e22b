# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_security accepts beyond its specification."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from .settings import PORT, Kind, Table, number, pattern, sentence, shown

PORTS = ("http", "https", "backend", "database", "cache")
NARROWEST = 24
# Reserved by PostgreSQL or by RDS.
RESERVED = (
    "admin", "current_role", "current_user", "none", "public", "rds_password", "rds_replication", "rds_superuser", "rdsadmin",
    "rdsrepladmin", "session_user", "user",
)  # fmt: skip
USER = pattern(
    r"(?!pg_)[a-z][a-z0-9_]{0,15}",
    "a lower-case letter followed by letters, digits or underscores, at most 16, no reserved word "
    f"({', '.join(RESERVED)}) and nothing that begins with pg_. Choose another, such as tableorder_admin",
    but=RESERVED,
)


def ssh_ranges(aws_security_ssh_cidrs: list[str]) -> Iterator[str]:
    """Find missing and malformed ranges, ranges with host bits, and ranges wider than /24."""
    hint = "Set it to the address you connect from, such as 203.0.113.7/32"
    if not aws_security_ssh_cidrs:
        yield sentence(
            "aws_security_ssh_cidrs", aws_security_ssh_cidrs, f"a list with at least one range. {hint}"
        )
    for place, value in enumerate(aws_security_ssh_cidrs):
        try:
            network = ipaddress.IPv4Network(value) if "/" in value else None
        except ValueError:
            network = None
        accepted = "a network without host bits"
        if network and network.prefixlen < NARROWEST:
            accepted = f"/{NARROWEST} at the widest; {network.num_addresses:,} addresses could try SSH"
        if not network or network.prefixlen < NARROWEST:
            yield sentence(f"aws_security_ssh_cidrs[{place}]", value, f"{accepted}. {hint}")


def ports(
    aws_security_ports: dict[str, int],
    aws_database_port: int | None = None,
    aws_cache_port: int | None = None,
) -> Iterator[str]:
    """Find two equal ports of the server, and ports that are not those of the database and the cache."""
    server = [number(aws_security_ports[name]) for name in PORTS[:3]]
    if len(set(server)) < len(server):
        shown_ports = ", ".join(map(str, server))
        yield f"aws_security_ports sets http, https and backend to the ports {shown_ports}. Set three different ports."
    # The roles of the database and the cache refuse another port for an existing one.
    for name, own in (("database", aws_database_port), ("cache", aws_cache_port)):
        if own is not None and number(own) != number(aws_security_ports[name]):
            accepted = f"aws_{name}_port, {own}. Set only the latter, as inventories/shared/site.yml does"
            yield sentence(f"aws_security_ports.{name}", aws_security_ports[name], accepted)


def users(
    aws_security_database_master_user: str,
    aws_security_database_owner_user: str,
    aws_security_database_app_user: str,
) -> Iterator[str]:
    """Find database users that are not three."""
    names = (
        aws_security_database_master_user,
        aws_security_database_owner_user,
        aws_security_database_app_user,
    )
    if len(set(names)) < len(names):
        yield (
            f"aws_security_database_master_user, _owner_user and _app_user are {', '.join(map(shown, names))}. Each user has its "
            "own rights: set three different names."
        )


def boundary(aws_security_permissions_boundary: str, table_order_environment: str) -> Iterator[str]:
    """Find a permissions boundary that is no policy."""
    arn = str(aws_security_permissions_boundary)
    if not re.fullmatch(r"|arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/\S+", arn):
        accepted = (
            "the ARN of a policy, or empty for none. An administrator creates the policy once from: scripts/policy "
            f"{table_order_environment} boundary"
        )
        yield sentence("aws_security_permissions_boundary", arn, accepted)


KINDS = {
    "aws_security_ports": Kind(
        lambda ports: sorted(ports) == sorted(PORTS), f"a port for each of {', '.join(PORTS)}"
    ),
    "aws_security_ports.<value>": PORT,
    "aws_security_managed_policies[]": pattern(
        r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+",
        "the ARN of a managed policy, such as arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
    ),
    "aws_security_database_master_user": USER,
    "aws_security_database_owner_user": USER,
    "aws_security_database_app_user": USER,
}
TABLE = Table(
    KINDS,
    [ssh_ranges, ports, users, boundary],
    others=["aws_security_resources", "aws_security_incomplete_secrets"],
)

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_cache accepts beyond its specification."""

from __future__ import annotations

from collections.abc import Iterator

from .settings import PORT, Table, integer, number, sentence, shown


def zones(aws_cache_nodes: int, aws_cache_zones: list[str], table_order_zones: list[str]) -> Iterator[str]:
    """Find zones that the account cannot use, and a number of zones that is not the nodes'."""
    if not set(aws_cache_zones) <= set(table_order_zones):
        accepted = f"a list of zones available to this account, {', '.join(table_order_zones)}"
        yield sentence("aws_cache_zones", aws_cache_zones, accepted)
    elif aws_cache_zones and len(aws_cache_zones) != number(aws_cache_nodes):
        yield (
            f"aws_cache_zones is {shown(aws_cache_zones)} and aws_cache_nodes is {shown(aws_cache_nodes)}. Set one zone for each "
            "node, the primary's first, or an empty list for AWS's choice."
        )


TABLE = Table(
    {
        "aws_cache_nodes": integer(1, 6),
        "aws_cache_port": PORT,
        "aws_cache_snapshot_retention_days": integer(0, 35),
    },
    [zones],
    others=["aws_cache_resources", "aws_cache_size", "aws_cache_endpoint"],
)

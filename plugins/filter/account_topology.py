# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that draw what an AWS account has, together with Graphviz's program dot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.plugin_utils.account_topology import picture, topology


def account_topology(resources: list[dict[str, Any]], found: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Return the graph (``dot``) of described resources as the account has them, and its texts: see ``topology``."""
    return topology(resources, found, str(title))


def account_topology_svg(svg: str, drawn: Mapping[str, Any]) -> str:
    """Return the SVG that dot made of a graph, with its texts: see ``picture``."""
    return picture(str(svg), drawn)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"account_topology": account_topology, "account_topology_svg": account_topology_svg}

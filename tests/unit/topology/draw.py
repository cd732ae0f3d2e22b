"""Draws docs/topology.svg, the finished site of tests/unit/account: python -m tests.unit.topology.draw. scripts/docs writes it."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

from ansible.plugins.loader import init_plugin_loader

from tests.unit.account.finished_site import ACCOUNT, REGION, described

# Of addresses for documentation.
ADDRESSES = {"AWS::EC2::EIP": "203.0.113.80", "AWS::EC2::Instance": "10.0.1.20"}
TITLE = "Topology of table-order (production)"


def found(*absent: str, resources: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return what the reader finds where all is as described, but for the resources of these names."""
    from ansible_collections.table_order.infra.plugins.module_utils.account_types import normal

    return {
        "account": ACCOUNT,
        "region": REGION,
        "resources": [
            {
                **one,
                "id": f"id-of-{one['name']}",
                "address": ADDRESSES.get(one["type"], ""),
                "properties": normal(one["type"], copy.deepcopy(one["properties"])),
                "notes": [],
            }
            for one in (described() if resources is None else resources)
            if one["name"] not in absent
        ],
        "unmanaged": [],
        "denied": [],
    }


def svg(dot: str) -> str:
    """Return what Graphviz makes of a graph."""
    return subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Print the picture."""
    init_plugin_loader()
    from ansible_collections.table_order.infra.plugins.plugin_utils.account_topology import picture, topology

    drawn = topology(described(), found(), TITLE)
    sys.stdout.write(picture(svg(drawn["dot"]), drawn))


if __name__ == "__main__":
    main()

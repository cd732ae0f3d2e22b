"""Draws docs/topology.svg, the site of the default settings: python -m tests.unit.topology.draw. scripts/docs writes it.

No account is asked: the picture is that of a site on which everything is as described.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.loader import init_plugin_loader

from prices import offline
from tests.unit.account.finished_site import ACCOUNT, REGION, described

# Addresses for documentation.
ADDRESSES = {"AWS::EC2::EIP": "203.0.113.80", "AWS::EC2::Instance": "10.0.1.20"}
TITLE = "Topology of table-order (default settings)"
SSH_RANGE = ("-e", '{"aws_security_ssh_cidrs": ["203.0.113.0/24"]}')
ROOT = Path(__file__).parents[3]


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


def default_site() -> list[dict[str, Any]]:
    """Return what the default settings describe."""
    state = ROOT / ".state/topology"
    file = (state / "described.json").resolve()
    play = [
        Path(__file__).with_name("described.yml"),
        "-i",
        offline.write(ROOT / "inventories/local", state),
        *SSH_RANGE,
    ]
    subprocess.run(
        ["ansible-playbook", *play, "-e", f"described_json={file}"], cwd=ROOT, stdout=sys.stderr, check=True
    )
    return [one for one in json.loads(file.read_text()) if not one.get("absent")]


def main() -> None:
    """Print the picture."""
    init_plugin_loader()
    from ansible_collections.table_order.infra.plugins.plugin_utils.account_topology import picture, topology

    site = default_site()
    drawn = topology(site, found(resources=site), TITLE)
    sys.stdout.write(picture(svg(drawn["dot"]), drawn))


if __name__ == "__main__":
    main()

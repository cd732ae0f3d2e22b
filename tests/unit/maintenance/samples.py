"""What a look at a well-kept service finds."""

from __future__ import annotations

import copy
import json
from typing import Any

from ansible_collections.table_order.infra.plugins.plugin_utils.status import judge as status

from tests.unit.status import samples

AT = samples.AT
HOUR, NOW = 3600, 1795878000
LINES = ("fastapi", "nginx", "system")


def found(value: Any) -> dict[str, Any]:
    return {"found": value}


FACTS: dict[str, Any] = {
    "at": AT,
    "lists": ["daily", "weekly", "monthly", "quarterly"],
    "status": status(samples.facts()),
    "plan": {"resources": [], "unmanaged": [], "denied": [], "cost": {"monthly_before": 84.2}},
    "logs": {
        "results": [
            {
                "item": f"/aws/ec2/table-order/{name}",
                "messages": ["all is well"],
                "exists": True,
                "complete": True,
            }
            for name in LINES
        ]
    },
    "resources": {
        "resources": [
            {
                "type": "AWS::EC2::Instance",
                "name": "table-order-app-server",
                "id": "i-1",
                "properties": {"InstanceType": "t3.micro"},
            }
        ]
    },
    "metrics": {
        "metrics": {
            "table-order-app-server cpu": [[NOW - hour * HOUR, 12.5] for hour in range(14 * 24, 0, -1)],
            "table-order-db free": [[NOW - HOUR, 2**30]],
            "table-order-db cpu": [],
        }
    },
    "account": {
        "looks": {
            "addresses": found([{"id": "eipalloc-1", "address": "203.0.113.7", "used": "eipassoc-1"}]),
            "volumes": found([{"id": "vol-1", "gib": 20, "kind": "gp3", "state": "in-use"}]),
            "interfaces": found([{"id": "eni-1", "state": "in-use"}]),
            "snapshots": found([{"id": "snap-1", "gib": 20, "made": AT}]),
            "images": found([{"id": "ami-1", "name": "before", "made": AT, "snapshots": ["snap-1"]}]),
            "secrets": found([{"name": "table-order/rds/master", "changed": "2026-11-01T00:00:00+00:00"}]),
            "keys": found([{"id": "AKIA1", "made": "2026-11-01T00:00:00+00:00", "state": "Active"}]),
            "done": found(
                [
                    {
                        "name": "/table-order/done/backup_check",
                        "content": {"rto": 754, "rpo": 59},
                        "modified": "2026-11-08T00:00:00+00:00",
                    }
                ]
            ),
        }
    },
    "database": {
        "database": {"since": AT, "hits": 100_000, "reads": 100},
        "tables": [{"name": "public.orders", "rows": 50_000, "dead": 10, "scans": 2, "index_scans": 900}],
        "unused_indexes": [{"name": "public.old", "bytes": 16384}],
        "statements": [
            {"statement": "SELECT * FROM orders WHERE id = $1", "calls": 900, "mean_ms": 0.4, "total_ms": 360}
        ],
    },
    "packages": {"results": [{"rc": 0, "stdout": "pip (26.0)"}, {"rc": 0, "stdout": json.dumps([])}]},
}


def facts() -> dict[str, Any]:
    """Return facts of its own for a test to change."""
    return copy.deepcopy(FACTS)

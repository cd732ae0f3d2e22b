"""What a look at a healthy service finds, and how to change one value of it."""

from __future__ import annotations

import copy
from typing import Any

AT = "2026-11-28T15:00:00+00:00"
SERVER = "i-0123456789abcdef0"
LOCK = {
    "state": "free",
    "who": "kim@laptop",
    "what": "a change of table-order",
    "since": "2026-11-27T09:00:00Z",
    "lease": 3600,
    "machine": "",
    "process": 1,
    "started": "",
    "token": "0",
}
FACTS: dict[str, Any] = {
    "at": AT,
    "service": "table-order",
    "environment": "production",
    "region": "ap-northeast-2",
    "database": "table-order-db",
    "host_name": "shop.example.org",
    "limits": {},
    "healthy": [200],
    "lock_ended": False,
    "account": {
        "looks": {
            "account": {"found": "123456789012"},
            "servers": {
                "found": [
                    {
                        "id": SERVER,
                        "state": "running",
                        "why": "",
                        "type": "t3.medium",
                        "launched": AT,
                        "address": "203.0.113.7",
                    }
                ]
            },
            "server_checks": {"found": [{"id": SERVER, "system": "ok", "instance": "ok", "events": None}]},
            "databases": {
                "found": [
                    {
                        "id": "table-order-db",
                        "state": "available",
                        "type": "db.t3.small",
                        "engine": "postgres",
                        "version": "15.18",
                        "multi_az": False,
                        "storage": 20,
                        "pending": {},
                        "retention": 7,
                        "restorable": "2026-11-28T14:56:00+00:00",
                        "authority": "rds-ca-rsa2048-g1",
                        "certificate": "2027-11-20T00:00:00+00:00",
                        "made": "2026-10-01T00:00:00+00:00",
                    }
                ]
            },
            "database_authorities": {
                "found": [{"id": "rds-ca-rsa2048-g1", "until": "2061-05-21T00:00:00+00:00"}]
            },
            "snapshots": {
                "found": [
                    {
                        "id": "rds:table-order-db-2026-11-27-18-05",
                        "kind": "automated",
                        "state": "available",
                        "made": "2026-11-27T18:05:00+00:00",
                    },
                    {
                        "id": "rds:table-order-db-2026-11-28-14-55",
                        "kind": "automated",
                        "state": "creating",
                        "made": None,
                    },
                ]
            },
            "backups": {
                "found": [
                    {
                        "state": "active",
                        "first": "2026-11-21T18:05:00+00:00",
                        "last": "2026-11-28T14:56:00+00:00",
                    }
                ]
            },
            "maintenance": {"found": []},
            "caches": {
                "found": [
                    {
                        "id": "table-order-redis",
                        "state": "available",
                        "type": "cache.t3.micro",
                        "pending": {},
                        "failover": "disabled",
                    }
                ]
            },
            "cache_nodes": {
                "found": [
                    {
                        "id": "table-order-redis-001",
                        "state": "available",
                        "engine": "redis",
                        "version": "7.1.0",
                    }
                ]
            },
            "alarms": {
                "found": [
                    {"name": f"table-order-{name}", "state": "OK", "reason": "", "since": AT, "enabled": True}
                    for name in ("ec2-high-cpu", "rds-high-connections", "rds-low-storage")
                ]
            },
            "certificates": {"found": []},
            "lock": {
                "found": [
                    {"name": f"/table-order/lock/provision/{number}", "content": LOCK, "modified": AT}
                    for number in (9, 10)
                ]
            },
            "procedures": {"found": []},
        }
    },
    "servers": {
        "table-order-app-server": {
            "public": {
                "url": "https://shop.example.org/api/health",
                "status": 200,
                "milliseconds": 35,
                "error": "",
                "ssh": "",
            },
            "looks": {
                "disks": {"found": [{"place": "/", "percent": 31, "inodes_percent": 4, "free_gib": 20.5}]},
                "memory": {"found": {"percent": 41, "total_mib": 3904, "swap_percent": 0}},
                "units": {"found": []},
                "load": {"found": {"minute": 0.2, "cores": 2}},
                "kernel": {"found": "6.1.0"},
                "updates": {"found": {"packages": [], "release": ""}},
                "certificates": {
                    "found": [
                        {
                            "file": "/etc/nginx/tls/certificate.pem",
                            "names": ["shop.example.org"],
                            "until": "2027-02-28T12:00:00+00:00",
                        }
                    ]
                },
            },
            "application": {
                "live": "20261127T0900-a1b2c3",
                "live_line": "20261127T0900-a1b2c3  https://git.example/shop.git v12  built 2026-11-27T09:00:00Z by kim",
                "previous": "20261120T0900-d4e5f6",
                "previous_line": "20261120T0900-d4e5f6  https://git.example/shop.git v11  built 2026-11-20T09:00:00Z by kim",
                "problem": "",
                "units": {"table-order-backend.socket": "active", "table-order-backend.service": "active"},
                "candidate": "",
                "lock": "",
                "lock_ended": False,
                "history": [
                    {
                        "at": "2026-11-27T09:05:00Z",
                        "who": "kim@laptop",
                        "what": "deploy",
                        "release": "20261127T0900-a1b2c3",
                        "result": "success",
                    }
                ],
            },
        }
    },
}


def facts() -> dict[str, Any]:
    """Return facts of a healthy service."""
    return copy.deepcopy(FACTS)


def account(found: dict[str, Any], name: str) -> Any:
    """Return the first element that a read of the account found, to change it."""
    return found["account"]["looks"][name]["found"][0]


def server(found: dict[str, Any]) -> dict[str, Any]:
    """Return the facts about the only server, to change them."""
    return found["servers"]["table-order-app-server"]

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Find the acknowledged orders that a restored database does not have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(time: str) -> int:
    """Return the microseconds since 1970 of an ISO time with its zone: what PostgreSQL keeps."""
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(microseconds=1)


def described(order: Mapping[str, Any]) -> str:
    """Return an order as a line for people in the restaurant."""
    placed = datetime.fromisoformat(order["placed_at"]).astimezone(UTC)
    items = ", ".join(f"{one['quantity']} x {one['name']} ({one['unit_price']:,})" for one in order["items"])
    return (
        f"store {order['store']}, table {order['table']}, order {order['id']} of {placed:%Y-%m-%d %H:%M:%S} UTC: "
        f"{items}; {order['sum']:,} in total"
    )


def lost_orders(
    messages: Iterable[str], rows: Iterable[Mapping[str, Any]], restore_point: str
) -> dict[str, Any]:
    """Compare the application's lines with a database's orders.

    ``messages`` are its log lines, JSON with ``time`` and ``order``; ``rows`` have ``id``, ``status`` and ``placed``, microseconds
    since 1970. An id alone names no order: a restored database gives the ids of lost orders to new ones. Returns ``orders`` and
    ``changes``, how many are lost, ``seconds`` from the restore point (ISO) to the last of them, and ``lines`` for people.
    """
    begin = microseconds(restore_point)
    there = {(int(row["id"]), int(row["placed"])): row["status"] for row in rows}
    newest: dict[tuple[int, int], dict[str, Any]] = {}
    for line in sorted(map(json.loads, messages), key=lambda one: one["time"]):
        order = line["order"]
        newest[order["id"], microseconds(order["placed_at"])] = line
    orders, changes, times = [], [], [begin]
    for key, line in sorted(newest.items(), key=lambda one: (one[1]["order"]["store"], one[0][1])):
        order = line["order"]
        if there.get(key) == order["status"]:
            continue
        times.append(microseconds(line["time"]))
        if key in there:
            changes.append(f"{described(order)}; was {order['status']}, is {there[key]} again")
        else:
            orders.append(f"{described(order)}; was {order['status']}")
    lines = [f"{len(orders)} acknowledged orders are lost, and {len(changes)} changes of others:"]
    found = bool(orders or changes)
    return {
        "orders": len(orders),
        "changes": len(changes),
        "seconds": (max(times) - begin) // 1_000_000,
        "lines": lines + orders + changes if found else ["No acknowledged order and no change is lost."],
    }


class FilterModule:
    """The filter of recover_database.yml."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"table_order_lost_orders": lost_orders}

"""The stores that the load orders in: made before, counted afterwards, removed at the end."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from playbooks.files.verify import Api, table_codes, tiny_png
from tests.load.connection import Service

NAME = "Load {} (made and removed by tests/load)"
# An order's number is written into its quantities, so that each can be found again: digits of base 99, from 1.
MENUS = 4
TABLES = 20


@dataclass(frozen=True)
class Store:
    """A store, its menus, its administrator's token, and its tables' codes by number."""

    id: int
    menus: list[int]
    token: str
    codes: dict[int, str] = field(default_factory=dict)

    def order(self, number: int) -> bytes:
        """Return the body of order ``number`` (0 to 99**4 - 1)."""
        items = [
            {"menu_id": menu, "quantity": number // 99**place % 99 + 1}
            for place, menu in enumerate(self.menus)
        ]
        order = {"store_id": self.id, "table_number": _table(number), "items": items}
        return json.dumps(order).encode()

    def headers(self, number: int) -> dict[str, str]:
        """Return the headers of order ``number``, including its table's code."""
        return {"Content-Type": "application/json", "X-Table-Code": self.codes.get(_table(number), "")}

    def number(self, order: dict[str, Any]) -> int:
        """Return the number that an order of this store carries."""
        quantities = {item["menu_id"]: item["quantity"] for item in order["items"]}
        return sum((quantities[menu] - 1) * 99**place for place, menu in enumerate(self.menus))


class Restaurants:
    """Makes ``count`` stores through the API, as a superadmin."""

    def __init__(self, url: str, service: Service, username: str, password: str) -> None:
        """Log in."""
        self.api = Api(url, service.host, service.context, service.pinned)
        self.api.log_in(username, password)

    def make(self, count: int) -> list[Store]:
        """Make the stores, each with four menus and an administrator; remove what an earlier run has left."""
        self.remove()
        return [self._make(NAME.format(number)) for number in range(count)]

    def _make(self, name: str) -> Store:
        store = self.api.call(
            "POST", "/api/superadmin/stores", {"name": name, "table_count": TABLES}, expect=201
        )
        account = {"username": f"load-{secrets.token_hex(4)}", "password": secrets.token_urlsafe(24)}
        self.api.call("POST", f"/api/superadmin/stores/{store['id']}/admins", account, expect=201)
        admin = self.api.another()
        admin.log_in(**account)
        category = admin.call("POST", "/api/admin/categories", {"name": "Load", "position": 0}, 201)["id"]
        menus = [_add_menu(admin, category, f"Menu {number}") for number in range(MENUS)]
        return Store(store["id"], menus, admin.token, table_codes(admin))

    def orders(self, store: Store) -> Counter[int]:
        """Return how often each order's number is in the store."""
        admin = self.api.another()
        admin.token = store.token
        found: Counter[int] = Counter()
        before = ""
        while page := admin.call("GET", f"/api/admin/orders?limit=200{before}"):
            found.update(store.number(order) for order in page)
            before = f"&before={page[-1]['id']}"
        return found

    def remove(self) -> None:
        """Remove the stores, also those of an interrupted run."""
        for store in self.api.call("GET", "/api/superadmin/stores"):
            if store["name"].endswith(NAME.partition("{} ")[2]):
                path = f"/api/superadmin/stores/{store['id']}"
                self.api.call("PATCH", path, {"is_active": False})
                self.api.call("DELETE", path, expect=204)


def _table(number: int) -> int:
    return number % TABLES + 1


def _add_menu(admin: Api, category: int, name: str) -> int:
    boundary = secrets.token_hex(16)
    fields = {"name": name, "price": "1000", "category_id": str(category)}
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, _, answer = admin.open("/api/admin/menus", "POST", f"{body}--{boundary}--\r\n".encode(), headers)
    assert status == 201, answer
    return json.loads(answer)["id"]


def picture_upload() -> tuple[bytes, str]:
    """Return body and content type of a form with an image."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
    body = head.encode() + tiny_png() + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"

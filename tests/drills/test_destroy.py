"""The service is removed with its data kept, and comes back with it: every order is there, and others' resources are as before."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.drills import runbook
from tests.e2e import bystanders, deployment, kills, site
from tests.load.connection import Service
from tests.load.restaurant import Restaurants

# The page's commands.
REMOVE, RETURN = 0, 1
ORDERS = 20
pytestmark = pytest.mark.timeout(1500)


def rows() -> str:
    """Return what the database has of orders and stores."""
    return deployment.sql(
        "SELECT id, store_id, total, created_at FROM orders ORDER BY id",
        "SELECT id, name FROM stores ORDER BY id",
    )


def order() -> None:
    """Place orders at a store of its own, which stays."""
    secret = site.secrets()[f"{site.TARGET.name}/app/settings"]
    service = Service.of(site.url(), deployment.certificate())
    restaurants = Restaurants(
        site.url(), service, secret["superadmin_username"], secret["superadmin_password"]
    )
    [store] = restaurants.make(1)
    guest = restaurants.api.another()
    for number in range(ORDERS):
        status, _, body = guest.open("/api/orders", "POST", store.order(number), store.headers(number))
        assert status == 201, body


def test_a_removed_service_comes_back_with_its_data(record_property: Any) -> None:
    order()
    before, secrets = rows(), site.secrets()
    others = bystanders.make()
    runbook.play("destroy", number=REMOVE).check()
    assert site.inventory_of_resources()["databases"] == len(others["databases"])
    assert bystanders.look() == others
    begun = time.monotonic()
    restoration = "rds:RestoreDBInstanceFromDBSnapshot 1"
    assert kills.Calls().kill([restoration], *runbook.command("destroy", RETURN)) == restoration
    runbook.play("destroy", number=RETURN).check()
    record_property("rto", round(time.monotonic() - begun))
    assert rows() == before
    assert site.secrets() == secrets
    assert bystanders.look() == others
    bystanders.remove()
    again = runbook.play("destroy", number=RETURN).check()
    assert again.changed == 0, "\n".join(again.changes)
    record_property("lost", 0)

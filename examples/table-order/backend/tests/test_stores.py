import boto3
import pytest
from conftest import BUCKET
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select
from test_images import picture

from app.models.entities import Base


def count_rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def used_store(client: TestClient, other_admin: dict[str, str]) -> int:
    """A second store with a menu that has an image, and an order that was moved on."""
    category = client.post(
        "/api/admin/categories", headers=other_admin, json={"name": "Food", "position": 0}
    ).json()
    form = {"name": "Bibimbap", "price": "9000", "category_id": str(category["id"])}
    menu = client.post("/api/admin/menus", headers=other_admin, data=form, files={"image": picture()}).json()
    body = {"store_id": 2, "table_number": 1, "items": [{"menu_id": menu["id"], "quantity": 1}]}
    order = client.post("/api/orders", json=body).json()
    client.patch(f"/api/admin/orders/{order['id']}", headers=other_admin, json={"status": "preparing"})
    return 2


def test_an_open_store_stays(
    client: TestClient, root: dict[str, str], used_store: int, engine: Engine
) -> None:
    before = count_rows(engine)
    assert client.delete(f"/api/superadmin/stores/{used_store}", headers=root).status_code == 409
    assert count_rows(engine) == before


def test_a_closed_store_goes_with_all_that_is_its_own(
    client: TestClient, root: dict[str, str], engine: Engine, request: pytest.FixtureRequest
) -> None:
    before = count_rows(engine)
    images = {item.key for item in boto3.resource("s3").Bucket(BUCKET).objects.all()}
    store = request.getfixturevalue("used_store")
    assert count_rows(engine) != before
    client.patch(f"/api/superadmin/stores/{store}", headers=root, json={"is_active": False})
    assert client.delete(f"/api/superadmin/stores/{store}", headers=root).status_code == 204
    assert count_rows(engine) == before
    assert {item.key for item in boto3.resource("s3").Bucket(BUCKET).objects.all()} == images


def test_an_unknown_store_is_404(client: TestClient, root: dict[str, str]) -> None:
    assert client.delete("/api/superadmin/stores/99", headers=root).status_code == 404

"""Who orders at a table has seen the code that lies on it."""

from uuid import UUID, uuid4

import pytest
from conftest import CODE
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from test_orders import count, new_order

from app.models.entities import Order, TableSession

pytestmark = pytest.mark.usefixtures("demo")


def shown(code: str) -> dict[str, str]:
    return {"X-Table-Code": code}


@pytest.mark.parametrize("code", ["", str(uuid4()), CODE[:-1], "비밀".encode(), CODE + "0"])
def test_without_the_code_nothing_is_ordered_and_no_session_opened(
    client: TestClient, engine: Engine, code: str
) -> None:
    refused = client.post("/api/orders", json=new_order(), headers=shown(code))
    assert (refused.status_code, refused.json()["detail"]) == (403, "Scan the code at your table to order.")
    assert "session_token" not in refused.json()
    assert (count(engine, Order), count(engine, TableSession)) == (0, 0)


def test_no_code_at_all_is_refused(client: TestClient) -> None:
    request = client.build_request("POST", "/api/orders", json=new_order())
    del request.headers["X-Table-Code"]
    assert client.send(request).status_code == 403


def test_a_repetition_needs_the_code_too(client: TestClient) -> None:
    key = {"Idempotency-Key": "one-key"}
    assert client.post("/api/orders", json=new_order(), headers=key).status_code == 201
    assert client.post("/api/orders", json=new_order(), headers=key | shown("")).status_code == 403


def test_a_code_is_of_one_table_and_told_to_its_administrators_alone(
    client: TestClient, admin: dict[str, str], root: dict[str, str]
) -> None:
    renewed = client.post("/api/admin/tables/4/code", headers=admin).json()
    assert UUID(renewed["code"]).version == 4
    codes = {
        table["number"]: table["code"] for table in client.get("/api/admin/tables", headers=admin).json()
    }
    assert (codes[3], codes[4]) == (CODE, renewed["code"])
    own = shown(renewed["code"])
    assert client.post("/api/orders", json=new_order(table_number=4), headers=own).status_code == 201
    assert client.post("/api/orders", json=new_order(table_number=3), headers=own).status_code == 403
    public = client.get("/api/stores/1").text + client.get("/api/menus?store_id=1").text
    assert CODE not in public
    assert client.get("/api/admin/tables", headers=root).status_code == 403
    assert client.post("/api/admin/tables/4/code").status_code == 401


def test_a_renewed_code_ends_what_was_opened_with_the_one_before(
    client: TestClient, admin: dict[str, str]
) -> None:
    placed = client.post("/api/orders", json=new_order()).json()
    session = {"X-Table-Session": placed["session_token"]}
    assert client.get("/api/orders", headers=session).status_code == 200
    code = client.post("/api/admin/tables/3/code", headers=admin).json()["code"]
    assert client.get("/api/orders", headers=session).status_code == 404
    assert client.post("/api/orders", json=new_order()).status_code == 403
    # The party is the same, and so is what it owes.
    again = client.post("/api/orders", json=new_order(), headers=shown(code)).json()
    assert again["session_token"] != placed["session_token"]
    tables = {table["number"]: table for table in client.get("/api/admin/tables", headers=admin).json()}
    assert (tables[3]["order_count"], tables[3]["total"]) == (2, 56000)


def test_another_stores_table_keeps_its_code(
    client: TestClient, admin: dict[str, str], other_admin: dict[str, str]
) -> None:
    client.post("/api/admin/tables/1/code", headers=other_admin)
    codes = [table["code"] for table in client.get("/api/admin/tables", headers=admin).json()]
    assert codes == [CODE] * 10
    assert client.post("/api/admin/tables/9/code", headers=other_admin).status_code == 404

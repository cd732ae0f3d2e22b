from concurrent.futures import ThreadPoolExecutor
from unittest.mock import ANY

import pytest
from conftest import CODE
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.models.entities import Menu, Order, OrderHistory, TableSession

pytestmark = pytest.mark.usefixtures("demo")


def new_order(**changes: object) -> dict:
    """Two stews and a rice bowl at table 3 of the demo store: 2 x 9000 + 10000 won."""
    items = [{"menu_id": 1, "quantity": 2}, {"menu_id": 2, "quantity": 1}]
    return {"store_id": 1, "table_number": 3, "items": items} | changes


def count(engine: Engine, entity: type) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(entity))


def test_menu_card_shows_the_store_and_its_menu(client: TestClient) -> None:
    card = client.get("/api/menus", params={"store_id": 1}).json()
    assert card["store_id"] == 1
    assert [category["name"] for category in card["categories"]] == ["식사", "안주", "음료"]
    first = card["categories"][0]["menus"][0]
    assert (first["name"], first["price"], first["image_url"]) == ("김치찌개", 9000, None)
    assert client.get("/api/stores/1").json()["table_numbers"] == list(range(1, 11))


def test_order_takes_prices_from_the_database(client: TestClient, engine: Engine) -> None:
    response = client.post("/api/orders", json=new_order())
    assert response.status_code == 201, response.text
    order = response.json()
    assert (order["status"], order["total"], order["table_number"]) == ("pending", 28000, 3)
    assert [item["unit_price"] for item in order["items"]] == [9000, 10000]
    with Session(engine) as session:
        entry = session.scalars(select(OrderHistory)).one()
        assert (entry.order_id, entry.from_status, entry.to_status) == (order["id"], None, "pending")


def test_a_price_that_the_guest_has_not_seen_is_told_and_not_charged(
    client: TestClient, engine: Engine, admin: dict[str, str]
) -> None:
    seen = [
        {"menu_id": 1, "quantity": 2, "unit_price": 9000},
        {"menu_id": 2, "quantity": 1, "unit_price": 10000},
    ]
    assert client.post("/api/orders", json=new_order(items=seen)).status_code == 201
    client.patch("/api/admin/menus/1", headers=admin, json={"price": 9500})
    client.patch("/api/admin/menus/2", headers=admin, json={"is_available": False})
    refused = client.post("/api/orders", json=new_order(items=seen))
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Sold out: 비빔밥. The price has changed: 김치찌개 9,500 won.",
    )
    assert refused.json()["changed"] == [
        {"menu_id": 1, "name": "김치찌개", "price": 9500, "is_available": True},
        {"menu_id": 2, "name": "비빔밥", "price": 10000, "is_available": False},
    ]
    assert count(engine, Order) == 1
    mended = [{"menu_id": 1, "quantity": 2, "unit_price": 9500}]
    assert client.post("/api/orders", json=new_order(items=mended)).json()["total"] == 19000


def test_a_sum_beyond_sense_is_refused_in_words(
    client: TestClient, engine: Engine, admin: dict[str, str]
) -> None:
    client.patch("/api/admin/menus/1", headers=admin, json={"price": 10_000_000})
    response = client.post("/api/orders", json=new_order(items=[{"menu_id": 1, "quantity": 99}] * 3))
    assert (response.status_code, count(engine, Order)) == (422, 0)
    assert "50,000,000 won at most" in response.json()["detail"]


def test_order_keeps_the_price_it_was_placed_at(client: TestClient, engine: Engine) -> None:
    token = client.post("/api/orders", json=new_order()).json()["session_token"]
    with Session(engine) as session:
        session.execute(update(Menu).values(price=1, name="changed"))
        session.commit()
    order = client.get("/api/orders", headers={"X-Table-Session": token}).json()[0]
    assert (order["total"], order["items"][0]["menu_name"]) == (28000, "김치찌개")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"store_id": 9}, 404, "no store 9"),
        ({"table_number": 11}, 404, "no table 11"),
        ({"items": [{"menu_id": 999, "quantity": 1}]}, 404, "999"),
        ({"items": []}, 422, "items"),
        ({"items": [{"menu_id": 1, "quantity": 0}]}, 422, "quantity"),
        ({"items": [{"menu_id": 2**40, "quantity": 1}]}, 422, "menu_id"),
    ],
)
def test_impossible_orders_are_refused(
    client: TestClient, engine: Engine, changes: dict, status: int, said: str
) -> None:
    response = client.post("/api/orders", json=new_order(**changes))
    assert response.status_code == status
    assert said in response.json()["detail"]
    assert count(engine, Order) == 0


def test_sold_out_menu_is_refused_by_name(client: TestClient, engine: Engine, admin: dict[str, str]) -> None:
    client.patch("/api/admin/menus/2", headers=admin, json={"is_available": False})
    response = client.post("/api/orders", json=new_order())
    assert (response.status_code, response.json()["detail"]) == (409, "Sold out: 비빔밥.")
    assert count(engine, Order) == 0


def test_repeated_request_orders_once(client: TestClient, engine: Engine) -> None:
    headers = {"Idempotency-Key": "one-key"}
    first = client.post("/api/orders", json=new_order(), headers=headers)
    again = client.post("/api/orders", json=new_order(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert count(engine, Order) == 1

    for other in (new_order(table_number=4), new_order(items=[{"menu_id": 1, "quantity": 3}])):
        assert client.post("/api/orders", json=other, headers=headers).status_code == 409
    assert count(engine, Order) == 1


def test_simultaneous_requests_order_once_and_open_one_session(client: TestClient, engine: Engine) -> None:
    def place(number: int) -> int:
        key = {"Idempotency-Key": f"key-{number % 2}"}
        return client.post("/api/orders", json=new_order(), headers=key).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(place, range(8)))
    assert statuses == [200] * 6 + [201] * 2
    assert (count(engine, Order), count(engine, TableSession)) == (2, 1)


def test_party_sees_its_own_orders_until_the_table_is_closed(
    client: TestClient, admin: dict[str, str]
) -> None:
    mine = client.post("/api/orders", json=new_order()).json()
    other = client.post("/api/orders", json=new_order(table_number=4)).json()
    session = {"X-Table-Session": mine["session_token"]}
    assert [order["id"] for order in client.get("/api/orders", headers=session).json()] == [mine["id"]]
    assert other["session_token"] != mine["session_token"]

    states = {state["number"]: state for state in client.get("/api/admin/tables", headers=admin).json()}
    assert (states[3]["order_count"], states[3]["total"]) == (1, 28000)
    assert states[5] == {"number": 5, "code": CODE, "opened_at": None, "order_count": 0, "total": 0}

    assert client.post("/api/admin/tables/3/close", headers=admin).status_code == 409
    client.patch(f"/api/admin/orders/{mine['id']}", headers=admin, json={"status": "cancelled"})
    assert client.post("/api/admin/tables/3/close", headers=admin).status_code == 204
    assert client.get("/api/orders", headers=session).status_code == 404
    assert client.post("/api/orders", json=new_order()).json()["session_token"] != mine["session_token"]


def test_status_moves_forward_only(client: TestClient, engine: Engine, admin: dict[str, str]) -> None:
    placed = client.post("/api/orders", json=new_order()).json()

    def become(status: str) -> int:
        path = f"/api/admin/orders/{placed['id']}"
        return client.patch(path, headers=admin, json={"status": status}).status_code

    moves = ["completed", "preparing", "preparing", "pending", "completed", "cancelled"]
    assert [become(status) for status in moves] == [409, 200, 200, 409, 200, 409]
    with Session(engine) as session:
        entries = session.execute(
            select(OrderHistory.from_status, OrderHistory.to_status, OrderHistory.admin_id).order_by(
                OrderHistory.id
            )
        ).all()
    assert entries == [(None, "pending", None), ("pending", "preparing", 2), ("preparing", "completed", 2)]


def test_admin_lists_orders_in_pages(client: TestClient, admin: dict[str, str]) -> None:
    ids = [client.post("/api/orders", json=new_order()).json()["id"] for _ in range(3)]
    client.patch(f"/api/admin/orders/{ids[0]}", headers=admin, json={"status": "preparing"})

    def listed(query: str) -> list[int]:
        return [order["id"] for order in client.get(f"/api/admin/orders?{query}", headers=admin).json()]

    assert listed("") == ids[::-1]
    assert listed("limit=2") == [ids[2], ids[1]]
    assert listed(f"limit=2&before={ids[1]}") == [ids[0]]
    assert listed("status=preparing") == [ids[0]]
    assert listed("status=preparing&status=pending") == ids[::-1]


def test_a_line_tells_of_each_order_and_change_before_its_answer(
    client: TestClient, admin: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    key = {"Idempotency-Key": "once"}
    answers = [
        client.post("/api/orders", json=new_order(), headers=key),
        client.post("/api/orders", json=new_order(), headers=key),
    ]
    order = answers[0].json()
    change = {"status": "preparing"}
    answers += [client.patch(f"/api/admin/orders/{order['id']}", headers=admin, json=change) for _ in "12"]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    lines = [record.fields for record in caplog.records if record.name in ("app.orders", "app.request")]
    # Each acknowledgement is followed by the line of its own request.
    asked = [(line.get("order", {}).get("status"), line.get("path")) for line in lines]
    ours = [one for one in asked if one[0] or "orders" in one[1]]
    assert [status for status, _ in ours] == ["pending", None, "pending", None, *(["preparing", None] * 2)]
    assert next(line["order"] for line in lines if "order" in line) == {
        "id": order["id"],
        "store": 1,
        "table": 3,
        "placed_at": ANY,
        "status": "pending",
        "items": [
            {"name": "김치찌개", "quantity": 2, "unit_price": 9000},
            {"name": "비빔밥", "quantity": 1, "unit_price": 10000},
        ],
        "sum": 28000,
    }
    assert order["session_token"] not in str(lines)

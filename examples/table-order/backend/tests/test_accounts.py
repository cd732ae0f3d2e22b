import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from conftest import DEMO, ROOT, log_in
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.models.entities import Admin

pytestmark = pytest.mark.usefixtures("demo")

ADMIN_REQUESTS = [
    ("GET", "/api/admin/orders"),
    ("PATCH", "/api/admin/orders/1"),
    ("POST", "/api/admin/orders/stream-token"),
    ("GET", "/api/admin/orders/stream"),
    ("GET", "/api/admin/categories"),
    ("POST", "/api/admin/categories"),
    ("POST", "/api/admin/menus"),
    ("PATCH", "/api/admin/menus/1"),
    ("PUT", "/api/admin/menus/1/image"),
    ("GET", "/api/admin/tables"),
    ("POST", "/api/admin/tables/1/code"),
    ("POST", "/api/admin/tables/1/close"),
]
SUPERADMIN_REQUESTS = [
    ("GET", "/api/superadmin/stores"),
    ("POST", "/api/superadmin/stores"),
    ("PATCH", "/api/superadmin/stores/1"),
    ("DELETE", "/api/superadmin/stores/1"),
    ("GET", "/api/superadmin/stores/1/admins"),
    ("POST", "/api/superadmin/stores/1/admins"),
    ("PATCH", "/api/superadmin/admins/1"),
]


def valid_body(method: str, path: str) -> dict:
    """Arguments that make the request well-formed, so that only the right to it is missing."""
    if path == "/api/admin/menus":
        return {"data": {"name": "x", "price": 1, "category_id": 1}}
    if path.endswith("/image"):
        return {"files": {"image": b"x"}}
    if method in ("GET", "DELETE") or path.endswith(("/close", "/stream-token")):
        return {}
    if path.endswith("/admins"):
        return {"json": {"username": "somebody", "password": "long enough 1"}}
    if "/orders/" in path:
        return {"json": {"status": "preparing"}}
    return {"json": {"name": "x"} if "admins/" not in path else {"is_active": False}}


def test_every_admin_route_is_in_the_lists_above(client: TestClient) -> None:
    documented = {
        (method.upper(), path)
        for path, methods in client.get("/api/openapi.json").json()["paths"].items()
        for method in methods
        if path.startswith(("/api/admin/", "/api/superadmin/")) and path != "/api/admin/whoami"
    }
    concrete = {
        (method, path.format(order_id=1, menu_id=1, number=1, store_id=1, admin_id=1))
        for method, path in documented
    }
    assert concrete == {*ADMIN_REQUESTS, *SUPERADMIN_REQUESTS}


@pytest.mark.parametrize(("method", "path"), [*ADMIN_REQUESTS, *SUPERADMIN_REQUESTS])
def test_without_login_everything_is_401(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path, **valid_body(method, path))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_roles_do_not_reach_into_each_other(client: TestClient) -> None:
    root, admin = log_in(client, ROOT), log_in(client, DEMO)
    for method, path in ADMIN_REQUESTS:
        response = client.request(method, path, headers=root, **valid_body(method, path))
        assert response.status_code == 403, (method, path)
    for method, path in SUPERADMIN_REQUESTS:
        response = client.request(method, path, headers=admin, **valid_body(method, path))
        assert response.status_code == 403, (method, path)


def test_login_says_who_somebody_is(client: TestClient) -> None:
    login = {"username": DEMO[0], "password": DEMO[1]}
    answer = client.post("/api/auth/login", json=login).json()
    assert (answer["role"], answer["store_id"], answer["expires_in"]) == ("admin", 1, 28800)
    whoami = client.get("/api/admin/whoami", headers=log_in(client, ROOT)).json()
    assert whoami == {"id": 1, "username": "root", "role": "superadmin", "store_id": None, "is_active": True}


def test_wrong_name_and_wrong_password_look_alike(client: TestClient) -> None:
    wrong = [
        client.post("/api/auth/login", json={"username": username, "password": "wrong"})
        for username in (DEMO[0], "nobody")
    ]
    assert [response.status_code for response in wrong] == [401, 401]
    assert wrong[0].json() == wrong[1].json()


def test_guessing_is_stopped_for_this_account_and_address_only(client: TestClient) -> None:
    guess = {"username": DEMO[0], "password": "wrong"}
    statuses = [client.post("/api/auth/login", json=guess).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    right = {"username": DEMO[0], "password": DEMO[1]}
    assert client.post("/api/auth/login", json=right).status_code == 429
    log_in(client, ROOT)
    redis = client.app.state.resources.redis
    assert {0 < redis.ttl(key) <= 60 for key in redis.keys("login-tries:*")} == {True}


def test_parallel_guesses_are_counted_one_by_one(client: TestClient) -> None:
    guess = {"username": DEMO[0], "password": "wrong"}
    with ThreadPoolExecutor(12) as threads:
        statuses = list(
            threads.map(lambda _: client.post("/api/auth/login", json=guess).status_code, range(24))
        )
    assert (statuses.count(401), statuses.count(429)) == (10, 14)


def test_another_address_is_not_stopped_by_this_one(client: TestClient) -> None:
    throttle = client.app.state.resources.throttle
    assert [throttle.admits("somebody", "192.0.2.1") for _ in range(11)] == [True] * 10 + [False]
    assert throttle.admits("somebody", "192.0.2.2")


def test_an_ipv6_client_is_its_network(client: TestClient) -> None:
    throttle = client.app.state.resources.throttle
    assert [throttle.admits("somebody", f"2001:db8::{n}") for n in range(11)] == [True] * 10 + [False]
    assert throttle.admits("somebody", "2001:db8:0:1::1")


def test_changing_names_meets_the_limit_of_the_address(client: TestClient) -> None:
    statuses = [
        client.post("/api/auth/login", json={"username": f"name-{number}", "password": "wrong"}).status_code
        for number in range(62)
    ]
    assert statuses == [401] * 60 + [429] * 2


def test_a_restaurant_full_of_tablets_logs_in_at_once(client: TestClient) -> None:
    for _ in range(15):
        log_in(client, DEMO)


def test_password_is_not_repeated_in_an_error(client: TestClient) -> None:
    response = client.post("/api/auth/login", json={"username": "x", "password": "hunter2" * 50})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("password: ")
    assert "hunter2" not in response.text


def test_forged_expired_and_stream_tokens_open_nothing(
    client: TestClient, environment: dict[str, str], engine: Engine
) -> None:
    from app.infrastructure.security import Audience, Tokens, password_mark

    now = int(time.time())
    key = environment["SECRET_KEY"]
    with Session(engine) as session:
        password_hash = session.get_one(Admin, 2).password_hash
    claims = {
        "sub": "2",
        "aud": "api",
        "iat": now,
        "exp": now + 60,
        "jti": "x",
        "pwd": password_mark(password_hash),
    }
    tokens = {
        "valid": jwt.encode(claims, key, "HS256"),
        "other key": jwt.encode(claims, "another key of sufficient length", "HS256"),
        "expired": jwt.encode(claims | {"exp": now - 1}, key, "HS256"),
        "no expiry": jwt.encode(
            {name: value for name, value in claims.items() if name != "exp"}, key, "HS256"
        ),
        "another password's": jwt.encode(claims | {"pwd": password_mark("another")}, key, "HS256"),
        "unsigned": jwt.encode(claims, None, "none"),
        "stream": Tokens(key).issue(2, Audience.STREAM, password_hash),
        "nobody": jwt.encode(claims | {"sub": "77"}, key, "HS256"),
        "garbage": "x.y.z",
    }
    statuses = {
        name: client.get("/api/admin/whoami", headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in tokens.items()
    }
    assert statuses == dict.fromkeys(tokens, 401) | {"valid": 200}


def test_a_token_of_the_previous_key_counts_until_that_key_ends() -> None:
    from app.infrastructure.security import Audience, Tokens

    old, new = "an old key of sufficient length, 32", "a new key of sufficient length, 32."
    token = Tokens(old).issue(2, Audience.API, "hash")
    soon, before = (datetime.now(UTC) + timedelta(minutes=change) for change in (5, -5))
    assert Tokens(new, old, soon).read(token, Audience.API) is not None
    assert Tokens(new, old, before).read(token, Audience.API) is None
    assert Tokens(new, old).read(token, Audience.API) is None
    assert Tokens(new).read(token, Audience.API) is None
    assert Tokens(new, "another key, of sufficient length", soon).read(token, Audience.API) is None
    assert Tokens(new, old, soon).read(token, Audience.STREAM) is None
    fresh = Tokens(new, old, soon).issue(2, Audience.API, "hash")
    assert Tokens(old).read(fresh, Audience.API) is None


def test_another_password_ends_the_tokens_of_before(client: TestClient, other_admin: dict[str, str]) -> None:
    root = log_in(client, ROOT)
    assert client.get("/api/admin/whoami", headers=other_admin).status_code == 200
    client.patch("/api/superadmin/admins/3", headers=root, json={"password": "another password"})
    assert client.get("/api/admin/whoami", headers=other_admin).status_code == 401


def test_log_out_ends_this_log_in_and_no_other(client: TestClient) -> None:
    here, there = log_in(client, DEMO), log_in(client, DEMO)
    assert client.post("/api/auth/logout", headers=here).status_code == 204
    assert client.get("/api/admin/whoami", headers=here).status_code == 401
    assert client.get("/api/admin/whoami", headers=there).status_code == 200


def test_admin_sees_and_touches_its_own_store_only(client: TestClient, other_admin: dict[str, str]) -> None:
    admin = log_in(client, DEMO)
    order = {"store_id": 1, "table_number": 3, "items": [{"menu_id": 1, "quantity": 1}]}
    order_id = client.post("/api/orders", json=order).json()["id"]
    category = client.post("/api/admin/categories", headers=other_admin, json={"name": "Mine"}).json()

    assert client.get("/api/admin/orders", headers=other_admin).json() == []
    assert client.get("/api/admin/categories", headers=other_admin).json() == [category]
    assert len(client.get("/api/admin/tables", headers=other_admin).json()) == 2
    refused = [
        client.patch(f"/api/admin/orders/{order_id}", headers=other_admin, json={"status": "cancelled"}),
        client.patch("/api/admin/menus/1", headers=other_admin, json={"price": 1}),
        client.post("/api/admin/tables/3/close", headers=other_admin),
        client.patch("/api/admin/menus/1", headers=admin, json={"category_id": category["id"]}),
        client.post(
            "/api/admin/menus",
            headers=admin,
            data={"name": "x", "price": 1, "category_id": category["id"]},
        ),
        client.post("/api/orders", json=order | {"store_id": 2, "table_number": 1}),
    ]
    assert [response.status_code for response in refused] == [404] * 6
    assert client.get("/api/admin/orders", headers=admin).json()[0]["status"] == "pending"


def test_superadmin_runs_stores_and_their_admins(client: TestClient, other_admin: dict[str, str]) -> None:
    root = log_in(client, ROOT)
    stores = client.get("/api/superadmin/stores", headers=root).json()
    assert [(store["id"], store["table_count"]) for store in stores] == [(1, 10), (2, 2)]
    taken = client.post("/api/superadmin/stores", headers=root, json={"name": "Other"})
    assert taken.status_code == 409
    admins = client.get("/api/superadmin/stores/2/admins", headers=root).json()
    assert [admin["username"] for admin in admins] == ["other-admin"]
    account = {"username": "other-admin", "password": "long enough 1"}
    assert client.post("/api/superadmin/stores/1/admins", headers=root, json=account).status_code == 409

    renamed = client.patch("/api/superadmin/stores/2", headers=root, json={"name": "Renamed"})
    assert (renamed.json()["name"], renamed.json()["is_active"]) == ("Renamed", True)

    path = f"/api/superadmin/admins/{admins[0]['id']}"
    client.patch(path, headers=root, json={"password": "another password"})
    log_in(client, ("other-admin", "another password"))
    client.patch(path, headers=root, json={"is_active": False})
    assert client.get("/api/admin/whoami", headers=other_admin).status_code == 401
    superadmin = client.patch("/api/superadmin/admins/1", headers=root, json={"is_active": False})
    assert superadmin.status_code == 404


def test_inactive_store_takes_neither_orders_nor_logins(client: TestClient) -> None:
    root, admin = log_in(client, ROOT), log_in(client, DEMO)
    client.patch("/api/superadmin/stores/1", headers=root, json={"is_active": False})
    order = {"store_id": 1, "table_number": 3, "items": [{"menu_id": 1, "quantity": 1}]}
    assert client.post("/api/orders", json=order).status_code == 404
    assert client.get("/api/menus?store_id=1").status_code == 404
    assert client.get("/api/admin/orders", headers=admin).status_code == 401
    login = {"username": DEMO[0], "password": DEMO[1]}
    assert client.post("/api/auth/login", json=login).status_code == 401

from collections.abc import Iterator

import pydantic
import pytest
from fastapi.testclient import TestClient

from app.infrastructure import limits
from app.models import api

TOO_LARGE = b'{"x": [' + b"[]," * limits.MAX_JSON_BYTES + b"[]]}"


def chunks() -> Iterator[bytes]:
    yield TOO_LARGE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/orders"),
        ("POST", "/api/auth/login"),
        ("PATCH", "/api/admin/menus/1"),
        ("POST", "/api/superadmin/stores"),
    ],
)
def test_nobody_sends_more_json_than_anything_needs(client: TestClient, method: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.request(method, path, content=TOO_LARGE, headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"detail": "The request is larger than 64 KiB."})
    assert client.request(method, path, content=chunks(), headers=headers).status_code == 411
    just = b" " * (limits.MAX_JSON_BYTES - 2) + b"{}"
    assert client.request(method, path, content=just, headers=headers).status_code in (401, 422)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/admin/menus"), ("PUT", "/api/admin/menus/1/image")]
)
def test_a_picture_may_be_larger(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, files={"image": b"x" * 2 * limits.MAX_JSON_BYTES})
    assert answer.status_code in (401, 422)


def test_a_zero_byte_is_refused_and_no_error_of_ours(client: TestClient) -> None:
    """PostgreSQL refuses it, too: as 500, with a traceback in the log for each."""
    answer = client.post("/api/auth/login", json={"username": "ro\0ot", "password": "x"})
    assert answer.status_code == 422


@pytest.mark.parametrize("kind", [api.Name, api.CategoryName, api.Description, api.Username])
def test_no_name_holds_a_zero_byte(kind: object) -> None:
    text = pydantic.TypeAdapter(kind)
    assert text.validate_python("Kim.chi-jji_gae") == "Kim.chi-jji_gae"
    with pytest.raises(pydantic.ValidationError):
        text.validate_python("ro\0ot")

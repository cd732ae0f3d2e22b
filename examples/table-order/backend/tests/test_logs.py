import json
import os
import subprocess
import sys

import backing
import httpx2
import pytest
from conftest import DEMO
from fastapi.testclient import TestClient


def test_requests_are_logged_as_json_without_secrets(
    servers: list[backing.Server], environment: dict[str, str], demo: None
) -> None:
    server = servers[0]
    headers = {"X-Request-ID": "from-nginx-1"}
    response = httpx2.get(f"{server.url}/api/menus?store_id=1&token=hunter2", headers=headers)
    assert response.headers["X-Request-ID"] == "from-nginx-1"
    login = {"username": DEMO[0], "password": DEMO[1]}
    token = httpx2.post(f"{server.url}/api/auth/login", json=login).json()["access_token"]
    strange = httpx2.get(f"{server.url}/api/no%0Asuch", headers={"X-Request-ID": "x" * 65})
    assert len(strange.headers["X-Request-ID"]) == 32
    backing.wait_for(lambda: server.log_lines()[-1].get("path") == "/api/no\nsuch", "the last log line")
    lines = server.log_lines()
    requests = [line for line in lines if line["logger"] == "app.request"]
    first = next(line for line in requests if line["request_id"] == "from-nginx-1")
    assert first | {"time": "", "ms": 0} == {
        "time": "",
        "level": "info",
        "logger": "app.request",
        "message": "request",
        "request_id": "from-nginx-1",
        "method": "GET",
        "path": "/api/menus",
        "status": 200,
        "ms": 0,
    }
    assert first["ms"] > 0
    assert requests[-1]["path"] == "/api/no\nsuch"
    assert any(line["message"] == "Application startup complete." for line in lines)
    assert not [line for line in lines if line["logger"] == "uvicorn.access"]
    for secret in ("hunter2", DEMO[1], token, environment["SECRET_KEY"]):
        assert secret not in json.dumps(lines)


def test_unhandled_error_is_logged_once_and_hidden(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr("app.services.stores.store_view", explode)
    response = client.get("/api/stores/1")
    assert response.status_code == 500
    assert response.headers["X-Request-ID"]
    assert "hunter2" not in response.text
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.exc_info[0] for record in errors] == [ZeroDivisionError]


def test_missing_settings_are_named_and_nothing_is_revealed(environment: dict[str, str]) -> None:
    incomplete = {name: value for name, value in environment.items() if name != "S3_BUCKET"}
    incomplete |= {"SECRET_KEY": "hunter2", "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(backing.free_port())],
        cwd=backing.BACKEND,
        env=incomplete,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode != 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    text = json.dumps(lines)
    assert "s3_bucket" in text
    assert "secret_key" in text
    for secret in ("hunter2", environment["DATABASE_URL"]):
        assert secret not in text + result.stderr

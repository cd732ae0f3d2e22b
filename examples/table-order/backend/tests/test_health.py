import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from backing import Server, free_port
from fastapi.testclient import TestClient


def test_health_reports_every_check(client: TestClient) -> None:
    response = client.get("/api/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "release": "test-release",
        "checks": {"database": "ok", "redis": "ok", "s3": "ok"},
    }
    assert response.headers["Cache-Control"] == "no-store"


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of something that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def ask(monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[int, dict[str, str], float, str]:
    """A fresh service's health: status, checks, seconds, text."""
    from app.main import create_app

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with TestClient(create_app()) as client:
        assert client.get("/api/live").json() == {"status": "ok", "release": "test-release"}
        started = time.monotonic()
        response = client.get("/api/health")
        return response.status_code, response.json()["checks"], time.monotonic() - started, response.text


@pytest.mark.usefixtures("environment")
def test_refused_connections_are_reported_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    status, checks, _, text = ask(
        monkeypatch,
        DATABASE_URL=f"postgresql://somebody:hunter2@{nowhere}/tableorder",
        REDIS_URL=f"redis://:hunter2@{nowhere}/0",
        S3_BUCKET="missing-bucket",
    )
    assert status == 503
    assert checks == {"database": "OperationalError", "redis": "ConnectionError", "s3": "NoSuchBucket"}
    assert "hunter2" not in text
    assert "somebody" not in text


@pytest.mark.usefixtures("environment")
def test_hanging_dependencies_are_bounded_together(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    status, checks, seconds, _ = ask(
        monkeypatch,
        DATABASE_URL=f"postgresql://x@{silent}/tableorder",
        REDIS_URL=f"redis://{silent}/0",
        AWS_ENDPOINT_URL=f"http://{silent}",
    )
    assert status == 503
    assert checks["database"] == checks["s3"] == "no answer within 2.5 seconds"
    assert checks["redis"] != "ok"
    assert 2 < seconds < 3.5


@pytest.mark.usefixtures("environment")
def test_hanging_checks_leave_the_service_its_threads(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    from app.main import create_app

    monkeypatch.setenv("DATABASE_URL", f"postgresql://x@{silent}/tableorder")
    with TestClient(create_app()) as client, ThreadPoolExecutor(45) as threads:
        checks = [threads.submit(client.get, "/api/health") for _ in range(45)]
        time.sleep(0.5)
        started = time.monotonic()
        image = client.get(f"/api/images/menus/1/{'0' * 32}.jpg")
        seconds = time.monotonic() - started
        assert {check.result().status_code for check in checks} == {503}
    assert image.status_code == 404
    assert seconds < 1.5


@pytest.mark.usefixtures("environment")
def test_empty_database_is_not_healthy(monkeypatch: pytest.MonkeyPatch, databases: object) -> None:
    unmigrated = databases.superuser.replace("/tableorder", "/template1")
    _, checks, _, _ = ask(monkeypatch, DATABASE_URL=unmigrated)
    assert checks == {"database": "ProgrammingError", "redis": "ok", "s3": "ok"}


@pytest.mark.usefixtures("environment")
def test_requests_without_a_database_are_503(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.main import create_app

    monkeypatch.setenv("DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/tableorder")
    with TestClient(create_app()) as client:
        response = client.get("/api/menus?store_id=1")
    assert response.status_code == 503
    assert "try again" in response.json()["detail"]


def test_a_burst_of_guests_is_served_and_leaves_nothing_stuck(demo: None, servers: list[Server]) -> None:
    """Far more requests at once than threads and connections: each waits for its turn, none for another's thread."""

    async def burst() -> list[int]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=servers[0].url, timeout=30, limits=limits) as guests:
            answers = await asyncio.gather(
                *(guests.get("/api/menus", params={"store_id": 1}) for _ in range(400))
            )
        return [answer.status_code for answer in answers]

    assert set(asyncio.run(burst())) == {200}
    assert httpx2.get(f"{servers[0].url}/api/health", timeout=5).status_code == 200

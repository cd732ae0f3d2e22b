"""Live orders, through real server processes: TestClient does not stream."""

import asyncio
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import backing
import httpx2
import pytest
from conftest import AT_TABLE, DEMO
from fastapi.testclient import TestClient
from redis import Redis, RedisError

from app.infrastructure import sse_publisher
from app.infrastructure.presence import RetryWhilePresent
from app.infrastructure.sse_publisher import SSEPublisher
from app.models.api import OrderEvent

ORDER = {"store_id": 1, "table_number": 3, "items": [{"menu_id": 1, "quantity": 1}]}


def log_in(url: str, credentials: tuple[str, str] = DEMO) -> dict[str, str]:
    login = {"username": credentials[0], "password": credentials[1]}
    token = httpx2.post(f"{url}/api/auth/login", json=login).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def place_order(url: str) -> dict:
    response = httpx2.post(f"{url}/api/orders", json=ORDER, headers=AT_TABLE)
    assert response.status_code == 201, response.text
    return response.json()


class Stream:
    """An open event stream, read by a thread; `ended` is set when the server has ended it."""

    def __init__(self, response: httpx2.Response) -> None:
        self.events: queue.Queue[dict[str, str]] = queue.Queue()
        self.comments: list[str] = []
        self.live: queue.Queue[str] = queue.Queue()
        self.retries: queue.Queue[int] = queue.Queue()
        self.ended = threading.Event()
        self._response = response
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        event: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments.append(line)
                elif name == "retry":
                    self.retries.put(int(value))
                elif line:
                    event[name] = value
                else:
                    if event.get("event") == "live":
                        self.live.put(event["data"])
                    elif "event" in event:
                        self.events.put(event)
                    event = {}
            self.ended.set()
        except httpx2.HTTPError:
            pass

    def next(self, seconds: float = 5) -> dict:
        """The next event: name, id, and the order as `data`."""
        event = self.events.get(timeout=seconds)
        order = httpx2.Response(200, text=event["data"]).json()
        return {"event": event["event"], "id": int(event["id"]), "data": order}


@contextmanager
def open_stream(url: str, **request: dict[str, str]) -> Iterator[Stream]:
    """Open when the headers have arrived, as EventSource's `open`."""
    timeout = httpx2.Timeout(5, read=60)
    with httpx2.stream("GET", f"{url}/api/admin/orders/stream", timeout=timeout, **request) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        yield Stream(response)


@pytest.fixture
def urls(servers: list[backing.Server], demo: None) -> tuple[str, str]:
    return servers[0].url, servers[1].url


def test_order_placed_in_one_process_arrives_from_another(urls: tuple[str, str]) -> None:
    here, there = urls
    admin = log_in(there)
    with open_stream(there, headers=admin) as stream:
        started = time.monotonic()
        placed = place_order(here)
        created = stream.next()
        assert time.monotonic() - started < 1
        assert created["event"] == "order_created"
        assert created["data"] == {key: placed[key] for key in placed if key != "session_token"}

        path = f"{here}/api/admin/orders/{placed['id']}"
        httpx2.patch(path, headers=admin, json={"status": "preparing"}).raise_for_status()
        updated = stream.next()
        assert (updated["event"], updated["data"]["status"]) == ("order_updated", "preparing")
        assert updated["id"] > created["id"]

        httpx2.patch(path, headers=admin, json={"status": "preparing"}).raise_for_status()
        with pytest.raises(queue.Empty):
            stream.next(0.5)


def test_no_event_after_open_is_missed(urls: tuple[str, str]) -> None:
    admin = log_in(urls[0])
    for _ in range(10):
        with open_stream(urls[1], headers=admin) as stream:
            placed = place_order(urls[0])
            assert stream.next()["data"]["id"] == placed["id"]


def test_browser_opens_the_stream_with_a_cookie(urls: tuple[str, str]) -> None:
    response = httpx2.post(f"{urls[0]}/api/admin/orders/stream-token", headers=log_in(urls[0]))
    assert response.json() == {"expires_in": 60}
    cookie = response.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Max-Age=60", "Path=/api/admin/orders/stream"):
        assert attribute in cookie
    assert "Secure" not in cookie
    token = response.cookies["table_order_stream"]
    with open_stream(urls[1], cookies={"table_order_stream": token}) as stream:
        place_order(urls[0])
        assert stream.next()["event"] == "order_created"

    behind_tls = log_in(urls[0]) | {"X-Forwarded-Proto": "https"}
    secure = httpx2.post(f"{urls[0]}/api/admin/orders/stream-token", headers=behind_tls)
    assert "Secure" in secure.headers["Set-Cookie"]


def test_readers_come_back_at_different_times(urls: tuple[str, str]) -> None:
    admin = log_in(urls[0])
    with ExitStack() as stack:
        streams = [stack.enter_context(open_stream(urls[0], headers=admin)) for _ in range(5)]
        retries = [stream.retries.get(timeout=5) for stream in streams]
    assert all(500 <= retry < 2500 for retry in retries)
    assert len(set(retries)) > 1


def test_stream_shows_its_own_store_only(urls: tuple[str, str], other_admin: dict[str, str]) -> None:
    with (
        open_stream(urls[0], headers=other_admin) as others,
        open_stream(urls[0], headers=log_in(urls[0])) as own,
    ):
        place_order(urls[0])
        assert own.next()["event"] == "order_created"
        assert others.events.empty()


def test_whoever_may_no_longer_look_is_cut_off_in_every_process(
    urls: tuple[str, str], client: TestClient, root: dict[str, str], other_admin: dict[str, str]
) -> None:
    def ended(admin: dict[str, str], cause: Callable[[], object]) -> tuple[bool, bool]:
        bystander = log_in(urls[0])
        with open_stream(urls[0], headers=admin) as theirs, open_stream(urls[1], headers=bystander) as others:
            cause()
            return theirs.ended.wait(3), others.ended.is_set()

    again = log_in(urls[0])
    assert ended(again, lambda: client.post("/api/auth/logout", headers=again)) == (True, False)
    locked = {"is_active": False}
    assert ended(
        other_admin, lambda: client.patch("/api/superadmin/admins/3", headers=root, json=locked)
    ) == (True, False)
    client.patch("/api/superadmin/admins/3", headers=root, json={"is_active": True})
    other = log_in(urls[0], ("other-admin", "other password"))
    change = {"password": "another password"}
    assert ended(other, lambda: client.patch("/api/superadmin/admins/3", headers=root, json=change)) == (
        True,
        False,
    )
    other = log_in(urls[0], ("other-admin", "another password"))
    assert ended(other, lambda: client.patch("/api/superadmin/stores/2", headers=root, json=locked)) == (
        True,
        False,
    )


def test_foreign_message_on_the_channel_is_ignored(
    urls: tuple[str, str], client: object, servers: list[backing.Server]
) -> None:
    with open_stream(urls[0], headers=log_in(urls[0])) as stream:
        for channel in ("order_events", "stream_endings"):
            client.app.state.resources.redis.publish(channel, "not an event")
        place_order(urls[1])
        assert stream.next()["event"] == "order_created"
    assert any("no order event" in line["message"] for line in servers[0].log_lines())


def test_stopping_does_not_wait_for_open_streams(
    workspace: Path, environment: dict[str, str], demo: None
) -> None:
    with backing.server(workspace, environment) as server:
        admin = log_in(server.url)
        with (
            open_stream(server.url, headers=admin) as first,
            open_stream(server.url, headers=admin) as second,
        ):
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(10)
            assert time.monotonic() - started < 2
            assert first.ended.wait(1)
            assert second.ended.wait(1)
    lines = server.log_lines()
    assert not [line for line in lines if line["level"] in ("warning", "error")]
    assert "Finished server process" in lines[-1]["message"]


def test_a_stopping_server_ends_its_streams_one_after_the_other() -> None:
    publisher = SSEPublisher(Redis(), "redis://127.0.0.1:1")
    event = OrderEvent.model_construct(id=1, store_id=1, event="order_created", order="{}")

    async def read(ends: list[float], heard: list[int]) -> None:
        with publisher.subscription(1, 1, "x") as subscription:
            # Redis may be found to be away meanwhile: the stream says so in between.
            async for received in subscription:
                if isinstance(received, OrderEvent):
                    heard.append(received.id)
        ends.append(time.monotonic())

    async def stop_with_200() -> tuple[list[float], list[int]]:
        ends: list[float] = []
        heard: list[int] = []
        readers = [asyncio.create_task(read(ends, heard)) for _ in range(200)]
        await asyncio.sleep(0)
        began = time.monotonic()
        publisher.stop()
        await asyncio.sleep(0.5)
        # Those that are still open deliver.
        for subscription in publisher._subscriptions:
            subscription.offer(event)
        await asyncio.gather(*readers)
        await publisher.close()
        return [end - began for end in ends], heard

    ends, heard = asyncio.run(stop_with_200())
    assert 3.5 < ends[-1] < 5  # after that, uvicorn would cut them
    assert sum(end < 1 for end in ends) < 100
    assert len(heard) > 100


def test_absence_of_redis(workspace: Path, environment: dict[str, str], demo: None) -> None:
    port = backing.free_port()
    own_redis = environment | {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with ExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        redis.enter_context(backing.redis_server(workspace, port))
        server = stack.enter_context(backing.server(workspace, own_redis))

        def health() -> dict:
            return httpx2.get(f"{server.url}/api/health").json()

        backing.wait_for(lambda: health()["status"] == "ok", "healthy")
        admin = log_in(server.url)
        with open_stream(server.url, headers=admin) as stream:
            assert stream.live.get(timeout=5) == "true"
            redis.close()
            assert stream.live.get(timeout=5) == "false", "the page must say that it is not live"
            assert not stream.ended.is_set()
            placed = place_order(server.url)
            assert health()["checks"]["redis"] == "ConnectionError"
            assert log_in(server.url)  # logins go on, unthrottled
            assert stream.ended.wait(5), "an order that nobody was told of must end the stream"
        with open_stream(server.url, headers=admin) as stream:
            assert stream.live.get(timeout=5) == "false"
            redis.enter_context(backing.redis_server(workspace, port))
            assert stream.ended.wait(5), "the gap must end the stream"
        with open_stream(server.url, headers=admin) as stream:
            assert stream.live.get(timeout=5) == "true"
            orders = httpx2.get(f"{server.url}/api/admin/orders", headers=admin).json()
            assert [order["id"] for order in orders] == [placed["id"]]
            place_order(server.url)
            assert stream.next()["event"] == "order_created"
        assert health()["status"] == "ok"
        messages = [line["message"] for line in server.log_lines()]
        assert any("was not published: ConnectionError" in message for message in messages)


def test_a_redis_that_hangs_is_noticed_and_not_waited_for(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse_publisher, "_QUIET_SECONDS", 1)
    port = backing.free_port()
    url = f"redis://127.0.0.1:{port}/0"

    async def run(process: subprocess.Popen) -> None:
        redis = Redis.from_url(url, socket_timeout=1, retry=RetryWhilePresent(lambda: publisher.is_away))
        publisher = SSEPublisher(redis, url)
        listening = asyncio.create_task(publisher.listen())
        while not publisher.is_subscribed:
            await asyncio.sleep(0.02)
        with publisher.subscription(1, 1, "x") as subscription:
            heard = aiter(subscription)
            assert await anext(heard) is True
            await asyncio.sleep(3.5)
            assert publisher.is_subscribed, "a quiet Redis is none that hangs"
            process.send_signal(signal.SIGSTOP)
            assert await asyncio.wait_for(anext(heard), 10) is False
            began = time.monotonic()
            with pytest.raises(RedisError, match="away"):
                await asyncio.to_thread(redis.ping)
            assert time.monotonic() - began < 0.9
            process.send_signal(signal.SIGCONT)
            with pytest.raises(StopAsyncIteration):  # what was missed meanwhile is fetched by the page
                await asyncio.wait_for(anext(heard), 10)
        assert await asyncio.to_thread(redis.ping)
        listening.cancel()
        await publisher.close()

    with backing.redis_server(workspace, port) as process:
        try:
            asyncio.run(run(process))
        finally:
            process.send_signal(signal.SIGCONT)


def test_quiet_stream_has_a_heartbeat_and_stays(urls: tuple[str, str]) -> None:
    with open_stream(urls[0], headers=log_in(urls[0])) as stream:
        backing.wait_for(lambda: stream.comments, "heartbeat", 17)
        place_order(urls[1])
        assert stream.next()["event"] == "order_created"

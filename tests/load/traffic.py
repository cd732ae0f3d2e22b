"""Requests at a fixed rate, independent of the answers' times, and open event streams beside them."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.load.connection import Answer, Connection, LostError, Service
from tests.load.restaurant import Store, picture_upload

# A browser keeps a connection for a while; nginx closes it after 65 s.
KEEP_SECONDS = 50.0
# What a browser waits before it opens a stream again, unless the stream said otherwise: an event's field "retry".
RECONNECT_SECONDS = 1.0
RETRY = re.compile(rb"^retry: ?(\d+)", re.MULTILINE)
# Of 100 requests, in sending order: one image for fifteen orders.
_GUEST = ("menus", "page", "menus", "order", "asset")
MIX = (
    (_GUEST * 4 + ("menus", "page", "menus", "asset", "menus")) * 3
    + _GUEST * 4
    + ("menus", "page", "menus", "asset", "upload")
)
NEW_CONNECTION_EVERY = 10


@dataclass(frozen=True)
class Sent:
    """One request: when it was sent (seconds since 1970), what it was, how long it took, what was wrong with it."""

    at: float
    kind: str
    seconds: float
    fault: str = ""


@dataclass
class Record:
    """Everything that happened."""

    requests: list[Sent] = field(default_factory=list)
    acknowledged: set[tuple[int, int]] = field(default_factory=set)  # (store, order's number)
    gaps: list[tuple[float, float]] = field(default_factory=list)  # (since when, seconds) without a stream
    events: int = 0


class Traffic:
    """The load on one service."""

    def __init__(self, service: Service, stores: list[Store], asset: str) -> None:
        """``asset`` is the path of a static file."""
        self._service, self._stores, self._asset = service, stores, asset
        self._idle: list[Connection] = []
        self._numbers = itertools.count()
        self.record = Record()

    async def run(self, rate: float, streams: int, stopped: asyncio.Event) -> None:
        """Send ``rate`` requests a second, with ``streams`` clients of the event stream, until ``stopped``."""
        clients = [
            asyncio.create_task(self._listen(self._stores[number % len(self._stores)], stopped))
            for number in range(streams)
        ]
        await self._send_all(rate, stopped)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for connection in self._idle:
            connection.close()

    async def _send_all(self, rate: float, stopped: asyncio.Event) -> None:
        begin = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for sequence, kind in enumerate(itertools.cycle(MIX)):
                # From the beginning, not from the last one: a slow moment must not thin the load out.
                await asyncio.sleep(max(0.0, begin + sequence / rate - time.monotonic()))
                if stopped.is_set():
                    return
                group.create_task(self._send(kind, fresh=sequence % NEW_CONNECTION_EVERY == 0))

    async def _send(self, kind: str, *, fresh: bool) -> None:
        at, started = time.time(), time.monotonic()
        try:
            connection = await self._connection(fresh)
            answer = await self._ask(kind, connection)
            if connection.reusable:
                self._idle.append(connection)
            fault = "" if 200 <= answer.status < 300 else f"status {answer.status}"
        except (LostError, OSError, TimeoutError) as error:
            fault = f"{type(error).__name__}: {error}"
        self.record.requests.append(Sent(at, kind, time.monotonic() - started, fault))

    async def _connection(self, fresh: bool) -> Connection:
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.reusable and time.monotonic() - connection.used < KEEP_SECONDS:
                return connection
            connection.close()
        return await Connection.open(self._service)

    async def _ask(self, kind: str, connection: Connection) -> Answer:
        number = next(self._numbers)
        store = self._stores[number % len(self._stores)]
        if kind == "menus":
            return await connection.request("GET", f"/api/menus?store_id={store.id}")
        if kind == "order":
            return await self._order(connection, store, number)
        if kind == "upload":
            body, form = picture_upload()
            headers = {"Authorization": f"Bearer {store.token}", "Content-Type": form}
            return await connection.request("PUT", f"/api/admin/menus/{store.menus[0]}/image", headers, body)
        return await connection.request("GET", "/" if kind == "page" else self._asset)

    async def _order(self, connection: Connection, store: Store, number: int) -> Answer:
        answer = await connection.request("POST", "/api/orders", store.headers(number), store.order(number))
        if answer.status == 201:
            self.record.acknowledged.add((store.id, number))
        return answer

    async def _listen(self, store: Store, stopped: asyncio.Event) -> None:
        headers = {"Authorization": f"Bearer {store.token}"}
        lost_at: float | None = None
        reconnect = RECONNECT_SECONDS

        def arrived(piece: bytes) -> None:
            nonlocal lost_at, reconnect
            if retry := RETRY.search(piece):
                reconnect = int(retry[1]) / 1000
            if lost_at is not None:
                self.record.gaps.append((lost_at, time.time() - lost_at))
                lost_at = None
            self.record.events += piece.count(b"event: order_created")

        try:
            while not stopped.is_set():
                await self._read_stream(headers, arrived)
                lost_at = lost_at or time.time()
                await asyncio.sleep(reconnect)
        finally:
            # A request without an answer also counts as late.
            if lost_at is not None:
                self.record.gaps.append((lost_at, time.time() - lost_at))

    async def _read_stream(self, headers: dict[str, str], arrived: Callable[[bytes], None]) -> None:
        try:
            connection = await Connection.open(self._service)
            async for piece in connection.stream("/api/admin/orders/stream", headers):
                arrived(piece)
        except (LostError, OSError, TimeoutError):
            return

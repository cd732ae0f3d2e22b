"""Order events: from whichever process took the order, through Redis, to every open stream.

The rule that keeps pages right: a stream either delivers every event since it was opened, or it ends. It ends
when Redis had to be subscribed anew (events may have been missed), when an event could not be published, when its
reader is too slow, when its log-in ends, after an hour, and when the server stops. A page whose stream ended opens another
and fetches its orders again. What no process can tell (one that dies between the commit and the event) the page's own slow
look finds. While Redis is away a stream stays open and says that it is not live: the page then looks more often.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from app.models.api import OrderEvent

CHANNEL = "order_events"
_ENDINGS = "stream_endings"  # which streams are to end: messages of end_streams()
MAX_STREAM_SECONDS = 3600
_BACKLOG = 100  # events that wait for a slow reader
# How a stopping server ends its streams: one every so often, since whoever serves next has to open them all again,
# beside everything else; all within so long, below uvicorn's --timeout-graceful-shutdown (5 in the role), which cuts.
_END_EVERY_SECONDS = 0.04
_END_WITHIN_SECONDS = 4.0
_RETRY_SECONDS = 1
_QUIET_SECONDS = 2  # then Redis is asked whether it is still there: one that hangs closes no connection
_KEEPALIVE = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}

_log = logging.getLogger(__name__)


class Subscription:
    """One open stream's events, for one store and one log-in. Used on the event loop only."""

    def __init__(self, store_id: int, admin_id: int, login: str) -> None:
        """Begin empty."""
        self.store_id = store_id
        self.admin_id = admin_id
        self.login = login
        self._queue: asyncio.Queue[OrderEvent | bool | None] = asyncio.Queue(_BACKLOG)

    def offer(self, event: OrderEvent | bool) -> None:
        """Queue an event, or whether the stream is live; a full queue ends the stream."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """End the stream now; what is queued is fetched by the page that reconnects."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[OrderEvent | bool]:
        """Yield events, and first and after each change whether the stream is live, until it ends."""
        while (event := await self._queue.get()) is not None:
            yield event


class SSEPublisher:
    """Publishes events, and relays those that arrive to the streams that are open in this process."""

    def __init__(self, redis: Redis, redis_url: str) -> None:
        """Publish through `redis`; the subscription has a connection of its own."""
        self._redis = redis
        self._listener = AsyncRedis.from_url(
            redis_url,
            socket_connect_timeout=2,
            socket_timeout=2,
            socket_keepalive=True,
            socket_keepalive_options=_KEEPALIVE,
            # Never reconnect silently: a gap in the subscription must end the streams.
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._subscriptions: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self.is_subscribed = False
        self.is_away = False  # whether Redis could not be reached; not before the first try

    def publish(self, event: OrderEvent) -> None:
        """Tell everybody, as far as Redis is there: the order itself is already safe in the database.

        After any doubt whether it was told, the store's streams in this process end, and their pages look anew.
        """
        try:
            self._redis.publish(CHANNEL, event.model_dump_json())
        except RedisError as error:
            _log.warning("event %s was not published: %s", event.id, type(error).__name__)
            self._end_soon({"store_id": event.store_id})

    def end_streams(self, **whose: int | str) -> None:
        """End the streams of a `store_id`, an `admin_id` or a `login`; in other processes as far as Redis is there."""
        self._end_soon(whose)
        try:
            self._redis.publish(_ENDINGS, json.dumps(whose))
        except RedisError as error:
            _log.warning("streams of other processes were not ended: %s", type(error).__name__)

    def _end_soon(self, whose: dict[str, int | str]) -> None:
        if self._loop is not None:  # a request's thread must not touch what is the loop's
            self._loop.call_soon_threadsafe(self._end_streams, whose)

    @contextmanager
    def subscription(self, store_id: int, admin_id: int, login: str) -> Iterator[Subscription]:
        """Events of a store from now on, for an admin's log-in."""
        subscription = Subscription(store_id, admin_id, login)
        subscription.offer(self.is_subscribed)
        self._subscriptions.add(subscription)
        expiry = asyncio.get_running_loop().call_later(MAX_STREAM_SECONDS, subscription.end)
        if self._stopping:
            subscription.end()
        try:
            yield subscription
        finally:
            expiry.cancel()
            self._subscriptions.discard(subscription)

    async def listen(self) -> None:
        """Relay events until cancelled, through every absence of Redis."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                async with self._listener.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL, _ENDINGS)
                    await self._relay(pubsub)
            except Exception as error:
                _log.warning("not subscribed to Redis: %s", type(error).__name__)
            finally:
                self.is_away = True
                self._lose()
            await asyncio.sleep(_RETRY_SECONDS)

    def _lose(self) -> None:
        """Tell the streams that events may be missing from now on."""
        if self.is_subscribed:
            self.is_subscribed = False
            for subscription in self._subscriptions:
                subscription.offer(False)

    async def _relay(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=_QUIET_SECONDS)
            if message is None and asked:
                raise TimeoutError
            asked = message is None
            if message is None:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                _log.info("subscribed to Redis")
                self.is_subscribed, self.is_away = True, False
                self._end_streams({})
            elif message["type"] == "message" and message["channel"] == _ENDINGS.encode():
                self._end_as_told(message["data"])
            elif message["type"] == "message":
                self._deliver(message["data"])

    def _deliver(self, data: bytes) -> None:
        try:
            event = OrderEvent.model_validate_json(data)
        except ValidationError:
            _log.warning("ignored a message on %s that is no order event", CHANNEL)
            return
        for subscription in self._subscriptions:
            if subscription.store_id == event.store_id:
                subscription.offer(event)

    def _end_as_told(self, data: bytes) -> None:
        try:
            whose = dict(json.loads(data))
        except (ValueError, TypeError):
            _log.warning("ignored a message on %s that names no streams", _ENDINGS)
            return
        self._end_streams(whose)

    def _end_streams(self, whose: dict[str, int | str]) -> None:
        """End the streams that have all these attributes: {} is all of them."""
        for subscription in self._subscriptions:
            if all(getattr(subscription, name, None) == value for name, value in whose.items()):
                subscription.end()

    def stop(self) -> None:
        """End all streams, one after the other, and those still to come: the server waits for its responses."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        pause = min(_END_EVERY_SECONDS, _END_WITHIN_SECONDS / max(len(self._subscriptions), 1))
        for position, subscription in enumerate(self._subscriptions):
            loop.call_later(position * pause, subscription.end)

    async def close(self) -> None:
        """Close the subscription's connection."""
        await self._listener.aclose()

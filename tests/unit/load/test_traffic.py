"""When a client of the event stream comes back."""

import asyncio

import pytest

from tests.load import traffic
from tests.load.connection import Service
from tests.load.restaurant import Store

STORE = Store(7, [11, 12, 13, 14], "token")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ([b""], traffic.RECONNECT_SECONDS),
        ([b"retry: 40\n\n"], 0.04),
        ([b"id: 1\nretry: 250\n\n", b": ping\n\n"], 0.25),
    ],
)
def test_a_stream_is_opened_again_when_it_has_said(monkeypatch, said, seconds):
    load = traffic.Traffic(Service("127.0.0.1", 80), [STORE], "/")
    stopped = asyncio.Event()
    waits = []

    async def read(_headers, arrived):
        for piece in said:
            arrived(piece)

    async def sleep(waited):
        waits.append(waited)
        stopped.set()

    monkeypatch.setattr(load, "_read_stream", read)
    monkeypatch.setattr(traffic.asyncio, "sleep", sleep)
    asyncio.run(load._listen(STORE, stopped))
    assert waits == [seconds]

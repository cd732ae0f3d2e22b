"""Hearing about the server's end early enough."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def calling_on_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` on the event loop as soon as the process is asked to stop.

    An ASGI server tells the application only after the last response has ended, and an event stream ends only
    when told: without this each restart waits for uvicorn's --timeout-graceful-shutdown, and cuts them. The
    server's own handlers run as before. Outside the main thread (test clients) nobody sends signals: nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in previous:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

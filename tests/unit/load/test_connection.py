"""The load's connection: every answer that was cut off shows, and no request is ever sent again."""

import asyncio
import re
from collections.abc import Callable

import pytest

from tests.load import connection as strict
from tests.load.connection import Connection, LostError, Service
from tests.load.restaurant import Store
from tests.load.traffic import Record, Traffic

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# What the server writes, and whether it closes the connection then.
Reply = tuple[bytes, bool]


class Server:
    """Gives its replies one after the other (the last one again and again), and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.asked, self.connections = list(replies), [], 0

    def reply(self, line: str) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                self.asked.append((head.split(b"\r\n")[0].decode(), body))
                answer, close = self.reply(self.asked[-1][0])
                writer.write(answer)
                await writer.drain()
                if close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def serve(server: Server, use: Callable) -> object:
    """Run ``use(port)`` while the server listens on 127.0.0.1, and return what it returns."""

    async def run() -> object:
        async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
            return await use(listening.sockets[0].getsockname()[1])

    # Also the server's end, which waits for every connection's.
    return asyncio.run(asyncio.wait_for(run(), 20))


async def end_of(connection: Connection) -> None:
    """Wait until the server's end of the connection has arrived."""
    for _ in range(200):
        if connection._reader.at_eof():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the connection stays open")


def test_a_whole_answer_is_returned_and_the_connection_used_again():
    server = Server((OK, False), (b"HTTP/1.1 404 Not Found\r\nX-A: B\r\nContent-Length: 0\r\n\r\n", False))

    async def use(port: int) -> list:
        connection = await Connection.open(Service("127.0.0.1", port))
        answers = [await connection.request("POST", "/a", {"X-B": "c"}, b"body")]
        assert connection.reusable
        answers.append(await connection.request("GET", "/b"))
        connection.close()
        return answers

    first, second = serve(server, use)
    assert (first.status, first.body) == (200, b"ok")
    assert (second.status, second.headers["x-a"], second.body) == (404, "B", b"")
    assert server.asked == [("POST /a HTTP/1.1", b"body"), ("GET /b HTTP/1.1", b"")]
    assert server.connections == 1


LOST = {
    "before an answer": b"",
    "in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
    "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "after what is no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_is_cut_off_is_lost_and_not_asked_for_again(method, answer):
    server = Server((answer, True), (OK, False))

    async def use(port: int) -> Connection:
        connection = await Connection.open(Service("127.0.0.1", port))
        with pytest.raises(LostError, match=f"{method} /orders"):
            await connection.request(method, "/orders", body=b"x" if method == "POST" else b"")
        return connection

    connection = serve(server, use)
    assert not connection.reusable
    assert [line for line, _ in server.asked] == [f"{method} /orders HTTP/1.1"]


def test_an_answer_that_does_not_come_is_lost(monkeypatch):
    monkeypatch.setattr(strict, "TIMEOUT", 0.2)

    async def use(port: int) -> None:
        connection = await Connection.open(Service("127.0.0.1", port))
        with pytest.raises(LostError, match="TimeoutError"):
            await connection.request("GET", "/")
        assert connection._writer.is_closing()

    server = Server((b"HTTP/1.1 200 OK\r\n", False))
    serve(server, use)
    assert len(server.asked) == 1


def test_a_connection_that_the_server_closes_while_idle_is_not_used_again():
    server = Server((OK, True))

    async def use(port: int) -> None:
        connection = await Connection.open(Service("127.0.0.1", port))
        assert (await connection.request("GET", "/")).status == 200
        await end_of(connection)
        assert not connection.reusable
        with pytest.raises(LostError):
            await connection.request("GET", "/")

    serve(server, use)
    assert (len(server.asked), server.connections) == (1, 1)


@pytest.mark.parametrize("head", [b"Connection: close\r\n", b""], ids=["announced", "until the end"])
def test_an_answer_after_which_the_server_closes_is_whole(head):
    length = b"Content-Length: 2\r\n" if head else b""
    server = Server((b"HTTP/1.1 200 OK\r\n" + head + length + b"\r\nok", True))

    async def use(port: int) -> tuple:
        connection = await Connection.open(Service("127.0.0.1", port))
        return (await connection.request("GET", "/")).body, connection.reusable

    assert serve(server, use) == (b"ok", False)


def test_nobody_there_is_an_error():
    async def use() -> None:
        server = await asyncio.start_server(Server((OK, True)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await Connection.open(Service("127.0.0.1", port))

    asyncio.run(use())


EVENTS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n"


@pytest.mark.parametrize(
    ("answer", "pieces", "lost"),
    [
        (EVENTS + b"0\r\n\r\n", b"one\ntwo\n", ""),
        (EVENTS, b"one\ntwo\n", "GET /stream: "),
        (b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n", b"", "GET /stream: status 503"),
        (b"", b"", "GET /stream: "),
    ],
    ids=["ended", "cut off", "refused", "closed"],
)
def test_a_stream_is_read_until_it_ends_or_is_lost(answer, pieces, lost):
    server = Server((answer, True))

    async def use(port: int) -> tuple[bytes, str]:
        got = b""
        connection = await Connection.open(Service("127.0.0.1", port))
        try:
            async for piece in connection.stream("/stream", {}):
                got += piece
        except LostError as error:
            return got, str(error)
        return got, ""

    got, error = serve(server, use)
    assert got == pieces
    assert error.startswith(lost)
    assert bool(error) == bool(lost)
    assert len(server.asked) == 1


def load(server: Server, *kinds: str, fresh: bool = False) -> Record:
    """Send requests of these kinds through Traffic, one after the other."""

    async def use(port: int) -> Record:
        traffic = Traffic(Service("127.0.0.1", port), [Store(7, [1, 2, 3, 4], "token")], "/asset.js")
        for kind in kinds:
            await traffic._send(kind, fresh=fresh)
            await asyncio.sleep(0.05)
        for connection in traffic._idle:
            connection.close()
        return traffic.record

    return serve(server, use)


CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
FAULTS = {
    "status 500": (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", False),
    "status 301": (b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", False),
    "LostError: POST /api/orders: ": (b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{", True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_order_without_its_whole_answer_is_a_fault_and_not_repeated(fault):
    server = Server(FAULTS[fault], (CREATED, False))
    record = load(server, "order")
    assert [sent.fault[: len(fault)] for sent in record.requests] == [fault]
    assert len(server.asked) == 1
    assert record.acknowledged == set()


def test_an_order_is_acknowledged_by_its_answer():
    server = Server((CREATED, False))
    record = load(server, "order", "menus", "order")
    assert [sent.fault for sent in record.requests] == ["", "", ""]
    assert record.acknowledged == {(7, 0), (7, 2)}
    assert server.connections == 1


def test_a_connection_that_was_closed_while_idle_is_no_fault():
    server = Server((OK, True))
    record = load(server, "menus", "page", "asset")
    assert [sent.fault for sent in record.requests] == ["", "", ""]
    assert [line.split()[1] for line, _ in server.asked] == ["/api/menus?store_id=7", "/", "/asset.js"]
    assert server.connections == 3


def test_a_fresh_connection_is_a_new_one():
    server = Server((OK, False))
    load(server, "menus", "menus", fresh=True)
    assert server.connections == 2


def test_a_picture_is_sent_as_the_stores_administrator():
    server = Server((OK, False))
    record = load(server, "upload")
    assert [sent.fault for sent in record.requests] == [""]
    line, body = server.asked[0]
    assert line == "PUT /api/admin/menus/1/image HTTP/1.1"
    assert b"image/png" in body


def test_the_rate_is_kept_however_slow_the_answers_are():
    class Slow(Server):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.5)
            await super().__call__(reader, writer)

    async def use(port: int) -> Record:
        traffic = Traffic(Service("127.0.0.1", port), [Store(7, [1, 2, 3, 4], "token")], "/asset.js")
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_later(1, stopped.set)
        await traffic.run(40, 0, stopped)
        return traffic.record

    record = serve(Slow((CREATED, False)), use)
    assert 30 <= len(record.requests) <= 45
    assert not [sent for sent in record.requests if sent.fault]


def test_a_stream_that_was_lost_is_opened_again_and_its_gap_kept(monkeypatch):
    monkeypatch.setattr("tests.load.traffic.RECONNECT_SECONDS", 0.3)
    event = b"1b\r\nevent: order_created\ndata:\n\r\n"
    head = EVENTS.partition(b"4\r\n")[0]

    class Streams(Server):
        """Loses its first stream; all other requests are answered well."""

        def reply(self, line: str) -> Reply:
            return super().reply(line) if "stream" in line else (OK, False)

    server = Streams((head + event, True), (head + event, False))

    async def use(port: int) -> Record:
        traffic = Traffic(Service("127.0.0.1", port), [Store(7, [1, 2, 3, 4], "token")], "/asset.js")
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_later(1, stopped.set)
        await traffic.run(1, 1, stopped)
        return traffic.record

    record = serve(server, use)
    assert len(record.gaps) == 1
    assert 0.25 < record.gaps[0][1] < 0.9
    assert record.events == 2

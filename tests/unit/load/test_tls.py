"""The load over HTTPS: exactly the server's certificate is trusted, and nothing is sent to any other."""

import asyncio
import socket
import ssl
import struct
import subprocess

import pytest

from playbooks.files.verify import CheckError
from tests.load.connection import Connection, LostError, Service
from tests.load.restaurant import Restaurants, Store
from tests.load.traffic import Record, Traffic
from tests.unit.load.test_connection import OK, Server


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Return two self-signed certificates (PEM) of one name, with their servers' contexts: made as the role nginx makes its own."""
    directory = tmp_path_factory.mktemp("pairs")
    made = []
    for name in ("one", "other"):
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        command += ["-subj", "/CN=table-order.local", "-addext", "subjectAltName=DNS:table-order.local"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        made.append((certificate.read_text(), context))
    return made


def serve(server: Server, context: ssl.SSLContext, use) -> object:
    """Run ``use(port)`` while the server listens with TLS on 127.0.0.1, and return what it returns."""

    async def run() -> object:
        async with await asyncio.start_server(server, "127.0.0.1", 0, ssl=context) as listening:
            return await use(listening.sockets[0].getsockname()[1])

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_requests_share_the_connection_and_its_handshake(pairs):
    certificate, context = pairs[0]
    server = Server((OK, False))

    async def use(port: int) -> Record:
        traffic = Traffic(
            Service.of(f"https://127.0.0.1:{port}", certificate), [Store(7, [1, 2, 3, 4], "token")], "/a.js"
        )
        for kind in ("menus", "page", "asset"):
            await traffic._send(kind, fresh=False)
        for connection in traffic._idle:
            connection.close()
        return traffic.record

    record = serve(server, context, use)
    assert [sent.fault for sent in record.requests] == ["", "", ""]
    assert (len(server.asked), server.connections) == (3, 1)


@pytest.mark.parametrize("shown", ["another", "signed by it"])
def test_nothing_is_sent_to_a_server_with_another_certificate(pairs, shown, monkeypatch):
    (trusted, _), (other, context) = pairs
    server = Server((OK, False))

    async def use(port: int) -> None:
        service = Service.of(f"https://127.0.0.1:{port}", trusted)
        if shown == "signed by it":
            # One that the context takes, but not the very one.
            service.context.load_verify_locations(cadata=other)
        with pytest.raises(ssl.SSLCertVerificationError):
            await Connection.open(service)

    serve(server, context, use)
    assert server.asked == []


def test_a_self_signed_certificate_is_not_trusted_unless_it_is_given(pairs):
    server = Server((OK, False))

    async def use(port: int) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await Connection.open(Service.of(f"https://127.0.0.1:{port}"))

    serve(server, pairs[0][1], use)
    assert server.asked == []


def test_the_stores_are_made_over_the_same_trust(pairs):
    (trusted, _), (_, context) = pairs
    server = Server((OK, True))

    async def use(port: int) -> None:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(CheckError, match="certificate"):
            await asyncio.to_thread(Restaurants, url, Service.of(url, trusted), "root", "secret")

    serve(server, context, use)
    assert server.asked == []


@pytest.mark.parametrize("answer", [b"", OK[:-1]], ids=["before an answer", "in the body"])
def test_an_answer_that_is_cut_off_is_lost(pairs, answer):
    certificate, context = pairs[0]
    server = Server((answer, True), (OK, False))

    async def use(port: int) -> bool:
        connection = await Connection.open(Service.of(f"https://127.0.0.1:{port}", certificate))
        with pytest.raises(LostError, match="GET /orders"):
            await connection.request("GET", "/orders")
        return connection.reusable

    assert serve(server, context, use) is False
    assert len(server.asked) == 1


def test_a_connection_that_is_torn_down_while_idle_is_not_used_again(pairs):
    """By a reset, as from a server that was killed: the reader has an error then, and no end."""
    certificate, context = pairs[0]
    torn = []

    class Torn(Server):
        async def __call__(self, reader, writer) -> None:
            torn.append(writer)
            await super().__call__(reader, writer)

    server = Torn((OK, False))

    async def use(port: int) -> None:
        connection = await Connection.open(Service.of(f"https://127.0.0.1:{port}", certificate))
        assert (await connection.request("GET", "/")).status == 200
        assert connection.reusable
        torn[0].get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        torn[0].transport.abort()
        for _ in range(200):
            if not connection.reusable:
                return
            await asyncio.sleep(0.01)
        pytest.fail("the connection counts as usable")

    serve(server, context, use)


@pytest.mark.parametrize(
    ("url", "port", "secure"),
    [
        ("http://127.0.0.1", 80, False),
        ("http://127.0.0.1:81/", 81, False),
        ("https://127.0.0.1", 443, True),
        ("https://127.0.0.1:8443", 8443, True),
    ],
)
def test_the_url_says_where_and_how(url, port, secure):
    service = Service.of(url)
    assert (service.host, service.port, service.context is not None) == ("127.0.0.1", port, secure)

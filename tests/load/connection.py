"""One HTTP/1.1 connection that never repeats anything: what a browser's quiet retries would hide must show."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from playbooks.files.verify import tls

TIMEOUT = 30.0


class Service(NamedTuple):
    """Where connections go, and for https how far its certificate is trusted."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    # The one certificate (DER) that the server may show; none for any that the context takes.
    pinned: bytes = b""

    @classmethod
    def of(cls, url: str, certificate: str = "") -> Service:
        """Return the service of a URL; over https with exactly ``certificate`` (PEM), or with one that the system trusts."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return cls(host, parts.port or 80)
        return cls(host, parts.port or 443, *tls(certificate, ""))


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LostError(Exception):
    """The request was sent, in part at least, and no whole answer came."""


class Connection:
    """A connection to a service; open until the server or ``close`` ends it."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use ``open`` instead."""
        self._authority = f"{service.host}:{service.port}"
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self.used = time.monotonic()

    @classmethod
    async def open(cls, service: Service) -> Connection:
        """Connect. Raises ``OSError`` without a listener or for a wrong certificate, before data is sent."""
        opening = asyncio.open_connection(service.host, service.port, ssl=service.context)
        connection = cls(service, *await asyncio.wait_for(opening, TIMEOUT))
        if service.pinned and connection.certificate != service.pinned:
            connection.close()
            raise ssl.SSLCertVerificationError(
                f"{service.host} presents a certificate that is not the server's"
            )
        return connection

    @property
    def certificate(self) -> bytes | None:
        """The certificate that the server has shown (DER); none over http."""
        secured = self._writer.get_extra_info("ssl_object")
        return secured.getpeercert(binary_form=True) if secured else None

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent, as far as this side can know."""
        broken = self._reader.at_eof() or self._reader.exception() is not None
        return self._http.our_state is h11.IDLE and not broken

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request and return its whole answer."""
        try:
            return await asyncio.wait_for(self._request(method, path, headers or {}, body), TIMEOUT)
        except (OSError, EOFError, TimeoutError, h11.ProtocolError) as error:
            self.close()
            raise LostError(f"{method} {path}: {type(error).__name__}: {error}") from error

    async def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        head = await self._send(method, path, headers, body)
        parts = [bytes(event.data) async for event in self._events() if isinstance(event, h11.Data)]
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()
        self.used = time.monotonic()
        return Answer(head.status_code, _readable(head), b"".join(parts))

    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Send a GET and yield the pieces of a streamed answer; any status but 200 is a ``LostError``."""
        try:
            head = await asyncio.wait_for(self._send("GET", path, headers, b""), TIMEOUT)
            if head.status_code != 200:
                raise LostError(f"GET {path}: status {head.status_code}")
            yield b""
            async for event in self._events():
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
        except (OSError, EOFError, h11.ProtocolError) as error:
            raise LostError(f"GET {path}: {type(error).__name__}: {error}") from error
        finally:
            self.close()

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> h11.Response:
        length = {"content-length": str(len(body))} if body else {}
        wanted = {"host": self._authority, **length, **headers}
        self._write(h11.Request(method=method, target=path, headers=list(wanted.items())))
        if body:
            self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())
        await self._writer.drain()
        event = await self._next()
        if isinstance(event, h11.Response):
            return event
        raise EOFError("the connection was closed before an answer")

    async def _events(self) -> AsyncIterator[h11.Event]:
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            yield event

    async def _next(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(65536))
        if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise EOFError("the connection was closed, or used, out of turn")
        return event

    def _write(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
        if self._http.our_state is not h11.ERROR:
            self._http.send_failed()


def _readable(head: h11.Response) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in head.headers}

"""The seed's "Step 6: Verify Deployment", through the service's public address.

Reads one JSON object from standard input (so that no password is ever an argument):
``address`` of the server, ``host_name`` for the requests (empty: the address), ``http_port``, ``https_port``,
``certificate`` (PEM: the only accepted certificate; empty: any trusted one for the name), ``authority_file`` (an additional CA
certificate to trust, or empty), ``redirects`` (bool: HTTP redirects to HTTPS),
``superadmin_username``, ``superadmin_password``, ``log_streams`` [[group, stream], ...], ``region``,
``closed_ports`` [port, ...], ``application`` (bool: also order, upload and stream, in a separate store).

It connects to the address and requests the host name, so that it works before DNS knows the name. It sends passwords and
tokens only over HTTPS, and follows no redirect.

Prints a JSON list with one object for each check: ``name``, ``ok``, ``detail``, ``seconds``. Exit status 0 means that the
list was printed, also for failed checks. The checks remove their store with its contents at the end.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

STORE = "Verification (made and removed by verify.yml)"  # also finds the store of an older release's interrupted run
TIMEOUT = 10
LOGS_WITHIN = 60


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    name: str
    ok: bool
    detail: str
    seconds: float


class CheckError(Exception):
    """A failed check; the message gives the reason."""


class _To:
    """Sends all connections to one address, independent of the URL's host."""

    def __init__(self, address: str, pinned: bytes = b"") -> None:
        """Take the address, and the only accepted certificate (DER); empty accepts every certificate that the context trusts."""
        self.address, self.pinned = address, pinned

    def plain(self, host: str, **options: Any) -> http.client.HTTPConnection:  # noqa: ANN401
        """Return a connection for http."""
        return self._redirect(http.client.HTTPConnection(host, **options))

    def secure(self, host: str, **options: Any) -> http.client.HTTPConnection:  # noqa: ANN401
        """Return a connection for https that checks the certificate before it sends data."""
        connection = self._redirect(http.client.HTTPSConnection(host, **options))
        connect = connection.connect

        def checked() -> None:
            connect()
            if self.pinned and connection.sock.getpeercert(binary_form=True) != self.pinned:
                connection.close()
                raise ssl.SSLCertVerificationError(
                    f"{self.address} presents a certificate that is not the server's"
                )

        connection.connect = checked
        return connection

    def _redirect(self, connection: Any) -> Any:  # noqa: ANN401
        def dial(target: tuple[str, int], *rest: Any) -> socket.socket:  # noqa: ANN401
            return socket.create_connection((self.address, target[1]), *rest)

        connection._create_connection = dial
        return connection


class _HTTP(urllib.request.HTTPHandler):
    def __init__(self, to: _To) -> None:
        super().__init__()
        self.to = to

    def http_open(self, req: urllib.request.Request) -> Any:  # noqa: ANN401
        return self.do_open(self.to.plain, req)


class _HTTPS(urllib.request.HTTPSHandler):
    def __init__(self, to: _To, context: ssl.SSLContext | None) -> None:
        super().__init__(context=context)
        self.to, self.tls = to, context

    def https_open(self, req: urllib.request.Request) -> Any:  # noqa: ANN401
        return self.do_open(self.to.secure, req, context=self.tls)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Returns a redirect as an answer: requests with secrets go to no other host."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401
        return None


def tls(certificate: str, authority_file: str) -> tuple[ssl.SSLContext, bytes]:
    """Return the trust settings: exactly ``certificate`` (PEM), or the system's CAs and an additional one."""
    if not certificate:
        context = ssl.create_default_context()
        if authority_file:
            context.load_verify_locations(authority_file)
        return context, b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The comparison of the whole certificate makes a check of its name unnecessary.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context, ssl.PEM_cert_to_DER_cert(certificate[certificate.index("-----BEGIN") :])


class Api:
    """The service as a browser sees it."""

    def __init__(
        self, url: str, address: str = "", context: ssl.SSLContext | None = None, pinned: bytes = b""
    ) -> None:
        """Take the URL, the address to connect to (the URL's host if empty), and the trust settings for https."""
        self.url, self.token = url.rstrip("/"), ""
        to = _To(address or urllib.parse.urlsplit(url).hostname or "", pinned)
        handlers = (urllib.request.ProxyHandler({}), _HTTP(to), _HTTPS(to, context), _NoRedirect())
        self.opener = urllib.request.build_opener(*handlers)

    def another(self) -> Api:
        """Return the same service without a log-in."""
        other = Api(self.url)
        other.opener = self.opener
        return other

    def open(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body; an HTTP error status is a result, not an exception."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})  # noqa: S310
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with self.opener.open(request, timeout=TIMEOUT) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except OSError as error:
            raise CheckError(f"{method} {self.url}{path}: {error}") from error

    def call(
        self,
        method: str,
        path: str,
        value: object = None,
        expect: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Any:  # noqa: ANN401
        """Send and receive JSON; another status than ``expect`` is a failure that quotes the answer."""
        body = None if value is None else json.dumps(value).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        status, _, answer = self.open(path, method, body, headers)
        if status != expect:
            raise CheckError(
                f"{method} {path} answered {status}, expected {expect}: {answer[:300].decode(errors='replace')}"
            )
        return json.loads(answer) if answer else None

    def log_in(self, username: str, password: str) -> None:
        """Send the token with every further request."""
        self.token = ""
        self.token = self.call("POST", "/api/auth/login", {"username": username, "password": password})[
            "access_token"
        ]


def check_health(api: Api) -> str:
    """The application reaches its database, its cache and its bucket."""
    status, _, body = api.open("/api/health")
    if status != 200:
        raise CheckError(f"/api/health answered {status}: {body[:300].decode(errors='replace')}")
    health = json.loads(body)
    return (
        ", ".join(f"{name} {state}" for name, state in health["checks"].items())
        + f"; release {health['release']}"
    )


def check_front_end(api: Api, path: str) -> str:
    """Check a front end's page and its first script."""
    status, headers, body = api.open(path)
    page = body.decode(errors="replace")
    if status != 200 or "text/html" not in headers.get("Content-Type", ""):
        raise CheckError(f"{path} answered {status} {headers.get('Content-Type')}, expected an HTML page")
    if 'src="' not in page:
        raise CheckError(f"{path} names no script")
    script = urllib.parse.urljoin(api.url + path, page.split('src="', 1)[1].split('"', 1)[0]).removeprefix(
        api.url
    )
    status, headers, _ = api.open(script)
    if status != 200 or "javascript" not in headers.get("Content-Type", ""):
        raise CheckError(f"{script} answered {status} {headers.get('Content-Type')}, expected a script")
    return f"page and {script.rsplit('/', 1)[-1]}"


def check_http(plain: Api, secure: Api, redirects: bool) -> str:
    """Check that port 80 serves the same page, or redirects to HTTPS and refuses a log-in."""
    status, headers, body = plain.open("/?table=1")
    if not redirects:
        if status != 200 or body != secure.open("/?table=1")[2]:
            raise CheckError(f"http answered {status}, expected the same page as over https")
        return "same page as over https"
    wanted = f"{secure.url}/?table=1"
    if status not in (301, 308) or headers.get("Location") != wanted:
        raise CheckError(f"http answered {status} {headers.get('Location')}, expected a redirect to {wanted}")
    status = plain.open("/api/auth/login", "POST", b"{}", {"Content-Type": "application/json"})[0]
    if status != 403:
        raise CheckError(f"a log-in over http was answered with {status}, expected 403: nginx must refuse it")
    return f"redirects to {secure.url}"


def check_https(secure: Api, pinned: bool) -> str:
    """Check that the connection is safe for a password."""
    status = secure.open("/")[0]
    if status != 200:
        raise CheckError(f"{secure.url}/ answered {status}")
    if pinned:
        return "the server's self-signed certificate: guests' browsers will warn"
    return "trusted certificate"


def tiny_png() -> bytes:
    """Return a 2x2 image of a random color, so that no cache can answer for the bucket."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + secrets.token_bytes(3) * 2
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 2))
        + chunk(b"IEND", b"")
    )


def upload_menu(api: Api, category: int, image: bytes) -> dict[str, Any]:
    """Create a menu with an image, as the admin page does."""
    boundary = secrets.token_hex(16)
    fields = {"name": "Verification", "price": "1000", "category_id": str(category)}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
        for k, v in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="v.png"\r\nContent-Type: image/png\r\n\r\n'
    body = ("".join(parts) + head).encode() + image + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, _, answer = api.open("/api/admin/menus", "POST", body, headers)
    if status != 201:
        raise CheckError(f"POST /api/admin/menus answered {status}: {answer[:300].decode(errors='replace')}")
    return json.loads(answer)


def table_codes(admin: Api) -> dict[int, str]:
    """Return the code of each table of the administrator's store; empty from a release without codes."""
    return {table["number"]: table.get("code", "") for table in admin.call("GET", "/api/admin/tables")}


class Stream:
    """The admin page's event stream; ``wait`` returns when an order arrives."""

    def __init__(self, api: Api) -> None:
        """Open the stream, and return at the start of the server's answer."""
        request = urllib.request.Request(  # noqa: S310
            api.url + "/api/admin/orders/stream", headers={"Authorization": f"Bearer {api.token}"}
        )
        self.answer = api.opener.open(request, timeout=TIMEOUT)
        self.order = 0
        self.arrived = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        event = ""
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:") and event == "order_created":
                    self.order = json.loads(line[5:])["id"]
                    self.arrived.set()
        except (OSError, ValueError, AttributeError):
            return

    def wait(self, order: int, within: float) -> float:
        """Return the seconds until ``order`` arrived."""
        started = time.monotonic()
        if not self.arrived.wait(within) or self.order != order:
            raise CheckError(f"the order's event did not arrive within {within:g} s")
        return time.monotonic() - started


class Application:
    """The checks that order food, in a separate store that they remove at the end."""

    def __init__(self, api: Api, username: str, password: str) -> None:
        """Create the store, its administrator and a category."""
        self.api, self.operator = api, api.another()
        try:
            self.operator.log_in(username, password)
        except CheckError as error:
            raise CheckError(
                f"{error} (as {username}, with the password in the secret app/settings)"
            ) from error
        self.remove()
        store = self.operator.call(
            "POST", "/api/superadmin/stores", {"name": STORE, "table_count": 1}, expect=201
        )
        self.store = store["id"]
        admin = {"username": f"verification-{secrets.token_hex(4)}", "password": secrets.token_urlsafe(24)}
        self.operator.call("POST", f"/api/superadmin/stores/{self.store}/admins", admin, expect=201)
        self.admin = api.another()
        self.admin.log_in(admin["username"], admin["password"])
        self.category = self.admin.call(
            "POST", "/api/admin/categories", {"name": "Verification", "position": 0}, 201
        )["id"]
        self.menu: dict[str, Any] = {}

    def remove(self) -> None:
        """Remove the store, also after an interrupted run."""
        for store in self.operator.call("GET", "/api/superadmin/stores"):
            if store["name"] == STORE:
                self.operator.call("PATCH", f"/api/superadmin/stores/{store['id']}", {"is_active": False})
                self.operator.call("DELETE", f"/api/superadmin/stores/{store['id']}", expect=204)

    def check_upload(self) -> str:
        """Upload an image to S3 through the instance role, and read it back."""
        image = tiny_png()
        self.menu = upload_menu(self.admin, self.category, image)
        status, headers, body = self.api.open(self.menu["image_url"])
        if status != 200 or not headers.get("Content-Type", "").startswith("image/") or len(body) < 40:
            raise CheckError(
                f"{self.menu['image_url']} answered {status} {headers.get('Content-Type')}, {len(body)} bytes"
            )
        return f"{len(body)} bytes written and read back"

    def check_order(self) -> str:
        """Check that an order reaches the open admin page within a second."""
        listed = self.api.call("GET", f"/api/menus?store_id={self.store}")
        menu = listed["categories"][0]["menus"][0]["id"]
        stream = Stream(self.admin)
        body = {"store_id": self.store, "table_number": 1, "items": [{"menu_id": menu, "quantity": 2}]}
        code = {"X-Table-Code": table_codes(self.admin)[1]}
        order = self.api.call("POST", "/api/orders", body, expect=201, headers=code)
        return f"order {order['id']} arrived after {stream.wait(order['id'], 1.0) * 1000:.0f} ms"


def check_logs(api: Api, streams: list[list[str]], region: str) -> str:
    """Check that a new request appears in each log stream of CloudWatch Logs."""
    import boto3

    marker = f"verification-{secrets.token_hex(8)}"
    api.open(f"/api/{marker}")
    logs, waiting = boto3.client("logs", region_name=region), streams
    started, deadline = int(time.time() * 1000) - 60_000, time.monotonic() + LOGS_WITHIN
    while waiting and time.monotonic() < deadline:
        waiting = [
            (group, stream)
            for group, stream in waiting
            if not has_event(logs, group, stream, marker, started)
        ]
        if waiting:
            time.sleep(1)
    if waiting:
        raise CheckError(
            f"no event of a request within {LOGS_WITHIN} s in " + ", ".join(f"{g} {s}" for g, s in waiting)
        )
    return f"{len(streams)} streams carry the request"


def has_event(logs: Any, group: str, stream: str, marker: str, started: int) -> bool:  # noqa: ANN401
    """Return whether ``stream`` has an event with ``marker`` since ``started`` (ms since 1970)."""
    try:
        found = logs.filter_log_events(
            logGroupName=group, logStreamNames=[stream], filterPattern=f'"{marker}"', startTime=started
        )
    except logs.exceptions.ResourceNotFoundException:
        return False
    return any(marker in event["message"] for event in found["events"])


def check_closed(host: str, port: int) -> str:
    """Check that ``port`` of the public address is closed."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return "does not answer from outside"
    raise CheckError(f"{host}:{port} answers from outside")


def run(name: str, check: Callable[[], str]) -> Result:
    """Run one check and time it."""
    started = time.monotonic()
    try:
        ok, detail = True, check()
    except CheckError as error:
        ok, detail = False, str(error)
    except (OSError, KeyError, IndexError, ValueError) as error:
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Result(name, ok, detail, round(time.monotonic() - started, 2))


def application_checks(api: Api, settings: dict[str, Any]) -> list[Result]:
    """Order and upload in a separate store, and always remove the store."""
    made: list[Application] = []

    def make() -> str:
        made.append(Application(api, settings["superadmin_username"], settings["superadmin_password"]))
        return "logged in, store created"

    results = [run("Administration", make)]
    if made:
        application = made[0]
        results.append(run("S3 upload", application.check_upload))
        results.append(run("Order and SSE", application.check_order))
        results.append(run("Clean up", lambda: application.remove() or "store removed"))
    return results


def services(settings: dict[str, Any]) -> tuple[Api, Api, bool]:
    """Return the service over http and over https, and whether only one certificate is accepted."""
    context, pinned = tls(settings["certificate"], settings["authority_file"])
    name = settings["host_name"] or settings["address"]

    def url(scheme: str, port: int, usual: int) -> str:
        return f"{scheme}://{name}" + ("" if port == usual else f":{port}")

    plain = Api(url("http", int(settings["http_port"]), 80), settings["address"])
    secure = Api(url("https", int(settings["https_port"]), 443), settings["address"], context, pinned)
    return plain, secure, bool(pinned)


def main() -> None:
    """Read the settings, run every check, print the results."""
    settings = json.load(sys.stdin)
    address = settings["address"]
    plain, api, pinned = services(settings)
    results = [
        run("HTTPS", lambda: check_https(api, pinned)),
        run("HTTP", lambda: check_http(plain, api, settings["redirects"])),
        run("Backend, database, Redis, S3", lambda: check_health(api)),
        run("Customer page", lambda: check_front_end(api, "/")),
        run("Admin page", lambda: check_front_end(api, "/admin/")),
        run("Superadmin page", lambda: check_front_end(api, "/superadmin/")),
    ]
    if settings["application"]:
        results += application_checks(api, settings)
    results.append(
        run("CloudWatch Logs", lambda: check_logs(api, settings["log_streams"], settings["region"]))
    )
    results += [
        run(f"Port {port}", lambda port=port: check_closed(address, port))
        for port in settings["closed_ports"]
    ]
    json.dump([asdict(result) for result in results], sys.stdout)


if __name__ == "__main__":
    main()

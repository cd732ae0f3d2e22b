"""The HTTP side: moto's API, the local cloud's own paths, and the metadata service."""

from __future__ import annotations

import http
import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from local_cloud.cloud import Cloud, ServerAt
from local_cloud.door import Door
from local_cloud.faults import Answer, Environ
from local_cloud.metadata import Metadata
from local_cloud.network import METADATA_ADDRESS
from local_cloud.settings import SettingsError, delays
from local_cloud.shims import capacity
from local_cloud.shims.rds import maintenance
from local_cloud.shims.rds.states import order_states

log = logging.getLogger("local_cloud")

IP_FREEBIND = 15  # <linux/in.h>; Python's socket module does not name it


class Application:
    """The WSGI application that every listener serves."""

    def __init__(self, cloud: Cloud, server_at: ServerAt) -> None:
        """Serve this cloud."""
        self.cloud = cloud
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.metadata = Metadata(cloud, server_at)
        self.door = Door(cloud, server_at)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request: refuse strangers, then metadata, our own paths, ordered faults, moto."""
        answer = self._answer_ourselves(environ)
        if answer is None:
            return self._answer_with_moto(environ, start_response)
        reason = http.HTTPStatus(answer.status).phrase
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status} {reason}", headers)
        return [answer.body]

    def _answer_ourselves(self, environ: Environ) -> Answer | None:
        if refusal := self.door.refusal(environ):
            return refusal
        if environ.get("HTTP_HOST", "").partition(":")[0] == METADATA_ADDRESS:
            return self.metadata.answer(environ)
        _read_body(environ)
        if refusal := self.door.limit(environ, _body(environ)):
            return refusal
        path = environ["PATH_INFO"]
        if path.startswith("/local-cloud/"):
            return self._local(environ["REQUEST_METHOD"], path.removeprefix("/local-cloud/"), environ)
        if path == "/moto-api/reset" and environ["REQUEST_METHOD"] == "POST":
            self.cloud.reset()
        return (
            self.cloud.guard.answer(environ, _body(environ))
            or self.cloud.faults.answer(environ, _body(environ))
            or self.cloud.lag.answer(environ, _body(environ))
        )

    def _answer_with_moto(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        stops, status, headers = self.cloud.stops, "", []
        call = stops.name(environ, _body(environ))

        def start(given: str, fields: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = given, fields
            return lambda _: None

        # One request at a time: moto's models are not made for threads. The body was read before,
        # so that a slow client delays no other.
        with self.cloud.lock:
            if call and stops.held:
                answer = None
            else:
                try:
                    answer = list(self.moto(environ, start))
                except Exception:
                    log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
                    raise
                if call and status.startswith("2"):
                    stops.done(call)
        if call:
            stops.wait()
        if answer is None:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        if status.startswith("2"):
            seen = self.cloud.lag.as_seen(environ, _body(environ), answer)
            if seen is not answer:
                answer = seen
                headers = [field for field in headers if field[0].lower() != "content-length"]
                headers.append(("Content-Length", str(len(seen[0]))))
        start_response(status, headers)
        return answer

    def _local(self, method: str, path: str, environ: Environ) -> Answer:
        """The paths below /local-cloud/."""
        route = self._routes().get((method, path))
        if route is None:
            return _json(404, {"error": f"no {method} /local-cloud/{path}"})
        try:
            return route(_body(environ))
        except (SettingsError, TypeError, ValueError) as error:
            return _json(400, {"error": str(error)})

    def _routes(self) -> dict[tuple[str, str], Callable[[bytes], Answer]]:
        return {
            ("GET", "health"): self._health,
            ("GET", "database-ca.pem"): self._authority,
            ("PUT", "delays"): self._set_delays,
            ("PUT", "states"): self._set_states,
            ("PUT", "maintenance"): self._set_maintenance,
            ("PUT", "capacity"): self._set_capacity,
            ("PUT", "consistency"): self._set_consistency,
            ("GET", "policies"): self._policies,
            ("PUT", "policies"): self._set_policies,
            ("PUT", "run"): self._set_run,
            ("GET", "stops"): self._stops,
            ("PUT", "stops"): self._set_stops,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
        }

    def _health(self, _: bytes) -> Answer:
        settings = self.cloud.settings
        document = {
            "name": settings.name,
            "account": settings.account,
            "region": settings.region,
            "settings": settings.as_json(),
            "delays": self.cloud.delays,
        }
        return _json(200, document)

    def _authority(self, _: bytes) -> Answer:
        return Answer(200, "application/x-pem-file", self.cloud.authority.pem)

    def _set_delays(self, body: bytes) -> Answer:
        self.cloud.delays.update(delays({**self.cloud.delays, **json.loads(body)}))
        log.info("delays: %s", self.cloud.delays)
        return _json(200, self.cloud.delays)

    def _set_states(self, body: bytes) -> Answer:
        with self.cloud.lock:
            states = order_states(self.cloud.settings.account, self.cloud.settings.region, json.loads(body))
        log.info("states of the databases: %s", states)
        return _json(200, states)

    def _policies(self, _: bytes) -> Answer:
        return _json(200, self.cloud.guard.as_json())

    def _set_policies(self, body: bytes) -> Answer:
        given = json.loads(body)
        policies = given.get("policies", [{}]) if isinstance(given, dict) else [{}]
        if given is None:
            self.cloud.guard.set(None)
        elif all("Statement" in policy for policy in policies):
            self.cloud.guard.set(policies, given.get("runs"))
        else:
            raise ValueError('use {"policies": [IAM documents], "runs": {...}}, or null to enforce nothing')
        log.info("policies: %s", "none" if given is None else f"{len(policies)} are enforced")
        return _json(200, self.cloud.guard.as_json())

    def _set_run(self, body: bytes) -> Answer:
        self.cloud.guard.run = str(json.loads(body))
        return _json(200, {"run": self.cloud.guard.run})

    def _stops(self, _: bytes) -> Answer:
        return _json(200, self.cloud.stops.as_json())

    def _set_stops(self, body: bytes) -> Answer:
        wanted = json.loads(body)
        if not (isinstance(wanted, list) and all(isinstance(one, str) for one in wanted)):
            raise ValueError('stops are a list of calls such as "ec2:CreateSubnet 2"')
        self.cloud.stops.order(wanted)
        return self._stops(body)

    def _add_fault(self, body: bytes) -> Answer:
        fault = self.cloud.faults.add(json.loads(body))
        log.info("fault: %s", fault)
        return _json(200, {"ordered": fault.action})

    def _faults(self, _: bytes) -> Answer:
        return _json(200, {"faults": self.cloud.faults.as_json()})

    def _set_consistency(self, body: bytes) -> Answer:
        seconds = self.cloud.lag.order(json.loads(body))
        log.info("consistency: %s", seconds)
        return _json(200, seconds)

    def _set_capacity(self, body: bytes) -> Answer:
        with self.cloud.lock:
            refused = capacity.order(**json.loads(body))
        log.info("no capacity for: %s", ", ".join(refused) or "none")
        return _json(200, {"refused": refused})

    def _set_maintenance(self, body: bytes) -> Answer:
        settings = self.cloud.settings
        with self.cloud.lock:
            shown = maintenance.order(settings.account, settings.region, json.loads(body))
        log.info("maintenance of the databases: %s", shown)
        return _json(200, shown)

    def _clear_faults(self, _: bytes) -> Answer:
        self.cloud.faults.clear()
        return _json(200, {})


def _read_body(environ: Environ) -> None:
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))


def _body(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    return stream.getvalue() if isinstance(stream, io.BytesIO) else b""


def _json(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, "application/json", json.dumps(document).encode() + b"\n")


class Listeners:
    """The sockets: 127.0.0.1 from the start, the gateway of a VPC during the VPC's life."""

    def __init__(self, application: Application, port: int) -> None:
        """Listen on 127.0.0.1. Raises OSError when the port is taken."""
        self.application = application
        self.port = port
        self.servers: dict[str, BaseWSGIServer] = {}
        self.open("127.0.0.1")

    def open(self, address: str) -> None:
        """Listen on an address, also on one of a future bridge."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        listener.bind((address, self.port))
        listener.listen(128)
        server = make_server(
            address,
            self.port,
            self.application,
            threaded=True,
            request_handler=QuietHandler,
            fd=listener.fileno(),
        )
        listener.close()
        server.daemon_threads = True
        self.servers[address] = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def follow(self, addresses: set[str]) -> None:
        """Listen on 127.0.0.1 and on exactly these addresses."""
        wanted = {"127.0.0.1", *addresses}
        for address in wanted - self.servers.keys():
            self.open(address)
        for address in self.servers.keys() - wanted:
            server = self.servers.pop(address)
            # shutdown() waits for the loop, which may be the one that is answering this very request.
            threading.Thread(target=_close, args=(server,), daemon=True).start()


def _close(server: BaseWSGIServer) -> None:
    server.shutdown()
    server.server_close()


class QuietHandler(MotoRequestHandler):
    """moto's handler without a line per request: the log names events, not callers."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""

"""The target of the traffic, checked against a web server with scripted responses."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.unit.roles.modules import load, run

traffic = load("modules/fastapi_app_traffic_info.py")
FLAG = "/run/table-order/candidate-live"
ADDRESSES = {"table_order_backend": "127.0.0.1:8000", "table_order_candidate": "127.0.0.1:8001"}
SERVICE = {"upstream": "table_order_backend", "flag": FLAG, "addresses": ADDRESSES}
CANDIDATE = SERVICE | {"upstream": "table_order_candidate"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection, if the client does

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        self.server.asked += 1
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(404 if answer == b"" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    """Return a server on 127.0.0.1 that sends its ``answers`` in order and repeats the last one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.answers, made.asked, made.connections = [SERVICE], 0, 0
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def ask(server, capsys, monkeypatch):
    """Run the module against the server, without pauses."""
    monkeypatch.setattr(traffic, "PAUSE", 0)

    def ask_server(*answers: dict | bytes, upstream: str = "candidate", **options) -> dict:
        server.answers = list(answers)
        wanted = {"service": "127.0.0.1:8000", "candidate": "127.0.0.1:8001", "flag": FLAG, "timeout": 30}
        url = f"http://127.0.0.1:{server.server_port}/upstream"
        return run(traffic, capsys, **(wanted | {"url": url, "upstream": upstream} | options))

    return ask_server


@pytest.mark.parametrize(("answer", "upstream"), [(SERVICE, "service"), (CANDIDATE, "candidate")])
def test_a_match_is_confirmed_over_several_new_connections(ask, server, answer, upstream):
    result = ask(answer, upstream=upstream, times=4)
    assert (result.get("failed", False), result["changed"], result["asked"]) == (False, False, 4)
    assert server.connections == 4


def test_a_response_of_an_old_worker_resets_the_streak(ask):
    result = ask(CANDIDATE, CANDIDATE, SERVICE, CANDIDATE, times=3)
    assert (result.get("failed", False), result["asked"]) == (False, 6)


@pytest.mark.parametrize(
    ("answer", "upstream", "said"),
    [
        (SERVICE, "candidate", f"{FLAG} exists, but nginx cannot see it"),
        (CANDIDATE, "service", f"{FLAG} still exists"),
        (
            CANDIDATE | {"addresses": ADDRESSES | {"table_order_candidate": "127.0.0.1:9001"}},
            "candidate",
            "the candidate's traffic to 127.0.0.1:9001, but the candidate listens on 127.0.0.1:8001",
        ),
        (
            SERVICE | {"addresses": ADDRESSES | {"table_order_backend": "127.0.0.1:9000"}},
            "service",
            "the service's traffic to 127.0.0.1:9000, but the service listens on 127.0.0.1:8000 (fastapi_app_port)",
        ),
        (
            SERVICE | {"addresses": {"table_order_backend": "127.0.0.1:8000"}, "flag": ""},
            "service",
            "the candidate's traffic to no address",
        ),
        (
            SERVICE | {"addresses": ADDRESSES | {"table_order_backend": "192.0.2.7:8000"}},
            "service",
            "traffic to 192.0.2.7:8000",
        ),
        (
            SERVICE | {"flag": "/run/other/candidate-live"},
            "candidate",
            f"checks for the file /run/other/candidate-live, but a deployment creates {FLAG}",
        ),
        (b"", "service", "does not report the target of its traffic"),
        (b"<html>", "service", "not from the role nginx"),
        (b"[]", "service", "not from the role nginx"),
    ],
)
def test_a_mismatch_is_reported_with_the_difference_and_the_fix(ask, answer, upstream, said):
    result = ask(answer, upstream=upstream, timeout=0)
    assert result["failed"]
    assert said in result["msg"]
    assert "--tags nginx" in result["msg"]


def test_an_unreachable_server_fails_within_the_timeout(ask, server):
    result = ask(SERVICE, url="http://127.0.0.1:1/upstream", timeout=0.2)
    assert "does not report the target of its traffic: http://127.0.0.1:1/upstream" in result["msg"]
    assert result["seconds"] < 60


@pytest.mark.parametrize(
    ("address", "listens", "leads"),
    [
        ("localhost:8000", "127.0.0.1:8000", True),
        ("10.0.1.7:8000", "0.0.0.0:8000", True),
        ("127.0.0.1:8000", "0.0.0.0:8001", False),
        ("10.0.1.7:8000", "127.0.0.1:8000", False),
    ],
)
def test_an_address_matches_the_listening_socket(address, listens, leads):
    assert traffic.leads_to(address, listens) == leads

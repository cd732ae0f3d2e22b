"""Health checks against a server with scripted responses."""

import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.table_order.infra.plugins.module_utils import fastapi_app_checks

from tests.unit.roles.modules import load, run

probe = load("modules/fastapi_app_probe.py")
HEALTHY = (200, '{"status": "ok", "release": "3f2a-a1b2"}')
BAD = (503, "starting")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:
            self.wfile.write(body.encode())
            return
        self.send_response(status)
        if status in (301, 307):
            self.send_header("Location", body)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    """Return a server on 127.0.0.1 that sends its ``answers`` in order and repeats the last one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.answers, made.asked = [HEALTHY], []
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def ask(server, capsys, monkeypatch, tmp_path):
    """Run the module against the server, without pauses; options of ``health`` have their names."""
    for pause in ("PAUSE_HEALTHY", "PAUSE_UNHEALTHY"):
        monkeypatch.setattr(fastapi_app_checks, pause, 0)
    monkeypatch.setattr(fastapi_app_checks, "PROBE_TIMEOUT", 0.3)

    def ask_server(*answers: tuple[int, str], release: str = "3f2a-a1b2", **options) -> dict:
        server.answers = list(answers)
        own = {name: options.pop(name) for name in ("times", "tries") if name in options}
        site = {name: str(tmp_path) for name in ("home", "state", "logs", "flag", "assets")}
        site |= {"service": "shop", "group": "shop", "address": "127.0.0.1", "port": 1, "candidate_port": 2}
        site["health"] = {"url": f"http://127.0.0.1:{server.server_port}/api/health", "tries": 5} | options
        return run(probe, capsys, site=site, release=release, **own)

    return ask_server


def test_the_probe_sends_no_more_requests_than_needed(ask, server):
    result = ask(HEALTHY, times=3)
    assert (result.get("failed", False), result["changed"]) == (False, False)
    assert [path for path, _ in server.asked] == ["/api/health"] * 3


def test_a_failure_resets_the_streak(ask, server):
    assert not ask(HEALTHY, HEALTHY, BAD, HEALTHY, times=3).get("failed")
    assert len(server.asked) == 6


def test_a_streak_that_starts_with_the_last_try_completes(ask, server):
    assert not ask(BAD, BAD, HEALTHY, times=5, tries=3).get("failed")
    assert len(server.asked) == 7


@pytest.mark.parametrize(("options", "tries"), [({"tries": 1}, 1), ({}, 5)])
def test_tries_are_limited(ask, server, options, tries):
    assert ask(BAD, times=3, **options)["failed"] is True
    assert len(server.asked) == tries


def test_a_flapping_application_fails(ask, server):
    assert ask(*[HEALTHY, HEALTHY, BAD] * 20, times=3, tries=5)["failed"] is True
    assert len(server.asked) <= 9


WRONG = {
    "status": (BAD, {}, "status 503: starting"),
    "status that is not wanted": (HEALTHY, {"statuses": [204]}, "status 200: "),
    "body": (HEALTHY, {"body": '"status": *"fine"'}, 'the body does not match "status": *"fine"'),
    "another release": (
        HEALTHY,
        {"release": "0000-ffff", "names_release": True},
        "the body does not name the release 0000-ffff",
    ),
    "a release that is no pattern": (
        (200, "3f2axa1b2"),
        {"release": "3f2a.a1b2", "names_release": True},
        "does not name the release",
    ),
    "redirection": ((307, "/elsewhere"), {}, "status 307"),
    "no HTTP": ((0, "SSH-2.0-OpenSSH\r\n"), {}, "no response: SSH-2.0-OpenSSH"),
    "nothing at all": ((0, ""), {}, "no response: "),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_the_message_contains_the_problem(ask, server, case):
    answer, options, reason = WRONG[case]
    result = ask(answer, tries=2, **options)
    assert result["failed"] is True
    assert reason in result["msg"]
    assert result["msg"].startswith("GET http://127.0.0.1:")
    assert {path for path, _ in server.asked} == {"/api/health"}, "a redirection is not followed"


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        (HEALTHY, {"body": r"^\{.*ok", "names_release": True}),
        ((204, ""), {"statuses": [200, 204]}),
        ((503, "degraded"), {"statuses": [503]}),
        ((307, "/elsewhere"), {"statuses": [307]}),
        ((200, "안녕"), {"body": "안녕"}),
    ],
)
def test_a_matching_response_is_healthy(ask, server, answer, options):
    assert not ask(answer, tries=1, **options).get("failed")
    assert len(server.asked) == 1


def test_a_long_body_is_truncated_in_the_message(ask):
    assert len(ask((500, "x" * 9000), tries=1)["msg"]) < 700


@pytest.mark.parametrize(("host", "seen"), [("shop.example.org", "shop.example.org"), ("", "127.0.0.1")])
def test_the_host_header_is_sent(ask, server, host, seen):
    ask(HEALTHY, host=host)
    assert server.asked[0][1].split(":")[0] == seen


def test_a_closed_port_is_no_response(ask):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    result = ask(HEALTHY, url=f"http://127.0.0.1:{port}/", tries=2)
    assert "no response: " in result["msg"]
    assert "refused" in result["msg"]


def test_a_silent_server_times_out(ask):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        result = ask(HEALTHY, url=url, tries=2)
    assert "no response: " in result["msg"]

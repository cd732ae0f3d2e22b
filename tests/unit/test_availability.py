"""What a procedure's downtime is, from the answers of the public address."""

import http.server
import json
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from playbooks.files import availability


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("", (0, 0, 0, False)),
        ("....", (4, 0, 0, True)),
        # Until the next good answer.
        (".xx.", (4, 2, 2, True)),
        (".x.x.", (5, 2, 2, True)),
        ("..xxx", (5, 3, 2, False)),
    ],
)
def test_downtime_is_from_the_first_failure_to_the_next_good_answer(answers, expected):
    samples = [(float(second), sign == ".") for second, sign in enumerate(answers)]
    assert tuple(availability.measured(samples).values())[:4] == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Away when the run was killed, when the next one looks, or both: away in between, for all that anybody knows.
        (".x", "x.", (4, 2, 11, True)),
        (".xx", "..", (5, 2, 10, True)),
        (".x.", "x.", (5, 2, 11, True)),
        (".x.", "..", (5, 1, 1, True)),
        (".x", "", (2, 1, 0, False)),
        (".", "", (1, 0, 0, True)),
    ],
)
def test_the_downtime_of_a_killed_run_counts(before, after, expected):
    def samples(signs, begin):
        return [(float(begin + second), sign == ".") for second, sign in enumerate(signs)]

    earlier = availability.measured(samples(before, 0))
    found = availability.measured(samples(after, 11), earlier)
    assert tuple(found.values())[:4] == expected


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A function that runs the program until its run is gone, or its procedure has ended; returns result and what it left."""
    result, earlier = tmp_path / "result.json", tmp_path / "interrupted.json"
    monkeypatch.setattr(availability, "PAUSE", 0)

    def program(killed):
        monkeypatch.setattr(availability.sys, "argv", ["", "", "", str(result), "x", str(earlier)])
        monkeypatch.setattr(availability, "Path", lambda *parts: run if parts[0] == "/proc" else Path(*parts))
        run = tmp_path / "run"
        run.mkdir(exist_ok=True)
        (tmp_path / "result.json.end").touch()

        def answers(_url, _host):
            if killed:
                run.rmdir()
            return not killed

        monkeypatch.setattr(availability, "answers", answers)
        availability.main()
        return [json.loads(file.read_text()) if file.exists() else None for file in (result, earlier)]

    return program


def test_a_killed_run_leaves_what_it_found_for_the_next(program):
    result, left = program(killed=True)
    assert result is None
    assert (left["failed"], left["healthy"]) == (1, False)
    result, left = program(killed=False)
    assert left is None
    assert (result["failed"], result["healthy"]) == (1, True)


def test_what_an_older_run_left_does_not_count(program, monkeypatch):
    program(killed=True)
    monkeypatch.setattr(availability, "CONTINUED", 0)
    assert program(killed=False)[0]["failed"] == 0


@pytest.fixture
def address():
    """A server whose answer is the status in the path; it notes the hosts that were asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        hosts: ClassVar[list[str]] = []

        def do_GET(self):
            self.hosts.append(self.headers["Host"])
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Handler.hosts
    server.shutdown()
    server.server_close()


def test_an_answer_is_good_unless_the_server_failed(address):
    url, hosts = address
    good = {
        status: availability.answers(f"{url}/{status}", "shop.test")
        for status in (200, 401, 429, 500, 502, 503)
    }
    assert good == {200: True, 401: True, 429: True, 500: False, 502: False, 503: False}
    assert set(hosts) == {"shop.test"}


def test_no_answer_is_a_failure():
    assert not availability.answers("http://127.0.0.1:9/", "")
    assert not availability.answers("https://127.0.0.1:9/", "")


@pytest.fixture
def signs(tmp_path, monkeypatch):
    """A function that gives the signs of the answers until the program ends; the procedure ends at the answer ``end``."""
    monkeypatch.setattr(availability, "PAUSE", 0)

    def signs(answers, end, process=tmp_path):
        mark, left = tmp_path / "x.end", list(answers)

        def ask():
            if len(left) == len(answers) - end:
                mark.touch()
            return left.pop(0) == "."

        return "".join("." if good else "x" for _, good in availability.sampled(ask, mark, process))

    return signs


def test_after_the_procedure_it_waits_for_a_healthy_service(signs):
    assert signs("..x....x", 2) == "..x..."


def test_good_answers_of_before_do_not_count(signs):
    assert signs("......", 2) == "....."


def test_it_does_not_wait_for_ever(signs, monkeypatch):
    monkeypatch.setattr(availability, "PATIENCE", -1)
    assert signs(".xxxx", 1) == ".x"


def test_it_ends_with_its_run(signs, tmp_path):
    assert signs("....", 9, process=tmp_path / "gone") == ""

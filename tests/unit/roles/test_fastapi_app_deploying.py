"""What decides in a deployment: the lock, the probe, the drain, the kept files, what is read from the server, the way back."""

import http.server
import importlib.util
import json
import multiprocessing
import os
import socket
import threading
import time
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[3] / "roles/fastapi_app"


def load(path: str):
    specification = importlib.util.spec_from_file_location(Path(path).stem, ROLE / path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


lock = load("library/fastapi_app_lock.py")
probe = load("library/fastapi_app_probe.py")
drain = load("library/fastapi_app_drain.py")
assets = load("library/fastapi_app_assets.py")
info = load("library/fastapi_app_info.py")
run = load("filter_plugins/fastapi_app_run.py")
rollback = load("filter_plugins/fastapi_app_rollback.py")
environment = load("filter_plugins/fastapi_app_environment.py")


def wish(path: Path, token: str, **other) -> dict:
    return {
        "path": str(path),
        "holder": {"token": token, "since": f"of {token}"},
        "gone": "",
        "lease": 3600,
        **other,
    }


def test_a_lock_is_taken_once_and_kept_by_the_same_run(tmp_path):
    path = tmp_path / "lock.json"
    assert lock.take(wish(path, "a")) == {"taken": True, "stale": {}}
    again = wish(path, "a")
    again["holder"]["since"] = "later"
    assert lock.take(again) == {"taken": False, "stale": {}}
    assert lock.read(path)["since"] == "of a"
    assert lock.take(wish(path, "b")) is None


def test_a_lock_is_given_back_by_its_holder_only(tmp_path):
    path = tmp_path / "lock.json"
    lock.take(wish(path, "a"))
    lock.give_back(wish(path, "b"))
    assert lock.read(path)["token"] == "a"
    lock.give_back(wish(path, "a"))
    assert not path.exists()
    lock.give_back(wish(tmp_path / "nowhere/lock.json", "a"))


@pytest.mark.parametrize("why", ["gone", "expired", "cut short"])
def test_a_lock_that_is_nobodys_is_taken_over(tmp_path, why):
    path = tmp_path / "lock.json"
    lock.take(wish(path, "a"))
    if why == "expired":
        os.utime(path, (time.time() - 4000, time.time() - 4000))
    if why == "cut short":
        path.write_text('{"token": "a')
    took = lock.take(wish(path, "b", gone="a" if why == "gone" else ""))
    assert took["taken"]
    assert took["stale"].get("token", "a") == "a"
    assert lock.read(path)["token"] == "b"


def _race(path: Path, number: int, results) -> None:
    results.put(bool(lock.take(wish(path, str(number)))))


def test_of_twenty_runs_at_once_one_gets_the_lock(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    runs = [
        context.Process(target=_race, args=(tmp_path / "lock.json", number, results)) for number in range(20)
    ]
    for one in runs:
        one.start()
    assert sum(results.get(timeout=20) for _ in runs) == 1
    for one in runs:
        one.join()


class Answers(http.server.BaseHTTPRequestHandler):
    """Gives the server's answers one after the other, the last one again and again."""

    def do_GET(self) -> None:
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def served():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answers, server.asked = [(200, "")], 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def outcome(monkeypatch, capsys, **parameters) -> dict:
    """Run the probe as Ansible does, and return what it says."""
    given = {"ANSIBLE_MODULE_ARGS": {"interval": 0.01, **parameters}}
    monkeypatch.setattr(
        probe, "AnsibleModule", lambda **spec: Fake(spec["argument_spec"], given["ANSIBLE_MODULE_ARGS"])
    )
    with pytest.raises(SystemExit):
        probe.main()
    return json.loads(capsys.readouterr().out)


class Fake:
    """An AnsibleModule that takes its parameters from a test."""

    def __init__(self, spec: dict, given: dict) -> None:
        self.params = {name: given.get(name, option.get("default")) for name, option in spec.items()}

    def exit_json(self, **values) -> None:
        print(json.dumps(values))
        raise SystemExit

    def fail_json(self, **values) -> None:
        self.exit_json(failed=True, **values)


def test_a_release_must_be_healthy_several_times_in_a_row(served, monkeypatch, capsys):
    monkeypatch.setattr(probe, "PAUSE", 0.01)
    served.answers = [(503, ""), (200, ""), (200, ""), (500, ""), (200, "")]
    said = outcome(monkeypatch, capsys, url=f"http://127.0.0.1:{served.server_port}/", times=3)
    assert "failed" not in said
    assert served.asked == 7


@pytest.mark.parametrize(
    ("answer", "parameters", "words"),
    [
        ((503, "the database is away"), {}, "status 503: the database is away"),
        ((301, ""), {}, "status 301"),
        ((200, "closed"), {"body": '"open": *true'}, "the body does not match"),
        ((200, "release 1"), {"contains": "release 2"}, "does not name the release release 2"),
    ],
)
def test_what_is_not_healthy_is_said(served, monkeypatch, capsys, answer, parameters, words):
    served.answers = [answer]
    said = outcome(monkeypatch, capsys, url=f"http://127.0.0.1:{served.server_port}/", tries=2, **parameters)
    assert said["failed"]
    assert words in said["msg"]
    assert served.asked == 2


def test_nobody_who_answers_is_said(monkeypatch, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = outcome(monkeypatch, capsys, url=f"http://127.0.0.1:{unused.getsockname()[1]}/", tries=1)
    assert "no answer" in said["msg"]


def test_a_release_that_ends_again_and_again_is_not_waited_for(served, monkeypatch, capsys):
    served.answers = [(503, "")]
    monkeypatch.setattr(probe, "restarts", lambda _unit: 3)
    said = outcome(
        monkeypatch, capsys, url=f"http://127.0.0.1:{served.server_port}/", tries=50, unit="x.service"
    )
    assert "has ended 3 times" in said["msg"]
    assert served.asked == 1


def test_connections_to_a_port_are_counted():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert drain.connections(port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            taken, _ = server.accept()
            with taken:
                assert drain.connections(port) == 1


def release(folder: Path, name: str, *files: str, complete: bool = True) -> Path:
    for file in files:
        path = folder / name / "frontend/shop/build/assets" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {file}")
    if complete:
        (folder / name / "manifest.json").write_text('{"id": "x"}')
    return folder / name


def test_hashed_files_of_complete_releases_are_wanted(tmp_path):
    release(tmp_path, "one", "a-1.js", "b-1.js")
    release(tmp_path, "two", "b-1.js", "c-2.js")
    release(tmp_path, "half", "d-3.js", complete=False)
    found = assets.wanted(tmp_path, ["shop/build"])
    assert {str(path) for path in found} == {
        f"shop/build/assets/{name}" for name in ("a-1.js", "b-1.js", "c-2.js")
    }


def known(**other) -> dict:
    return {"complete": True, "voided": "", "environment": "e", "revisions": ["1", "2"], **other}


def entry(name: str, before: str, result: str = "live") -> dict:
    return {"release": name, "from": before, "result": result}


@pytest.mark.parametrize(
    ("live", "entries", "releases", "meant"),
    [
        ("b", [entry("a", ""), entry("b", "a")], {"a": known(), "b": known()}, "a"),
        (
            "b",
            [entry("a", ""), entry("b", "a"), entry("c", "b", "failed")],
            {"a": known(), "b": known()},
            "a",
        ),
        ("b", [entry("a", ""), entry("b", "a")], {"b": known()}, ""),
        ("b", [entry("a", ""), entry("b", "a")], {"a": known(complete=False), "b": known()}, ""),
        (
            "a",
            [entry("a", ""), entry("b", "a"), entry("a", "b")],
            {"a": known(), "b": known(voided="left")},
            "",
        ),
        ("c", [entry("a", ""), entry("b", "a")], {"a": known(), "b": known(), "c": known()}, "b"),
        ("a", [], {"a": known()}, ""),
    ],
)
def test_the_release_before_is_found(live, entries, releases, meant):
    assert info.previous(live, entries, releases) == meant


def test_a_line_that_was_cut_short_is_left_out_of_the_history(tmp_path):
    record = tmp_path / "record"
    record.write_text('{"release": "a"}\n{"relea\n{"release": "b"}\n')
    assert [line["release"] for line in info.history(record)] == ["a", "b"]
    assert info.history(tmp_path / "none") == []


def test_the_holder_of_this_run_is_there_and_a_dead_one_is_not():
    mine = run.holder("deploy", "a test")
    assert mine["who"].count("@") == 1
    assert not run.is_gone(mine)
    assert run.is_gone({**mine, "started": "1"})
    assert run.is_gone({**mine, "process": 2**22 + 1})
    assert not run.is_gone({**mine, "machine": "another", "started": "1"})
    assert not run.is_gone({})


def server(**other) -> dict:
    releases = {"new": known(revisions=["1", "2", "3"]), "old": known()}
    return {"live": "new", "previous": "old", "releases": releases, "schema_revisions": [], **other}


ADDED = {"id": "3", "title": "adds", "contract": False}
TAKEN = {"id": "3", "title": "takes away", "contract": True}


@pytest.mark.parametrize(
    ("found", "wanted", "words"),
    [
        (server(), "", ""),
        (server(schema_revisions=[ADDED]), "", ""),
        (server(schema_revisions=[TAKEN]), "", "migration 3 (takes away) took away"),
        (server(live=""), "", "No release is live"),
        (server(previous=""), "", "names no release before new"),
        (server(), "new", "new is live already"),
        (server(), "none", "fastapi_app_release is none, which is not on the server. On the server: old."),
        (server(releases={"new": known(), "old": known(complete=False)}), "", "old is incomplete"),
        (
            server(releases={"new": known(), "old": known(voided="left at night")}),
            "old",
            "old was left at night",
        ),
        (server(releases={"new": known(), "old": known(environment="")}), "old", "has never been live"),
    ],
)
def test_a_rollback_is_refused_with_the_reason(found, wanted, words):
    choice = rollback.rollback_choice(found, wanted)
    assert choice["release"] == (wanted or found["previous"])
    assert words in choice["problem"]
    assert bool(words) == bool(choice["problem"])


def test_differences_are_listed_for_what_is_deployed():
    live = {"backend/a.py": "1", "backend/b.py": "1", "docs/x.md": "1"}
    wanted = {"backend/b.py": "2", "backend/c.py": "1", "docs/x.md": "2"}
    assert rollback.differences(live, wanted, ["backend"]) == [
        "removed backend/a.py",
        "changed backend/b.py",
        "added   backend/c.py",
    ]
    assert rollback.differences(live, live, ["."]) == ["no file differs"]


def test_secrets_are_taken_out_of_what_a_program_said():
    said = "postgresql://app:hunter2hunter2@db/x and sesame-open, mode on"
    shown = environment.without_secrets(said, {"KEY": "sesame-open", "MODE": "on"})
    assert shown == "postgresql://app:********@db/x and ********, mode on"

"""The single steps on this machine: files are replaced as a whole, systemd is asked in its words, and nothing follows a link."""

import errno
import grp
import json
import os
import shutil
import socket
import subprocess
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import (
    GRACE,
    Checks,
    leads_to,
    secret_values,
    without_secrets,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import (
    Answer,
    Files,
    LocalSystemd,
    LocalWeb,
    StepError,
    local,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    Fence,
    LockLostError,
    fingerprint,
    one_step_at_a_time,
    take_lock,
)

from tests.unit.cutover.fake_server import PORT

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def seen():
    return []


@pytest.fixture
def files(seen):
    return Files(seen.append)


# Each change, with what must be there before.
CHANGES = {
    "write": lambda files, at: files.write(at / "new", "x", 0o600),
    "touch": lambda files, at: files.touch(at / "new", 0o640, GROUP),
    "link": lambda files, at: files.link(at / "new", at / "file"),
    "copy": lambda files, at: files.copy(at / "file", at / "new", at / "through"),
    "remove": lambda files, at: files.remove(at / "file"),
    "freshen": lambda files, at: files.freshen(at / "file"),
    "append": lambda files, at: files.append(at / "new", at / "file"),
    "hard_link": lambda files, at: files.hard_link(at / "file", at / "new"),
    "rename": lambda files, at: files.rename(at / "file", at / "folder/new", GROUP, 0o640),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_announced_before_it_happens(tmp_path, name):
    (tmp_path / "file").write_text("content")
    before = sorted(tmp_path.rglob("*"))

    def refuse(step):
        raise LockLostError(step)

    with pytest.raises(LockLostError):
        CHANGES[name](Files(refuse), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_every_method_that_changes_something_is_tried_here():
    public = {name for name in vars(Files) if not name.startswith("_")}
    assert public - {"text", "tail", "exists", "target", "same"} == CHANGES.keys()


def test_a_file_is_replaced_as_a_whole(files, seen, tmp_path):
    path = tmp_path / "file"
    assert files.write(path, "한국어\n", 0o600)
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("한국어\n", 0o600)
    number = path.stat().st_ino
    assert not files.write(path, "한국어\n", 0o600)
    # What a killed run has left of the draft is no obstacle.
    (tmp_path / ".file.new").write_text("half")
    assert files.write(path, "other", 0o600)
    assert path.stat().st_ino != number
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_link_is_replaced_itself_and_not_what_it_leads_to(files, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    link = tmp_path / "link"
    assert files.link(link, tmp_path / "a")
    (tmp_path / ".link.new").symlink_to("half")
    assert files.link(link, tmp_path / "b")
    assert not files.link(link, tmp_path / "b")
    assert files.target(link) == str(tmp_path / "b")
    assert list((tmp_path / "a").iterdir()) == []


def test_a_copy_keeps_mode_and_content(files, tmp_path):
    (tmp_path / "from").write_text("secret")
    (tmp_path / "from").chmod(0o640)
    (tmp_path / "to").write_text("before")
    (tmp_path / "through").write_text("half")
    files.copy(tmp_path / "from", tmp_path / "to", tmp_path / "through")
    assert ((tmp_path / "to").read_text(), (tmp_path / "to").stat().st_mode & 0o777) == ("secret", 0o640)
    assert not (tmp_path / "through").exists()


def test_nothing_is_touched_through_a_link(files, tmp_path):
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        files.touch(tmp_path / "log", 0o640)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_costs_the_lines_and_nothing_else(files, tmp_path, monkeypatch):
    (tmp_path / "candidate").write_text("lines")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    files.append(tmp_path / "log", tmp_path / "candidate")
    assert not (tmp_path / "candidate").exists()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK])
def test_where_a_second_name_cannot_be_a_copy_is_kept(files, tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, "refused")

    (tmp_path / "file").write_text("x")
    monkeypatch.setattr("os.link", refuse)
    files.hard_link(tmp_path / "file", tmp_path / "deep/kept")
    assert (tmp_path / "deep/kept").read_text() == "x"
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["kept"]


def test_a_group_that_is_not_there_is_named(files, tmp_path):
    with pytest.raises(StepError, match="there is no group nobody-s-group"):
        files.touch(tmp_path / "new", 0o640, "nobody-s-group")


def test_the_last_lines_of_a_long_log(files, tmp_path):
    (tmp_path / "log").write_bytes(b"\xff" * 100 + b"\n" + b"x" * 2**21 + b"\nlast\n")
    assert files.tail(tmp_path / "log", 50)[-1] == "last"
    assert len(files.tail(tmp_path / "log", 50)) == 2
    assert files.tail(tmp_path / "none", 50) == []


# --- systemd ---------------------------------------------------------------------------------------------------------

COMMANDS = {
    "start": (("u.service",), "start u.service"),
    "restart": (("u.service",), "restart u.service"),
    "stop": (("u.service",), "stop u.service"),
    "reload": ((), "daemon-reload"),
    "weigh": (("u.service", "20"), "set-property --runtime u.service CPUWeight=20"),
    "forget_failure": (("u.service",), "reset-failed u.service"),
    "active": (("u.service",), "show --property=ActiveState --value u.service"),
    "restarts": (("u.service",), "show --property=NRestarts --value u.service"),
}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def systemd(tmp_path, monkeypatch, seen):
    """A systemctl that writes down what it is asked, a stand-in."""
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\ncat {tmp_path}/answer\nexit $(cat {tmp_path}/status)\n'
    )
    program.chmod(0o755)
    (tmp_path / "answer").write_text("")
    (tmp_path / "status").write_text("0")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return LocalSystemd(seen.append, run)


@pytest.mark.parametrize("name", COMMANDS)
def test_systemd_is_asked_in_its_words(systemd, tmp_path, seen, name):
    arguments, command = COMMANDS[name]
    getattr(systemd, name)(*arguments)
    assert (tmp_path / "asked").read_text() == f"{command}\n"
    assert seen == ([] if name in ("active", "restarts") else [f"systemctl {command}"])


def test_what_systemd_refuses_is_said(systemd, tmp_path):
    (tmp_path / "status").write_text("5")
    (tmp_path / "answer").write_text("Unit u.service not loaded.")
    with pytest.raises(StepError, match=r"systemctl start u\.service: Unit u\.service not loaded"):
        systemd.start("u.service")
    # What systemd does not know does not run.
    systemd.stop("u.service")
    # One that ended well has no failure to forget.
    systemd.forget_failure("u.service")


@pytest.mark.parametrize(("answer", "active"), [("active", True), ("activating", False), ("failed", False)])
def test_only_an_active_unit_runs(systemd, tmp_path, answer, active):
    (tmp_path / "answer").write_text(f"{answer}\n")
    assert systemd.active("u.service") is active


def test_a_command_gets_a_unit_that_stays(systemd, tmp_path, seen):
    (tmp_path / "bin/systemctl").rename(tmp_path / "bin/systemd-run")
    systemd.launch("u.service", ["User=shop"], ["/venv/bin/python", "-m", "$x"])
    options = (
        "--quiet --unit=u.service --service-type=exec --property=User=shop --property=RemainAfterExit=yes"
    )
    assert (tmp_path / "asked").read_text() == f"{options} -- /venv/bin/python -m $$x\n"
    assert seen == ["run /venv/bin/python -m $x"]
    (tmp_path / "status").write_text("1")
    (tmp_path / "answer").write_text("Job for u.service failed.")
    with pytest.raises(StepError, match=r"^systemd-run --unit=u\.service: Job for u\.service failed\.$"):
        systemd.launch("u.service", ["User=shop"], ["/venv/bin/python"])


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("running", None),
        ("start", None),
        ("exited", ""),
        ("failed", "exit-code, exit status 3"),
        ("dead", "it was stopped"),
    ],
)
def test_how_a_command_ended(systemd, tmp_path, seen, state, outcome):
    (tmp_path / "answer").write_text(f"Result=exit-code\nExecMainStatus=3\nSubState={state}\n")
    assert systemd.outcome("u.service") == outcome
    assert seen == []


def test_a_machine_without_a_journal_is_no_error(systemd, monkeypatch, tmp_path):
    (tmp_path / "timeout").symlink_to(shutil.which("timeout"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "journalctl" in systemd.journal("u.service", 5)[0]


# --- HTTP ------------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(307 if self.path in ("/moved", "/bare") else 503)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        if self.path != "/bare":
            self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_) -> None:
        pass


def test_an_answer_is_one_answer(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url, web = f"http://127.0.0.1:{server.server_port}", LocalWeb()
        assert web.get(f"{url}/moved", "shop.example.org", 5) == Answer(307, "shop.example.org")
        # An application that wants to be set up first sends every path there, with an empty body.
        assert web.get(f"{url}/bare", "", 5) == Answer(307, "Location: /elsewhere")
        assert web.get(url, "", 5).status == 503
        server.shutdown()
        thread.join()
    assert "refused" in web.get(url, "", 5).body


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_connections_are_counted_while_they_are_open(address, family):
    with closing(socket.create_server((address, 0), family=family)) as listening:
        port, web = listening.getsockname()[1], LocalWeb()
        assert web.connections(port) == 0, "listening is no connection"
        with closing(socket.create_connection((address, port))), closing(listening.accept()[0]):
            assert web.connections(port) == 1
        assert web.connections(port) == 0


def test_only_connections_to_the_port_count(tmp_path):
    # To another machine's port of this number, which is none of this one's.
    (tmp_path / "tcp").write_text(
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F40 0100007F:A0A0 01\n"
        "   1: 0200000A:A0A1 0300000A:1F40 01\n"
        "   2: 0200000A:A0A3 0300000A:1F40 01\n"
        "   3: 0100007F:1F40 0100007F:A0A2 06\n"
        "   4: 00000000:1F40 00000000:0000 0A\n"
    )
    # A machine without IPv6 has no second table.
    assert LocalWeb().connections(8000, (str(tmp_path / "tcp"), str(tmp_path / "tcp6"))) == 1


@pytest.mark.parametrize(("limit", "waited"), [(5.0, GRACE), (0.0, 0.0)])
def test_a_connection_may_bring_its_request_a_moment_later(make, limit, waited):
    server = make()
    server.cutover(drain_seconds=limit).checks.drain(PORT)
    assert server.now == waited


@pytest.mark.parametrize(
    ("address", "listens", "leads"),
    [
        ("localhost:8000", "127.0.0.1:8000", True),
        ("10.0.1.7:8000", "0.0.0.0:8000", True),
        ("127.0.0.1:8000", "0.0.0.0:8001", False),
        ("10.0.1.7:8000", "127.0.0.1:8000", False),
    ],
)
def test_an_address_leads_to_what_listens_there(address, listens, leads):
    assert leads_to(address, listens) == leads


# --- nginx's answers -------------------------------------------------------------------------------------------------

ADDRESSES = {"app_backend": "127.0.0.1:8000", "app_candidate": "127.0.0.1:8001"}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"addresses": ADDRESSES | {"app_candidate": "127.0.0.1:9001"}}, 200, "to 127.0.0.1:9001, but the candidate"),
        ({"addresses": ADDRESSES | {"app_backend": "127.0.0.1:9000"}}, 200, "listens on 127.0.0.1:8000 (fastapi_app_port)"),
        ({"addresses": {}}, 200, "the candidate's traffic to no address"),
        ({"flag": "/run/other/candidate-live"}, 200, "checks for the file /run/other/candidate-live, but a deployment creates"),
        ({"flag": ""}, 200, "checks for the file without a name"),
        ({"upstream": "app_candidate"}, 200, "still exists"),
        ({"addresses": 7}, 200, "not from the role nginx"),
        ({}, 404, "status 404"),
        ({}, 0, "does not report the target of its traffic"),
    ],
)  # fmt: skip
def test_another_answer_is_refused_with_what_differs_and_the_fix(make, change, status, said):
    server = make()
    flag = str(server.root / "run/candidate-live")
    answer = {"upstream": "app_backend", "addresses": ADDRESSES, "flag": flag} | change
    host = server.host()._replace(web=One(Answer(status, json.dumps(answer))))
    with pytest.raises(StepError) as failed:
        Checks(server.site, host).ask("service")
    assert said in str(failed.value)
    assert "--tags nginx" in str(failed.value)


@pytest.mark.parametrize("prefix", ["table_order_", "app_shop_", "app_a_candidate_"])
def test_an_earlier_version_s_nginx_and_another_site_are_understood(make, prefix):
    server = make()
    answer = {
        "upstream": "app_backend",
        "addresses": ADDRESSES,
        "flag": str(server.root / "run/candidate-live"),
    }
    body = json.dumps(answer).replace("app_", prefix)
    Checks(server.site, server.host()._replace(web=One(Answer(200, body)))).ask("service")


class One:
    """A web with one answer."""

    def __init__(self, answer):
        self.answer = answer

    def get(self, url, host, timeout):
        return self.answer


def test_an_old_worker_between_the_answers_resets_the_row(make):
    server = make()
    answers = iter(["backend", "backend", "candidate", *["backend"] * 10])
    asked = []
    server.upstream = lambda flag: asked.append(f"app_{next(answers)}") or asked[-1]
    server.cutover().checks.ask("service")
    assert len(asked) == 13


# --- health ----------------------------------------------------------------------------------------------------------

WRONG = {
    "no answer": (Answer(0, "refused"), {}, "no response: refused"),
    "status": (Answer(503, "starting"), {}, "status 503: starting"),
    "body": (Answer(200, "b"), {"body": "^ok"}, "the body does not match ^ok: b"),
    "another release": (Answer(200, "release a"), {"body": ""}, "the body does not name the release b"),
    "a long body": (Answer(500, "x" * 900), {}, "..."),
    "a secret": (Answer(500, "PASSWORD=sesame-open"), {}, "PASSWORD=********"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_healthy_is_said_without_secrets(make, case):
    answer, health, said = WRONG[case]
    server = make()
    server.draft("b", 'PASSWORD="sesame-open"\n')
    checks = server.cutover(health=server.options()["health"] | health).checks
    assert said in checks.unhealthy(answer, "b")
    assert len(checks.unhealthy(answer, "b")) < 600


def test_the_questions_are_bounded_and_a_streak_is_heard_to_its_end(make):
    server = make()
    answers = iter([503, 503, 503, 200, 200, 200])
    host = server.host()._replace(web=Several(answers))
    Checks(server.site, host).probe("b", "http://127.0.0.1/")
    host = server.host()._replace(web=Several(iter([503, 200, 200] * 9)))
    with pytest.raises(StepError):
        Checks(server.site, host).probe("b", "http://127.0.0.1/")


@pytest.mark.parametrize(("takes", "asked"), [(0, 60), (0.4, 60), (5, 12)])
def test_sixty_tries_take_a_minute_however_long_an_answer_takes(make, takes, asked):
    """An application that hangs took six minutes."""
    server = make()
    site, tries = server.site._replace(health=server.site.health._replace(tries=60)), []
    host = server.host()

    class Slow(One):
        def get(self, url, name, timeout):
            tries.append(server.now)
            host.clock.sleep(takes)
            return self.answer

    with pytest.raises(StepError):
        Checks(site, host._replace(web=Slow(Answer(0, "timed out")))).probe("b", "http://127.0.0.1/")
    assert len(tries) == asked
    assert server.now - tries[0] <= 61


class Several(One):
    """A web with one status after the other."""

    def get(self, url, host, timeout):
        return Answer(next(self.answer), "release b")


def test_values_of_an_environment_are_hidden_longest_first():
    text = '# by Ansible\nA="short"\nB="a \\"quoted\\" \\$ecret"\nC="a \\"quoted\\" \\$ecret, longer"\n'
    text += 'D=\'pa$$w0rd"`\'\nE="two\u2028lines"\n'
    values = secret_values(text)
    assert values == ['a "quoted" $ecret, longer', 'a "quoted" $ecret', 'pa$$w0rd"`', "two\u2028lines"]
    assert without_secrets('said: a "quoted" $ecret, longer', values) == "said: ********"
    assert (
        without_secrets("https://token-of-mine@git.example.org/x", []) == "https://********@git.example.org/x"
    )


# --- lock, record, fingerprint ---------------------------------------------------------------------------------------


def test_a_run_writes_while_the_lock_is_its_own(tmp_path):
    path, ann, bob = (
        tmp_path / "lock.json",
        {"token": "7c1d", "who": "ann"},
        {"token": "e0f2", "who": "bob", "what": "rollback"},
    )
    fence = Fence(path, "7c1d")
    with pytest.raises(LockLostError, match="it is free"):
        fence("write")
    take_lock(path, ann, "", 3600)
    fence("write")
    take_lock(path, bob, "7c1d", 3600)
    with pytest.raises(LockLostError, match=r"rollback by bob holds it.*Stopped before: write"):
        fence("write")


def test_steps_take_turns(tmp_path):
    with one_step_at_a_time(tmp_path), pytest.raises(TimeoutError), one_step_at_a_time(tmp_path, 0.1):
        pass
    with one_step_at_a_time(tmp_path, 0.1):
        pass


def test_local_is_this_machine(tmp_path):
    host = local(lambda step: None, run)
    assert host.files.exists(Path("/"))
    host.pause(0)


def test_what_a_process_was_started_from_is_written_as_by_the_version_before():
    """Otherwise the first run of this version would replace every service that is healthy."""
    checksums = {"/etc/systemd/system/x.service": "7c1d", "/etc/ssl/certs/rds-ca.pem": ""}
    assert fingerprint("a", "e0f2", checksums) == (
        "release a\nenvironment e0f2\n/etc/systemd/system/x.service 7c1d\n/etc/ssl/certs/rds-ca.pem \n"
    )

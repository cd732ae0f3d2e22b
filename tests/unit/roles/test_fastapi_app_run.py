"""Who holds the lock: one run of ansible, with all its workers, and whether it has ended."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.roles.modules import ROLES, load

PATH = ROLES / "fastapi_app/filter_plugins/fastapi_app_run.py"
run = load(str(PATH))

# Says who holds the lock, itself and as a worker: what a run of ansible would.
PROGRAM = f"""
import importlib.util, json, os, sys
specification = importlib.util.spec_from_file_location("run", {str(PATH)!r})
run = importlib.util.module_from_spec(specification)
specification.loader.exec_module(run)
def say():
    # One write for each line: two programs share the pipe, and print() may write the newline on its own.
    os.write(1, (json.dumps([os.getpid(), run.holder("deploy")]) + "\\n").encode())
say()
if os.fork() == 0:
    say()
    os._exit(0)
os.wait()
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A directory with programs that are named like ansible's, on PATH."""
    for name in ("ansible-playbook", "ansible-deploy", "deploy"):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\n{PROGRAM}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def holders(*command: str) -> list[tuple[int, dict]]:
    """Run a command and return the processes and holders that it prints."""
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [tuple(json.loads(line)) for line in printed.splitlines()]


@pytest.fixture
def sleeper():
    """A process that sleeps, and the lock that it would hold."""
    with subprocess.Popen(["sleep", "60"]) as process:
        lock = run.holder("deploy") | {"process": process.pid, "started": run._started(process.pid)}
        yield process, lock
        process.kill()


def test_the_holder_is_this_process_in_words_and_numbers():
    mine = run.holder("rollback", "급한 수정")
    assert (mine["what"], mine["why"]) == ("rollback", "급한 수정")
    assert mine["process"] == os.getpid()
    assert mine["started"] == run._started(os.getpid()) != ""
    assert mine["who"].endswith(f"@{os.uname().nodename}")
    assert time.strptime(mine["since"], "%Y-%m-%dT%H:%M:%SZ")
    assert run.holder("deploy")["token"] == mine["token"], "the same run, whatever it does"
    assert json.loads(json.dumps(mine)) == mine


def test_all_workers_are_one_run(programs):
    (process, first), (worker, second) = holders("ansible-playbook")
    assert worker != process
    assert first["process"] == second["process"] == process
    assert first["token"] == second["token"]


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "ansible-playbook site.yml & ansible-playbook site.yml; wait"],
        ["sh", "-c", "ansible-playbook roles/site.yml; ansible-playbook roles/ansible; :"],
        ["sh", "-c", "exec sh ansible-both.sh"],
    ],
    ids=["at once", "one after the other", "a script that is named like it"],
)
def test_two_runs_of_one_shell_are_two(programs, monkeypatch, command):
    monkeypatch.chdir(programs)
    Path("ansible-both.sh").write_text("ansible-playbook a\nansible-playbook b\n")
    said = holders(*command)
    assert len({holder["token"] for _, holder in said}) == 2
    assert {holder["process"] for _, holder in said} <= {process for process, _ in said}


@pytest.mark.parametrize("program", ["ansible-deploy", "deploy"])
def test_what_is_no_program_of_ansible_is_a_run_of_its_own(programs, program):
    (process, first), (worker, second) = holders(program)
    assert (first["process"], second["process"]) == (process, worker)


def test_a_process_that_nobody_may_look_at_is_none_of_ansibles(monkeypatch):
    assert run._is_ansible(2**22 + 1) is False


def test_a_run_that_goes_on_is_not_gone(sleeper):
    assert run.is_gone(sleeper[1]) is False
    assert run.is_gone(run.holder("deploy")) is False


def test_a_dead_run_is_gone(sleeper):
    process, lock = sleeper
    process.kill()
    process.wait()
    assert run.is_gone(lock) is True


def test_a_dead_run_is_gone_also_when_nobody_asked_how_it_ended(sleeper):
    process, lock = sleeper
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert run._fields(process.pid)[0] == "Z"
    assert run.is_gone(lock) is True


def test_a_run_whose_number_another_process_has_is_gone(sleeper):
    lock = sleeper[1]
    assert run.is_gone(lock | {"started": str(int(lock["started"]) - 1)}) is True


@pytest.mark.parametrize("process", [1, 2**22 + 1], ids=["a number that is in use", "a number that is not"])
def test_a_run_on_another_machine_is_never_gone(process):
    mine = run.holder("deploy")
    assert run.is_gone(mine | {"machine": "elsewhere/boot/4026531836", "process": process}) is False


@pytest.mark.parametrize("lock", [{}, {"token": "x"}, {"machine": ""}, {"machine": None}])
def test_a_lock_that_does_not_say_where_is_never_gone(lock, monkeypatch):
    assert run.is_gone(lock) is False
    monkeypatch.setattr(run, "_machine", lambda: "")
    assert run.is_gone(lock | {"process": 2**22 + 1, "started": "1"}) is False


def test_where_there_is_no_proc_runs_are_told_apart_by_their_parent(monkeypatch):
    monkeypatch.setattr(run, "_machine", lambda: "")
    mine = run.holder("deploy")
    assert (mine["process"], mine["started"], mine["machine"]) == (os.getppid(), "", "")
    assert run.is_gone(mine) is False

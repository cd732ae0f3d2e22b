"""The lock holder: one run of Ansible with all its workers, and whether the run has ended."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.roles.modules import PLUGINS, load

PATH = PLUGINS / "filter/fastapi_app_run.py"
run = load(str(PATH))

# Prints the lock holder of itself and of a worker, like a run of Ansible.
PROGRAM = f"""
import importlib.util, json, os, sys
specification = importlib.util.spec_from_file_location("run", {str(PATH)!r})
run = importlib.util.module_from_spec(specification)
specification.loader.exec_module(run)
def say():
    # One write per line: two programs share the pipe, and print() may write the newline separately.
    os.write(1, (json.dumps([os.getpid(), run.holder("deploy")]) + "\\n").encode())
say()
if os.fork() == 0:
    say()
    os._exit(0)
os.wait()
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a directory on PATH with programs named like Ansible's."""
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
    """Return a sleeping process, and the lock that it would hold."""
    with subprocess.Popen(["sleep", "60"]) as process:
        lock = run.holder("deploy") | {"process": process.pid, "started": run._started(process.pid)}
        yield process, lock
        process.kill()


def test_the_holder_describes_this_process():
    mine = run.holder("rollback", "급한 수정")
    assert (mine["what"], mine["why"]) == ("rollback", "급한 수정")
    assert mine["process"] == os.getpid()
    assert mine["started"] == run._started(os.getpid()) != ""
    assert mine["who"].endswith(f"@{os.uname().nodename}")
    assert time.strptime(mine["since"], "%Y-%m-%dT%H:%M:%SZ")
    assert run.holder("deploy")["token"] == mine["token"], "the same run, for any action"
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
def test_another_program_is_a_separate_run(programs, program):
    (process, first), (worker, second) = holders(program)
    assert (first["process"], second["process"]) == (process, worker)


def test_a_missing_process_is_not_an_ansible_program(monkeypatch):
    assert run._is_ansible(2**22 + 1) is False


def test_a_live_run_has_not_ended(sleeper):
    assert run.has_ended(sleeper[1]) is False
    assert run.has_ended(run.holder("deploy")) is False


def test_a_dead_run_has_ended(sleeper):
    process, lock = sleeper
    process.kill()
    process.wait()
    assert run.has_ended(lock) is True


def test_a_zombie_has_ended(sleeper):
    process, lock = sleeper
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert run._fields(process.pid)[0] == "Z"
    assert run.has_ended(lock) is True


def test_a_run_with_a_reused_process_id_has_ended(sleeper):
    lock = sleeper[1]
    assert run.has_ended(lock | {"started": str(int(lock["started"]) - 1)}) is True


@pytest.mark.parametrize("process", [1, 2**22 + 1], ids=["a number that is in use", "a number that is not"])
def test_a_run_on_another_machine_never_counts_as_ended(process):
    mine = run.holder("deploy")
    assert run.has_ended(mine | {"machine": "elsewhere/boot/4026531836", "process": process}) is False


@pytest.mark.parametrize("lock", [{}, {"token": "x"}, {"machine": ""}, {"machine": None}])
def test_a_lock_without_a_machine_never_counts_as_ended(lock, monkeypatch):
    assert run.has_ended(lock) is False
    monkeypatch.setattr(run, "_machine", lambda: "")
    assert run.has_ended(lock | {"process": 2**22 + 1, "started": "1"}) is False


def test_without_proc_the_parent_process_identifies_the_run(monkeypatch):
    monkeypatch.setattr(run, "_machine", lambda: "")
    mine = run.holder("deploy")
    assert (mine["process"], mine["started"], mine["machine"]) == (os.getppid(), "", "")
    assert run.has_ended(mine) is False

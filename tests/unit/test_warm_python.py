"""Modules in a Python that has boto3 loaded: as in the real interpreter, but for the time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.callback.warm_python import (
    UTILITIES,
    works,
    write_interpreter,
)

from tests.unit.roles.cloud_runs import INTERPRETER

ROOT = Path(__file__).parents[2]
TELLS = """
import json, os, sys
sys.stderr.write("said aside")
mask = os.umask(0)
print(json.dumps({"parent": os.getppid(), "warm": "boto3" in sys.modules, "arguments": sys.argv[1:], "directory": os.getcwd(),
    "mask": mask, "environment": dict(os.environ), "heard": sys.stdin.read(), "niceness": os.nice(0)}))
sys.exit(7)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[subprocess.Popen, Path]]:
    """A server and its interpreter, in a directory that it removes at the end."""
    directory = tmp_path_factory.mktemp("server")
    directory.chmod(0o711)
    address, interpreter = write_interpreter(directory)
    with subprocess.Popen(
        [sys.executable, UTILITIES / "warm_server.py", address], stdin=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield process, interpreter
    assert not directory.exists()
    assert process.returncode == 0


@pytest.fixture
def module(tmp_path) -> Path:
    """A module that tells where it runs."""
    path = tmp_path / "AnsiballZ_tells.py"
    path.write_text(TELLS)
    return path


def tell(interpreter: Path, module: Path, *arguments: str, **options) -> dict:
    """Run the module and return what it tells."""
    run = subprocess.run(
        [interpreter, module, *arguments],
        input="heard",
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert (run.returncode, run.stderr) == (7, "said aside")
    return json.loads(run.stdout)


def test_a_module_runs_in_a_copy_of_the_server_as_its_caller_would_run_it(server, module, tmp_path):
    process, interpreter = server
    environment = os.environ | {"OF_THE_TASK": "한글"}
    told = tell(
        interpreter,
        module,
        "one",
        "two",
        cwd=tmp_path,
        env=environment,
        preexec_fn=lambda: (os.umask(0o027), os.nice(3)),
    )
    assert (told["parent"], told["warm"]) == (process.pid, True)
    assert (told["arguments"], told["directory"], told["heard"]) == (["one", "two"], str(tmp_path), "heard")
    assert (told["mask"], told["environment"], told["niceness"]) == (0o027, environment, os.nice(0) + 3)


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("AnsiballZ_async_wrapper.py", {}),
        ("script.py", {}),
        ("AnsiballZ_tells.py", {"PYTHONPATH": "/elsewhere"}),
    ],
)
def test_what_cannot_be_handed_over_runs_in_the_real_interpreter(server, module, name, environment):
    told = tell(server[1], module.rename(module.parent / name), env=os.environ | environment)
    assert (told["parent"], told["warm"]) == (os.getpid(), False)


def test_without_a_server_modules_run_in_the_real_interpreter(module, tmp_path):
    _, interpreter = write_interpreter(tmp_path)
    assert tell(interpreter, module)["parent"] == os.getpid()


def test_an_interpreter_that_the_system_does_not_start_is_not_used(tmp_path):
    _, interpreter = write_interpreter(tmp_path)
    assert works(interpreter)
    interpreter.chmod(0o644)  # as in a directory that is mounted without execution
    assert not works(interpreter)
    interpreter.write_text("#!/no/such/python\n")
    interpreter.chmod(0o755)
    assert not works(interpreter)


def test_a_module_whose_caller_is_killed_is_ended(server, module, tmp_path):
    process, interpreter = server
    written = tmp_path / "written"
    module.write_text(
        f"import os, time\nopen({str(written)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    caller = subprocess.Popen([interpreter, module])
    try:
        deadline = time.monotonic() + 60
        while not (written.exists() and written.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        caller.kill()
        caller.wait()
    copy = Path("/proc") / written.read_text()
    assert copy.parent.exists()
    while copy.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not copy.exists()
    assert tell(interpreter, module_that_tells(tmp_path))["parent"] == process.pid


def module_that_tells(directory: Path) -> Path:
    """Write another one."""
    path = directory / "AnsiballZ_other.py"
    path.write_text(TELLS)
    return path


def test_a_module_that_is_killed_has_failed(server, module):
    module.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert subprocess.run([server[1], module], timeout=60).returncode == 128 + 9


PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  vars:
    ansible_python_interpreter: "INTERPRETER"
  tasks:
    - ansible.builtin.stat: {path: /etc/passwd}
    - ansible.builtin.copy: {dest: "{{ directory }}/file", content: "한글", mode: "0600"}
    # One of this project, whose imports Ansible packs.
    - table_order.infra.account_lock: {}
      ignore_errors: true
    - table_order.infra.elasticache_replication_group_info: {region: eu-central-1, endpoint_url: "http://127.0.0.1:1",
        access_key: a, secret_key: b, name: none}
      ignore_errors: true
    - amazon.aws.s3_bucket: {name: none, region: eu-central-1, endpoint_url: "http://127.0.0.1:1", access_key: a, secret_key: b}
      ignore_errors: true
    - ansible.builtin.command: "true"
      changed_when: false
      async: 20
      poll: 1
"""
TIMES = {"start", "end", "delta", "duration", "atime", "ctime", "mtime"}
OF_ONE_RUN = TIMES | {"inode", "ansible_job_id", "results_file", "path", "dest", "src"}


def test_modules_give_the_same_results_with_it_and_without(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY.replace("INTERPRETER", INTERPRETER))
    results = {on: results_of(tmp_path, on) for on in ("true", "false")}
    assert results["true"] == results["false"]
    assert len(results["true"]) == 6


def results_of(directory: Path, on: str) -> list[dict]:
    """Return the tasks' results, but for what differs in each run."""
    own = directory / on
    own.mkdir()
    variables = {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "TABLE_ORDER_WARM_PYTHON": on,
        "AWS_MAX_ATTEMPTS": "1",
    }
    run = subprocess.run(
        ["ansible-playbook", "-i", "lane,", "-e", f"directory={own}", directory / "play.yml"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    tasks = [task for play in json.loads(run.stdout)["plays"] for task in play["tasks"]]
    return [without(task["hosts"]["lane"]) for task in tasks]


def without(value: object) -> object:
    """Leave out what differs in each run."""
    if isinstance(value, dict):
        return {name: without(one) for name, one in value.items() if name not in OF_ONE_RUN}
    return [without(one) for one in value] if isinstance(value, list) else value

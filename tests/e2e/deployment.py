"""Deploys changed copies of the example to the tests' site, kills deployments, and puts a load on it meanwhile."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import kills, site
from tests.load.report import percentile

EXAMPLE = site.ROOT / "examples/table-order"
HOME = "/opt/table-order"
LEFT_OUT = ("node_modules", "tests", "__pycache__", ".venv", ".pytest_cache", ".ruff_cache", ".mypy_cache")
# A slow machine may be asked for less.
RATE, STREAMS = int(os.environ.get("LOAD_RATE", "200")), int(os.environ.get("LOAD_STREAMS", "200"))
ELSEWHERE = [str(site.ROOT / "tests/e2e/elsewhere")]


def variant(directory: Path, change: Callable[[Path], None]) -> dict[str, str]:
    """Return a source: a copy of the example in ``directory`` that ``change`` was applied to."""
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns(*LEFT_OUT))
    change(directory)
    return {"type": "local", "path": str(directory)}


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def play(playbook: str, **variables: Any) -> site.Run:
    """Run a playbook with extra variables; its output says when each task began."""
    return site.play(
        f"playbooks/{playbook}.yml",
        "-e",
        json.dumps(variables),
        before=ELSEWHERE,
        ANSIBLE_CALLBACKS_ENABLED="table_order.infra.warm_python, ansible.posix.profile_tasks",
    )


def server(script: str) -> str:
    """Return what a shell script prints on the server, as root."""
    command = ["ansible", "app_server", "-i", site.INVENTORY, "--become", "-m", "ansible.builtin.shell"]
    command += ["-a", f"{{ {script.strip()} ; }} 2>&1"]
    run = subprocess.run(
        command, cwd=site.ROOT, env=site.environment(), capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.split("\n", 1)[1].strip() if "\n" in run.stdout else ""


def certificate() -> str:
    """Return the one certificate (PEM) that the site may show: read over SSH, whose host key is known."""
    return _certificate(site.instance())


@functools.cache
def _certificate(_instance: str) -> str:
    return server(f"cat {nginx_names('ssl_certificate')}") + "\n"


def nginx_names(directive: str) -> str:
    """Return the file that a directive of nginx.conf names."""
    found = re.search(rf"^\s*{directive} (\S+);$", server("cat /etc/nginx/nginx.conf"), re.MULTILINE)
    assert found, directive
    return found[1]


@dataclass(frozen=True)
class State:
    """What is on the server."""

    live: str
    frontend: str
    releases: list[str]
    candidate: str
    flag: bool
    lock: bool
    leftovers: str


def state() -> State:
    """Look at the server."""
    lines = server(
        f"basename $(dirname $(readlink {HOME}/backend)); basename $(dirname $(readlink {HOME}/frontend)); "
        f"ls {HOME}/releases | tr '\\n' ' '; echo; systemctl is-active table-order-backend-candidate; "
        "test -e /run/table-order/candidate-live; echo $?; test -e /var/lib/table-order/lock.json; echo $?; "
        f"cd /var/lib/table-order; ls -d {HOME}/candidate environments/* candidate.env switching.json 2>/dev/null | tr '\\n' ' '"
    ).split("\n")
    lines += [""] * (7 - len(lines))
    return State(
        live=lines[0],
        frontend=lines[1],
        releases=lines[2].split(),
        candidate=lines[3],
        flag=lines[4] == "0",
        lock=lines[5] == "0",
        leftovers=lines[6],
    )


def settled(found: State) -> None:
    """Fail unless nothing of a deployment is left but its releases."""
    assert found.live == found.frontend
    assert (found.candidate, found.flag, found.lock, found.leftovers) == ("inactive", False, False, "")


def killed_at(
    task: str,
    playbook: str = "deploy",
    *,
    nth: int = 1,
    into: float = 0.3,
    before: Sequence[str] = ELSEWHERE,
    **variables: Any,
) -> None:
    """Run a playbook, and kill it and all that it started on this machine, some seconds into ``task``.

    ``nth`` says which time it is that the task begins.
    """

    def begun(lines: list[str]) -> str:
        times = sum(line.startswith("TASK [") and task in line for line in lines)
        if times >= nth:
            time.sleep(into)
        return task if times >= nth else ""

    arguments = (f"playbooks/{playbook}.yml", "-e", json.dumps(variables))
    assert kills.killed(begun, *arguments, before=before), f"{task} never began"


@dataclass
class Load:
    """A load that runs: what it has shown is there after ``load`` has ended."""

    process: subprocess.Popen
    record: Path
    shown: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[float, str, float, str]] = field(default_factory=list)

    def end(self) -> None:
        """Have it end and count."""
        output, _ = self.process.communicate("", timeout=300)
        assert self.process.returncode == 0, output
        self.shown = json.loads(output[output.index("{") :])
        self.requests = [tuple(json.loads(line)) for line in self.record.read_text().splitlines()]

    def lost(self) -> dict[str, int]:
        """Return what must be zero."""
        names = ("not_2xx", "lost", "orders_missing", "orders_twice", "streams_late")
        return {name: self.shown[name] for name in names if self.shown[name]}

    def percentile(self, share: float, since: float, until: float) -> float:
        """Return the latency, in milliseconds, that ``share`` of the requests sent between two times do not exceed."""
        seconds = (taken for at, _, taken, _ in self.requests if since <= at < until)
        return round(percentile(seconds, share) * 1000, 1)


@contextlib.contextmanager
def load(directory: Path, rate: int = RATE, streams: int = STREAMS) -> Iterator[Load]:
    """Put a load on the site; it has been running for five seconds when the block begins."""
    application = site.secrets()["table-order/app/settings"]
    settings = {
        "url": site.url(),
        "certificate": certificate(),
        "username": application["superadmin_username"],
        "password": application["superadmin_password"],
    }
    record = directory / "requests.jsonl"
    command = [
        sys.executable,
        "-m",
        "tests.load",
        f"--rate={rate}",
        f"--streams={streams}",
        f"--record={record}",
    ]
    process = subprocess.Popen(
        command,
        cwd=site.ROOT,
        env=site.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(5)
        running = Load(process, record)
        yield running
        running.end()
    finally:
        process.kill()


def tables() -> str:
    """Return the database's tables and its revision, as the application's own connection sees them."""
    return sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema ORDER BY 1",
        "TABLE alembic_version",
    )


def sql(*statements: str) -> str:
    """Return the rows of statements that the application's own connection runs, a list for each."""
    # Not psql: the URL with its password would be an argument.
    program = (
        "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True); "
        f"print(*[a.fetchall() if a.description else [] for a in map(c.execute, {list(statements)!r})])"
    )
    return server(
        f'set -a; . /var/lib/table-order/service.env; set +a; {HOME}/backend/venv/bin/python -c "{program}"'
    )

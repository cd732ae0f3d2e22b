"""Real PostgreSQL, Redis and S3 (moto's server) for the tests, and the service as its own process.

Everything runs on free loopback ports in a temporary directory and ends with its context.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

BACKEND = Path(__file__).parents[1]
REPOSITORY = BACKEND.parents[2]


def free_port() -> int:
    """A port that nobody uses; below those that Linux gives to outgoing connections, which might take it next."""
    while True:
        port = random.randrange(20000, 32000)  # noqa: S311  (not a secret)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Return once the condition holds; an OSError or HTTP error counts as "not yet"."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, httpx2.HTTPError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def _accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextmanager
def _process(command: list[str], log: Path, **options: object) -> Iterator[subprocess.Popen]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        yield process
    except BaseException as error:
        error.add_note(f"{log.name}:\n{log.read_text()[-4000:]}")
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _postgres_program(name: str) -> str:
    for directory in (Path("/usr/lib/postgresql/15/bin"), Path("/usr/pgsql-15/bin")):
        if (directory / name).exists():
            return str(directory / name)
    found = shutil.which(name)
    assert found, f"{name} of PostgreSQL 15 is missing: apt-get install postgresql"
    return found


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A cluster with a role `owner` that owns database tableorder; yields host:port."""
    directory.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(directory, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data, port = directory / "data", free_port()
    initdb = [_postgres_program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(
        [*as_user, *initdb, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/"
    )
    server = [_postgres_program("postgres"), "-D", str(data), "-p", str(port), "-k", str(directory), "-F"]
    with _process([*as_user, *server, "-h", "127.0.0.1"], directory.parent / "postgres.log", cwd="/"):
        wait_for(lambda: _accepts(port), "PostgreSQL")
        yield f"127.0.0.1:{port}"


@contextmanager
def redis_server(directory: Path, port: int) -> Iterator[subprocess.Popen]:
    """A Redis without persistence; yields its process."""
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(directory),
    ]
    with _process(command, directory / "redis.log") as process:
        wait_for(lambda: _accepts(port), "Redis")
        yield process


@contextmanager
def moto_server(directory: Path) -> Iterator[str]:
    """moto's server; yields its URL."""
    port = free_port()
    program = REPOSITORY / ".venv/bin/moto_server"
    assert program.exists(), f"{program} is missing: run scripts/setup"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with _process(
        [str(program), "-H", "127.0.0.1", "-p", str(port)], directory / "moto.log", env=environment
    ):
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: httpx2.get(f"{url}/moto-api/data.json", timeout=2).is_success, "moto", 40)
        yield url


class Server:
    """The service as systemd starts it, in its own process."""

    def __init__(self, process: subprocess.Popen, url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log

    def log_lines(self) -> list[dict]:
        """The log so far; fails when a line is not a JSON object."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines


@contextmanager
def server(directory: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A running service, ready for requests."""
    port = free_port()
    log = directory / f"server-{port}.log"
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--proxy-headers", "--timeout-graceful-shutdown", "5"]
    with _process(command, log, cwd=BACKEND, env=os.environ | environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: httpx2.get(f"{url}/api/live", timeout=2).is_success, "the service", 30)
        yield Server(process, url, log)

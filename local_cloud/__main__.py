"""Start, stop and show a local cloud: `python -m local_cloud start --settings FILE`."""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from local_cloud.settings import ROOT, Settings, SettingsError, load

START_TIMEOUT = 60  # seconds
STOP_TIMEOUT = 30  # seconds
# Shell variables that would influence moto or boto.
FOREIGN_VARIABLES = ("AWS_", "BOTO", "EC2_", "MOTO_", "INITIAL_NO_AUTH_ACTION_COUNT", "TEST_SERVER_MODE")


class CommandError(Exception):
    """A failed command, with a message for the user."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command of the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "serve"])
    parser.add_argument("--settings", type=Path, required=True, help="YAML file with a key local_cloud")
    options = parser.parse_args(arguments)
    # The directory of iptables, missing from a user's PATH on Debian.
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    commands = {"start": start, "stop": stop, "status": status, "serve": serve}
    try:
        return commands[options.command](load(options.settings), options.settings)
    except (SettingsError, CommandError) as error:
        print(f"local cloud: {error}", file=sys.stderr)
        return 1


# -- whether it runs -------------------------------------------------------------------------------


class Lock:
    """Held by the serving process during its life: the kernel releases it even after a kill -9."""

    def __init__(self, settings: Settings) -> None:
        """The lock of this cloud, not taken yet."""
        self.path = settings.state / "lock"
        self.file: TextIO | None = None

    def take(self) -> bool:
        """Take the lock and write our process id into it; False if another process holds the lock."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()
        return True

    def holder(self) -> int | None:
        """The process id of the holder; None without one."""
        if not self.path.exists():
            return None
        with self.path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
        return None


def health(settings: Settings) -> dict[str, Any] | None:
    """The health answer at this cloud's port (name, account, region, settings, delays); None without an answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{settings.url}/local-cloud/health", timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


# -- commands --------------------------------------------------------------------------------------


def start(settings: Settings, path: Path) -> int:
    """Start in the background and return when the API answers. Raises CommandError."""
    if Lock(settings).holder():
        _check_same(settings)
        print(f"The local cloud {settings.name} is already running at {settings.url}")
        return 0
    other = health(settings)
    if other:
        raise CommandError(
            f"port {settings.port} belongs to the local cloud {other['name']}: use another port or stop it"
        )
    settings.state.mkdir(parents=True, exist_ok=True)
    log = settings.state / "cloud.log"
    begin = log.stat().st_size if log.exists() else 0
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_cloud", "serve", "--settings", str(path.resolve())],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while health(settings) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise CommandError(
                f"it did not start; its log, {log}, ends with:\n{_text_since(log, begin)[-2000:]}"
            )
        time.sleep(0.1)
    for line in _text_since(log, begin).splitlines():
        if "left behind" in line:
            print(line.partition(" INFO ")[2])
    print(
        f"The local cloud {settings.name} runs at {settings.url} "
        f"(account {settings.account}, region {settings.region})"
    )
    return 0


def stop(settings: Settings, _path: Path) -> int:
    """Stop the cloud, and remove all leftovers, also of a crashed predecessor."""
    pid = Lock(settings).holder()
    if not pid and health(settings):
        print(f"The local cloud at {settings.url} was started from another checkout and continues to run")
        return 0
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT
        while Lock(settings).holder():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline += STOP_TIMEOUT
            time.sleep(0.05)
    removed = _remove_leftovers(settings)
    print(
        f"The local cloud {settings.name} is stopped"
        if pid
        else f"The local cloud {settings.name} was not running"
    )
    for line in removed:
        print(f"removed {line}")
    return 0


def status(settings: Settings, _path: Path) -> int:
    """Report whether the cloud runs; exit code 3 if not, as in systemctl."""
    answer = health(settings) if Lock(settings).holder() else None
    print(json.dumps(answer, indent=2) if answer else f"The local cloud {settings.name} is not running")
    return 0 if answer else 3


def serve(settings: Settings, _path: Path) -> int:
    """Run in the foreground until SIGTERM or SIGINT, then remove everything. Raises CommandError when it runs already."""
    lock = Lock(settings)
    if not lock.take():
        raise CommandError(f"the local cloud {settings.name} is already running")
    for name in os.environ.keys() - clean_environment().keys():
        del os.environ[name]
    os.environ.update(moto_environment(settings))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _interrupt)
    # moto reads its environment at import: keep the import here.
    from local_cloud.run import run

    return run(settings)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def moto_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that moto reads at import."""
    return {
        "MOTO_ACCOUNT_ID": settings.account,
        # By default moto lets every web page read its answers.
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "MOTO_PORT": str(settings.port),
        "MOTO_RECORDER_FILEPATH": str(settings.state / "recording.jsonl"),
    }


def clean_environment() -> dict[str, str]:
    """The environment without variables that influence moto or boto."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}


def _check_same(settings: Settings) -> None:
    """Raise CommandError if the running cloud has other settings."""
    deadline = time.monotonic() + START_TIMEOUT
    while (answer := health(settings)) is None:
        if time.monotonic() > deadline:
            raise CommandError(f"the local cloud runs, but not at {settings.url}; stop it first")
        time.sleep(0.1)
    running, wanted = answer["settings"], settings.as_json()
    different = [
        f"{key}: {running.get(key)} -> {wanted[key]}" for key in wanted if running.get(key) != wanted[key]
    ]
    if different:
        raise CommandError(
            f"the local cloud runs with other settings ({'; '.join(different)}); stop it first"
        )


def _remove_leftovers(settings: Settings) -> list[str]:
    from local_cloud.containers import Podman
    from local_cloud.network import Firewall

    removed = Podman(settings.container_prefix).remove_everything()
    if Firewall(settings).remove():
        removed.append("firewall rules")
    return removed


def _text_since(path: Path, begin: int) -> str:
    with path.open() as file:
        file.seek(begin)
        return file.read()


if __name__ == "__main__":
    sys.exit(main())

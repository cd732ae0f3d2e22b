# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What a server remembers of its releases: which one serves, the lock, the record, and what the process was started from.

The names and formats of these files are those of every server that was ever deployed to: a run of another version of this
project may have been killed with any of them half done.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HEALTH_OPTIONS: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "host": {"type": "str", "default": ""},
    "statuses": {"type": "list", "elements": "int", "default": [200]},
    "body": {"type": "str", "default": ""},
    "names_release": {"type": "bool", "default": False},
    "times": {"type": "int", "default": 3},
    "tries": {"type": "int", "default": 60},
}
SITE_OPTIONS: dict[str, Any] = {
    "home": {"type": "path", "required": True},
    "state": {"type": "path", "required": True},
    "logs": {"type": "path", "required": True},
    "flag": {"type": "path", "required": True},
    "assets": {"type": "path", "required": True},
    "builds": {"type": "list", "elements": "str", "default": []},
    "service": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "shared": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "processes": {"type": "list", "elements": "str", "default": []},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "candidate_port": {"type": "int", "required": True},
    "traffic_url": {"type": "str", "default": ""},
    "drain_seconds": {"type": "float", "default": 5},
    "health": {"type": "dict", "required": True, "options": HEALTH_OPTIONS},
}
SHOWN_HISTORY = 100
FORMER_ENV_FILES = (".env.candidate", ".env.before")
"""Where an earlier version of the role kept a candidate's environment and the one before, beside a release's .env."""
PREVIEW = re.compile(r"\.preview-[a-z0-9_]{8}")
"""The name of the directory that a check run unpacks a source into, as tempfile makes it."""
DAY_SECONDS = 24 * 60 * 60
WAIT_SECONDS = 90
"""How long a step waits for one that a killed run has left at work: longer than any wait that does not look at the lock."""


class LockLostError(Exception):
    """Another run holds the lock: nothing more may be written, and nothing be cleared away."""


class Health(NamedTuple):
    """What counts as healthy; see HEALTH_OPTIONS."""

    url: str
    host: str
    statuses: list[int]
    body: str
    names_release: bool
    times: int
    tries: int


class Site(NamedTuple):
    """One application on a server; see SITE_OPTIONS. Paths of a release's parts are methods."""

    home: Path
    state: Path
    logs: Path
    flag: Path
    assets: Path
    builds: list[str]
    service: str
    group: str
    shared: list[str]
    files: list[str]
    processes: list[str]
    address: str
    port: int
    candidate_port: int
    traffic_url: str
    drain_seconds: float
    health: Health

    @classmethod
    def of(cls, options: dict[str, Any]) -> Site:
        """Return the site that a module's option ``site`` describes."""
        paths = {name: Path(options[name]) for name in ("home", "state", "logs", "flag", "assets")}
        return cls(**{**options, **paths, "health": Health(**options["health"])})

    @property
    def releases(self) -> Path:
        """Return the folder of releases."""
        return self.home / "releases"

    @property
    def candidate_unit(self) -> str:
        """Return the unit that runs a release beside the service."""
        return f"{self.service}-candidate.service"

    @property
    def service_unit(self) -> str:
        """Return the unit that runs the live release."""
        return f"{self.service}.service"

    @property
    def socket_unit(self) -> str:
        """Return the unit that holds the service's socket."""
        return f"{self.service}.socket"

    @property
    def command_unit(self) -> str:
        """Return the unit of a command before or after a switch."""
        return f"{self.service}-command.service"

    @property
    def due(self) -> Path:
        """Return the file that names the release, and its environment, whose commands after the switch have not all run."""
        return self.state / "after-switch"

    @property
    def process_units(self) -> list[str]:
        """Return the units that run beside the service, in the order of their start: workers, and timers of jobs."""
        return [f"{self.service}-process-{name}" for name in self.processes]

    def process_log(self, unit: str) -> Path:
        """Return the log of one of ``process_units``."""
        return self.logs / f"{unit.removeprefix(f'{self.service}-process-').rpartition('.')[0]}.log"

    @property
    def log(self) -> Path:
        """Return the service's log."""
        return self.logs / "fastapi.log"

    @property
    def audit_log(self) -> Path:
        """Return the log of deployments, a line of JSON each."""
        return self.logs / "deployments.log"

    @property
    def candidate_log(self) -> Path:
        """Return what the candidate prints to, apart from the live release's log."""
        return self.logs / "fastapi-candidate.log"

    @property
    def candidate_env_link(self) -> Path:
        """Return the link to what the candidate is started from."""
        return self.state / "candidate.env"

    @property
    def service_env_link(self) -> Path:
        """Return the link to what the service is started from: it follows the link to the live release's backend."""
        return self.state / "service.env"

    @property
    def candidate_url(self) -> str:
        """Return the service's health, asked of the candidate."""
        parts = urlsplit(self.health.url)
        query = f"?{parts.query}" if parts.query else ""
        return f"http://127.0.0.1:{self.candidate_port}{parts.path}{query}"

    def candidate_env_file(self, release: str) -> Path:
        """Return the environment that a release is to be started from."""
        return self.state / "environments" / f"{release}.env"

    def previous_env_file(self, release: str) -> Path:
        """Return the environment that a release had before, until it has proved itself with another."""
        return self.state / "environments" / f"{release}.before"

    def command(
        self, release: str, environment: Path, directory: str, command: list[str]
    ) -> tuple[list[str], list[str]]:
        """Return the properties and the words of a command of a release, which ``command`` names without a path."""
        backend = self.releases / release / "backend"
        properties = [f"EnvironmentFile={environment}", f"WorkingDirectory={backend / directory}"]
        properties += [f"BindPaths={self.home}/shared/{shared}:{backend}/{shared}" for shared in self.shared]
        return properties, [str(backend / "venv/bin" / command[0]), *command[1:]]

    def env_file(self, release: str) -> Path:
        """Return the environment that a release is started from as the service: outside of the application's directory."""
        return self.releases / release / "environment"


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds, or an empty dictionary when it is not there or was cut short."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def checksum(path: Path) -> str:
    """Return a file's SHA-256, or nothing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def linked_release(link: Path) -> str:
    """Return the id of the release that a link points into, or nothing."""
    try:
        return link.readlink().parent.name
    except OSError:
        return ""


def release_facts(path: Path) -> dict[str, Any]:
    """Return what is known of one release."""
    manifest = read_json(path / "manifest.json")
    return {
        **manifest,
        "complete": bool(manifest) and (path / "backend/venv/bin/python").exists(),
        "voided": read_json(path / "voided.json").get("why", ""),
        "environment": checksum(path / "environment")
        or (checksum(path / "backend/.env") if has_former_environment(path) else ""),
        "revisions": [revision["id"] for revision in read_json(path / "revisions.json").get("revisions", [])],
        "changed": path.stat().st_mtime,
    }


def all_releases(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is known of each release."""
    if not folder.is_dir():
        return {}
    return {entry.name: release_facts(entry) for entry in folder.iterdir() if entry.is_dir()}


def has_former_environment(path: Path) -> bool:
    """Return whether an earlier version of the role kept a release's environment as ``.env`` in its backend.

    In an incomplete release the builder may have put anything there, such as a pipe. No build leaves a ``.env`` in a complete one.
    """
    file = path / "backend/.env"
    return bool(read_json(path / "manifest.json")) and file.is_file() and not file.is_symlink()


def former_env_files(folder: Path, releases: dict[str, dict[str, Any]]) -> list[Path]:
    """Return the drafts of an earlier version of the role: never a file of a release's own source, which may be named so."""
    found = []
    for name, known in releases.items():
        if "files" in known:
            sources = {Path(file).name for file in known["files"]}
            former = (folder / name / "backend" / file for file in FORMER_ENV_FILES if file not in sources)
            found += [path for path in former if path.exists()]
    return found


def candidate_env_files(folder: Path, environments: Path, releases: dict[str, dict[str, Any]]) -> list[str]:
    """Return the candidate env files that a deployment has left."""
    return sorted(str(path) for path in [*environments.glob("*"), *former_env_files(folder, releases)])


def killed_previews(home: Path) -> list[str]:
    """Return the directories of check runs that are older than the longest lease; symbolic links are skipped."""
    found = []
    for path in sorted(home.glob(".preview-*")):
        kind = path.lstat()
        if (
            PREVIEW.fullmatch(path.name)
            and stat.S_ISDIR(kind.st_mode)
            and time.time() - kind.st_mtime > DAY_SECONDS
        ):
            found.append(str(path))
    return found


def fingerprint(release: str, environment: str, checksums: dict[str, str]) -> str:
    """Return what a running process depends on, a line each, as the file ``started-from`` has it."""
    lines = [f"release {release}", f"environment {environment}"]
    lines += [f"{file} {found}" for file, found in checksums.items()]
    return "".join(f"{line}\n" for line in lines)


def fingerprint_of(site: Site, release: str) -> str:
    """Return the fingerprint of a release as it lies on the disk."""
    checksums = {file: checksum(Path(file)) for file in site.files}
    folder = site.releases / release
    environment = release_facts(folder)["environment"] if folder.is_dir() else ""
    return fingerprint(release, environment, checksums)


# --- the record ------------------------------------------------------------------------------------------------------


def history(path: Path) -> list[dict[str, Any]]:
    """Return the last lines of the record, the newest last; a line that a full disk cut short is left out."""
    entries = []
    try:
        # Of bytes: a line may have been cut in the middle of a character.
        lines = path.read_bytes().splitlines()[-SHOWN_HISTORY:]
    except OSError:
        return []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return [entry for entry in entries if isinstance(entry, dict)]


def previous(live: str, entries: list[dict[str, Any]], releases: dict[str, dict[str, Any]]) -> str:
    """Return the release that was live before ``live`` and can be again, or nothing."""
    for entry in reversed(entries):
        # A run that was killed has not written down what it made live: then the last one that is written was before it.
        was_live = entry.get("release", "") if entry.get("result") == "live" else ""
        for name in (was_live, entry.get("from", "")):
            known = releases.get(name)
            if name and name != live and known and known["complete"] and not known["voided"]:
                return name
    return ""


# --- the lock --------------------------------------------------------------------------------------------------------


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only one that looks at the lock and writes it; between two such looks nobody is held up."""
    with path.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def write_lock(path: Path, holder: dict[str, Any]) -> None:
    """Replace the lock as a whole."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(holder, ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def lease_of(present: dict[str, Any], lease: int) -> int:
    """Return for how long, in seconds, a lock is its holder's; one of an earlier version does not say it."""
    own = present.get("lease")
    return own if isinstance(own, int) else lease


def take_lock(path: Path, holder: dict[str, Any], gone: str, lease: int) -> dict[str, Any] | None:
    """Take the lock and return ``taken`` and the ``stale`` holder, or None while somebody else holds it.

    ``gone`` is the token of a holder that has ended without giving it back, ``lease`` in seconds.
    """
    with alone(path):
        # What cannot be read has no holder that could end it.
        present = read_json(path)
        mine = present.get("token") == holder["token"]
        expired = bool(present) and time.time() - path.stat().st_mtime > lease_of(present, lease)
        stale = bool(present) and not mine and (present.get("token") == gone or expired)
        if present and not mine and not stale:
            return None
        # Also when it is held already: the lease begins anew.
        since = {"since": present["since"]} if mine else {}
        write_lock(path, {**holder, **since, "lease": lease})
        return {"taken": not mine, "stale": present if stale else {}}


def give_lock_back(path: Path, token: str) -> None:
    """Remove the lock, if this run holds it."""
    if not path.parent.is_dir():
        return
    with alone(path):
        if read_json(path).get("token") == token:
            path.unlink()


def lock_facts(path: Path) -> dict[str, Any]:
    """Return who holds the lock and for how long, or an empty dictionary."""
    holder = read_json(path)
    try:
        return {**holder, "age": max(0, round(time.time() - path.stat().st_mtime))} if holder else {}
    except OSError:  # It was given back between the two.
        return {}


class Fence:
    """Keeps a run that has lost the lock from writing.

    A run that was killed on the controller leaves its last step at work on the server, for as long as a drain and a probe
    may take, while the next run takes the lock. That step ends before its next write.
    """

    def __init__(self, path: Path, token: str) -> None:
        """Write only while the lock at ``path`` has this ``token``."""
        self.path, self.token = path, token

    def __call__(self, step: str) -> None:
        """Raise LockLostError unless the lock is this run's."""
        holder = read_json(self.path)
        if holder.get("token") != self.token:
            now = f"{holder.get('what')} by {holder.get('who')} holds it" if holder else "it is free"
            raise LockLostError(
                f"The lock of deployments is not this run's any more ({now}). Stopped before: {step}."
            )


@contextmanager
def one_step_at_a_time(state: Path, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Wait until a step that a killed run has left at work has ended; raises TimeoutError. It ends with its process."""
    with (state / "step.guard").open("w") as guard:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(
                        f"A step of another run is at work on this server, and has not ended within {seconds:g} s: run this again."
                    ) from None
                time.sleep(0.1)
        yield

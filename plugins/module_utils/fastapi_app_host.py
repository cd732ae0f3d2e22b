# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""The single steps of a deployment on its server: files, systemd, HTTP and the clock, each replaceable in a test.

Each method that changes something calls ``before_write`` first, with the name of the step. On a server that looks whether the
run still holds the lock (fastapi_app_release.Fence); a test also ends the run there.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import shutil
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url

BeforeWrite = Callable[[str], None]
RunCommand = Callable[[list[str]], tuple[int, str, str]]
"""AnsibleModule.run_command: exit status, output, errors."""
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
NOT_LOADED = 5
"""systemctl's status for a unit without a file, or with a setting that systemd refuses."""
COMMAND_SECONDS = 300
"""systemd kills a unit that does not stop long before that."""


class StepError(Exception):
    """A step failed; the message says which and why, for a person."""


def transient(properties: list[str], command: list[str], *options: str) -> list[str]:
    """Return the words that run a command in a unit of its own; the service manager expands nothing in them."""
    given = [f"--property={one}" for one in properties]
    return [
        "systemd-run",
        "--quiet",
        *options,
        *given,
        "--",
        *(word.replace("$", "$$") for word in command),
    ]


def group_id(name: str) -> int:
    """Return a group's number."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise StepError(f"there is no group {name}: run the role's main entry point first") from error


class Answer(NamedTuple):
    """An answer to a request: its status (0 for none) and its body, or why there was none."""

    status: int
    body: str


class Systemd(Protocol):
    """What a deployment asks of the service manager. Units are named with their suffix; each method may raise StepError."""

    def start(self, unit: str) -> None:
        """Start a unit that does not run."""

    def restart(self, unit: str) -> None:
        """Stop a unit and start it."""

    def stop(self, unit: str) -> None:
        """Stop a unit, if it runs."""

    def reload(self) -> None:
        """Read the unit files again."""

    def weigh(self, unit: str, weight: str) -> None:
        """Set CPUWeight until the next boot; an empty weight is the default."""

    def forget_failure(self, unit: str) -> None:
        """Do not list a unit as failed any more."""

    def active(self, unit: str) -> bool:
        """Say whether a unit runs."""

    def skipped(self, unit: str) -> bool:
        """Say whether a condition of a unit kept it from its start."""

    def restarts(self, unit: str) -> int:
        """Return how often systemd has started a unit again by itself."""

    def launch(self, unit: str, properties: list[str], command: list[str]) -> None:
        """Run a command in a unit that stays until it is stopped."""

    def outcome(self, unit: str) -> str | None:
        """Return None while the command of a unit runs, nothing after it ended well, else how it ended."""

    def journal(self, unit: str, lines: int) -> list[str]:
        """Return the last lines of a unit's journal."""


class Web(Protocol):
    """What a deployment asks over the network, all of it on the server itself."""

    def get(self, url: str, host: str, timeout: float) -> Answer:
        """Ask once over a new connection; a redirection is the answer. ``host`` is the name to ask for, if not the address's."""

    def connections(self, port: int) -> int:
        """Return how many established connections have ``port`` as their local one."""


class Clock(Protocol):
    """Seconds."""

    def monotonic(self) -> float:
        """Return the seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Files:
    """Files and links of a server. What replaces a file or a link does so as a whole, by a rename."""

    def __init__(self, before_write: BeforeWrite) -> None:
        """Call ``before_write`` before each change."""
        self.before_write = before_write

    def text(self, path: Path) -> str:
        """Return what a file holds; nothing when there is none that can be read."""
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    def tail(self, path: Path, lines: int) -> list[str]:
        """Return the last lines of a file, of its last MiB at most; none when it cannot be read."""
        try:
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 2**20))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []

    def exists(self, path: Path) -> bool:
        """Say whether there is a file, a folder or a link, wherever it leads."""
        return path.is_symlink() or path.exists()

    def target(self, path: Path) -> str:
        """Return where a link leads; nothing when there is no link."""
        try:
            return str(path.readlink())
        except OSError:
            return ""

    def same(self, one: Path, other: Path) -> bool:
        """Say whether two files hold the same."""
        try:
            return one.read_bytes() == other.read_bytes()
        except OSError:
            return False

    def write(self, path: Path, content: str, mode: int) -> bool:
        """Have a file hold ``content``; return whether that is a change."""
        if path.is_file() and not path.is_symlink() and self.text(path) == content:
            return False
        self.before_write(f"write {path}")
        new = path.with_name(f".{path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        return True

    def touch(self, path: Path, mode: int, group: str = "") -> bool:
        """Have a file there with a mode and, if named, a group; return whether there was none."""
        self.before_write(f"touch {path}")
        there = path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode)
        try:
            if group:
                os.fchown(descriptor, -1, group_id(group))
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        return not there

    def link(self, path: Path, target: Path) -> bool:
        """Have a symbolic link lead to ``target``; return whether that is a change."""
        if self.target(path) == str(target):
            return False
        self.before_write(f"link {path}")
        new = path.with_name(f".{path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        new.symlink_to(target)
        new.replace(path)
        return True

    def copy(self, source: Path, path: Path, through: Path) -> None:
        """Replace ``path`` by a copy of a file with its owner, group and mode; ``through`` is a name on its file system."""
        self.before_write(f"copy {source} to {path}")
        with contextlib.suppress(FileNotFoundError):
            through.unlink()
        found = source.stat()
        descriptor = os.open(through, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(descriptor, found.st_uid, found.st_gid)
            os.fchmod(descriptor, found.st_mode & 0o777)
            file.write(source.read_bytes())
            file.flush()
            os.fsync(descriptor)
        through.replace(path)

    def remove(self, path: Path) -> bool:
        """Have no file or link there; return whether there was one."""
        if not self.exists(path):
            return False
        self.before_write(f"remove {path}")
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return True

    def freshen(self, path: Path) -> None:
        """Have a file look as if it had just been written."""
        self.before_write(f"freshen {path}")
        os.utime(path)

    def append(self, path: Path, source: Path) -> None:
        """Append a file to another and remove it. On a full disk the lines are lost, and nothing else."""
        if not self.exists(source):
            return
        self.before_write(f"append {source} to {path}")
        with contextlib.suppress(OSError), source.open("rb") as lines, path.open("ab") as file:
            shutil.copyfileobj(lines, file)
        self.remove(source)

    def hard_link(self, source: Path, path: Path) -> None:
        """Give a file a second name, or copy it where that cannot be."""
        self.before_write(f"hard link {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, path)
        except FileExistsError:
            return
        except OSError as error:
            # Another file system, or more names than it allows.
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            new = path.with_name(f".{path.name}.new")
            shutil.copy2(source, new)
            new.replace(path)

    def rename(self, source: Path, path: Path, group: str, mode: int) -> None:
        """Move a file to a private folder, which is made if need be, and give it to a group."""
        self.before_write(f"rename {source} to {path}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(source, os.geteuid(), group_id(group), follow_symlinks=False)
        source.chmod(mode)
        source.replace(path)


class LocalSystemd:
    """This machine's systemd."""

    def __init__(self, before_write: BeforeWrite, run: RunCommand) -> None:
        """Call ``before_write`` before each change, and ``run`` for each command."""
        self.before_write, self.run = before_write, run

    def _run(self, *command: str, accepted: tuple[int, ...] = (0,), shown: str = "") -> str:
        # run_command knows no limit of time; timeout ends with 124.
        status, output, errors = self.run(["timeout", str(COMMAND_SECONDS), *command])
        if status not in accepted:
            late = f"no end after {COMMAND_SECONDS} s" if status == 124 else f"exit status {status}"
            raise StepError(f"{shown or ' '.join(command)}: {errors.strip() or output.strip() or late}")
        return output

    def _change(self, *arguments: str) -> None:
        self.before_write(f"systemctl {' '.join(arguments)}")
        self._run("systemctl", *arguments)

    def start(self, unit: str) -> None:
        """Start a unit that does not run."""
        self._change("start", unit)

    def restart(self, unit: str) -> None:
        """Stop a unit and start it."""
        self._change("restart", unit)

    def stop(self, unit: str) -> None:
        """Stop a unit, if it runs; one that systemd does not know does not run."""
        command = ("systemctl", "stop", unit)
        self.before_write(" ".join(command))
        self._run(*command, accepted=(0, NOT_LOADED))

    def reload(self) -> None:
        """Read the unit files again."""
        self._change("daemon-reload")

    def weigh(self, unit: str, weight: str) -> None:
        """Set CPUWeight until the next boot; an empty weight is the default."""
        self._change("set-property", "--runtime", unit, f"CPUWeight={weight}")

    def forget_failure(self, unit: str) -> None:
        """Do not list a unit as failed any more; one that ended well is refused, and left as it is."""
        with contextlib.suppress(StepError):
            self._change("reset-failed", unit)

    def _show(self, unit: str, attribute: str) -> str:
        return self._run("systemctl", "show", f"--property={attribute}", "--value", unit).strip()

    def active(self, unit: str) -> bool:
        """Say whether a unit runs."""
        return self._show(unit, "ActiveState") == "active"

    def skipped(self, unit: str) -> bool:
        """Say whether a condition of a unit kept it from its start."""
        return self._show(unit, "ConditionResult") == "no"

    def restarts(self, unit: str) -> int:
        """Return how often systemd has started a unit again by itself."""
        return int(self._show(unit, "NRestarts") or 0)

    def launch(self, unit: str, properties: list[str], command: list[str]) -> None:
        """Run a command in a unit that stays until it is stopped."""
        self.before_write(f"run {' '.join(command)}")
        words = transient(
            [*properties, "RemainAfterExit=yes"], command, f"--unit={unit}", "--service-type=exec"
        )
        # Without the thirty properties the reason can be found in the message.
        self._run(*words, shown=f"systemd-run --unit={unit}")

    def outcome(self, unit: str) -> str | None:
        """Return None while the command of a unit runs, nothing after it ended well, else how it ended."""
        shown = self._run("systemctl", "show", "--property=SubState,Result,ExecMainStatus", unit)
        said = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        ends = {
            "exited": "",
            "failed": f"{said['Result']}, exit status {said['ExecMainStatus']}",
            "dead": "it was stopped",
        }
        return ends.get(said["SubState"])

    def journal(self, unit: str, lines: int) -> list[str]:
        """Return the last lines of a unit's journal, or why they cannot be read."""
        command = ["journalctl", "--unit", unit, f"--lines={lines}", "--no-pager", "--output=short-iso"]
        try:
            return self._run(*command).splitlines()
        except StepError as error:
            return [str(error)]


class LocalWeb:
    """This machine's addresses."""

    def get(self, url: str, host: str, timeout: float) -> Answer:
        """Ask once over a new connection; a redirection is the answer, not the way to it."""
        headers = {"Host": host} if host else {}
        try:
            response = open_url(
                url, headers=headers, timeout=timeout, follow_redirects="none", use_proxy=False
            )
            return self._answer(response.status, response)
        except HTTPError as error:
            return self._answer(error.code, error)
        except (OSError, HTTPException) as error:
            return Answer(0, str(getattr(error, "reason", error)) or type(error).__name__)

    @staticmethod
    def _answer(status: int, response: HTTPResponse | HTTPError) -> Answer:
        body = response.read(65536).decode(errors="replace")
        to = response.headers.get("Location")
        return Answer(status, body or (f"Location: {to}" if to else ""))

    def connections(self, port: int, tables: tuple[str, ...] = TABLES) -> int:
        """Return how many established connections have ``port`` as their local one."""
        suffix, found = f":{port:04X}", 0
        for table in tables:
            path = Path(table)
            if not path.exists():
                continue
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                found += fields[1].endswith(suffix) and fields[3] == ESTABLISHED
        return found


class Host(NamedTuple):
    """A server, as a deployment sees it."""

    files: Files
    systemd: Systemd
    web: Web
    clock: Clock

    def pause(self, seconds: float) -> None:
        """Wait, unless the run has lost its lock."""
        self.files.before_write("wait")
        self.clock.sleep(seconds)


def local(before_write: BeforeWrite, run: RunCommand) -> Host:
    """Return this machine."""
    return Host(Files(before_write), LocalSystemd(before_write, run), LocalWeb(), time)

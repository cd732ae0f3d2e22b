"""Kills runs by what they have done: right after a writing call to AWS, or right after a task that changed the server.

A boundary is such a place, by its name and number: "ec2:CreateSubnet 2", "nginx : Configure | Write the site into nginx.conf 1".
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e import site

OUTPUT = site.ROOT / ".state/artifacts/killed-run.txt"
PROGRESS = site.ROOT / ".state/artifacts/kills.json"
# Each run repeats these: it takes, renews and releases the account lock.
OF_EACH_RUN = {"ssm:PutParameter"}
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$")
# A release's name is another one in each life of a server.
HEXADECIMAL = re.compile(r"\b[0-9a-f]{5,}\b")


def seed() -> int:
    """Return the seed that the environment gives, or a new one."""
    return int(os.environ.get("TABLE_ORDER_SEED") or random.randrange(1_000_000))  # noqa: S311 - no secret


def draw(boundaries: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw boundaries; they keep their order."""
    places = random.Random(seed).sample(range(len(boundaries)), count)  # noqa: S311 - no secret
    return [boundaries[place] for place in sorted(places)]


def numbered(names: Iterable[str]) -> list[str]:
    """Return the names, each with the number of times that it has come up so far."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} {seen[name]}")
    return found


def changes(lines: Iterable[str], host: str) -> list[str]:
    """Return, from a run's output, what has changed a host: each task, or item of a task, numbered."""
    task, found = "", []
    for line in lines:
        if begun := TASK.match(line):
            task = begun[1]
        elif line.startswith((f"changed: [{host}]", f"changed: [{host} ->")):
            item = line.partition(" => ")[2]
            found.append(HEXADECIMAL.sub("*", f"{task} {item}".strip()))
    return numbered(found)


def in_this_run(boundaries: Iterable[str], made: Counter[str]) -> dict[str, str]:
    """Return each boundary by the number that it has in the next run, when ``made`` calls of its name were made before."""
    found = {}
    for boundary in boundaries:
        name, _, number = boundary.rpartition(" ")
        left = int(number) - (0 if name in OF_EACH_RUN else made[name])
        if left > 0:
            found[f"{name} {left}"] = boundary
    return found


def lives(boundaries: Sequence[str], kills: int) -> list[list[str]]:
    """Share boundaries out to as few lives as hold ``kills`` each, those of a life far from each other."""
    count = -(-len(boundaries) // kills)
    return [list(boundaries[first::count]) for first in range(count)]


def killed(reached: Callable[[list[str]], str], *arguments: str, before: Sequence[str] = ()) -> str:
    """Run playbooks until ``reached``, which is given the lines of the output, names a place; kill them there and return it.

    Returns "" when they have ended well before. Raises AssertionError when they have not.
    """
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines, rest, begun = [], "", time.monotonic()
    with (
        OUTPUT.open("w") as written,
        OUTPUT.open() as read,
        site.started(*arguments, before=before, output=written, PYTHONUNBUFFERED="1") as process,
    ):
        try:
            while process.poll() is None:
                *whole, rest = (rest + read.read()).split("\n")
                lines += whole
                if place := reached(lines):
                    site.kill(process.pid)
                    assert process.wait() == -signal.SIGKILL
                    return place
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                site.kill(process.pid)
    site.Run(OUTPUT.read_text(), process.returncode, time.monotonic() - begun).check()
    return ""


@dataclass
class Calls:
    """Kills runs after writing calls to AWS, in one life of an account."""

    made: Counter[str] = field(default_factory=Counter)

    def kill(self, boundaries: Iterable[str], *arguments: str) -> str:
        """Run playbooks and kill them at the first of these boundaries; return it, or "" when the run has ended before."""
        wanted = in_this_run(boundaries, self.made)
        site.order_stops(wanted)
        try:
            place = killed(lambda _: site.stops()["held"], *arguments)
            self.made += Counter(name.rpartition(" ")[0] for name in site.stops()["made"])
        finally:
            site.order_stops()
        return wanted[place] if place else ""


@dataclass(frozen=True)
class Changes:
    """Kills runs after tasks that have changed a host."""

    host: str

    def kill(self, boundaries: Iterable[str], *arguments: str) -> str:
        """Run playbooks and kill them at the first of these boundaries; return it, or "" when the run has ended before."""
        wanted = set(boundaries)
        return killed(
            lambda lines: next((one for one in changes(lines, self.host) if one in wanted), ""), *arguments
        )


class Progress:
    """A drill's progress in a file: an interrupted drill continues, a drill of another version starts again."""

    def __init__(self, path: Path, version: str) -> None:
        """Go on with ``path`` if it is of this version."""
        self.path = path
        known = json.loads(path.read_text()) if path.exists() else {}
        self.kept = known if known.get("version") == version else {"version": version}

    def boundaries(self, kind: str, find: Callable[[], list[str]]) -> list[str]:
        """Return all boundaries of a kind, found when they are asked for first."""
        if kind not in self.kept:
            self._keep(kind, {"boundaries": find(), "passed": []})
        return self.kept[kind]["boundaries"]

    def left(self, kind: str) -> list[str]:
        """Return the boundaries that have not passed, in their order."""
        return [one for one in self.kept[kind]["boundaries"] if one not in self.kept[kind]["passed"]]

    def passed(self, kind: str, boundaries: Iterable[str]) -> None:
        """Remember boundaries that have passed."""
        known = self.kept[kind]
        self._keep(kind, {**known, "passed": [*known["passed"], *boundaries]})

    def _keep(self, kind: str, what: dict[str, list[str]]) -> None:
        self.kept[kind] = what
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.kept, indent=1) + "\n")
        new.rename(self.path)


def version() -> str:
    """Return what another version of the project differs in: the commit, and what was changed since."""
    commit, difference = (
        subprocess.run(["git", *command], cwd=site.ROOT, capture_output=True, check=True).stdout
        for command in (["rev-parse", "HEAD"], ["diff", "HEAD"])
    )
    return f"{commit.decode().strip()} {hashlib.sha256(difference).hexdigest()[:12] if difference else ''}".strip()

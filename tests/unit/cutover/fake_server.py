"""A stand-in for a server with systemd, nginx and two instances of an application; no process runs.

Files are real ones, below a temporary folder, and all of this project's code that works on them is the real code. What is made up:
units (a unit that is started "runs" what its link and its environment file say at that moment), the application's answers, nginx
(which looks for the flag with each request, as the real one does), connections, and time, which passes only in ``sleep``.

Before each change the server looks whether a request that came now would be answered; ``lost`` names the steps where not. At one
of these changes a test may end the run (``kill_at``), or have another run take its lock (``lose_lock_at``).
"""

from __future__ import annotations

import functools
import grp
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import UPSTREAMS
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import Cutover
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import Answer, Files, Host
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    Fence,
    Site,
    linked_release,
)

SERVICE, CANDIDATE = "table-order-backend.service", "table-order-backend-candidate.service"
SOCKET = "table-order-backend.socket"
COMMAND = "table-order-backend-command.service"
WORKER, TIMER = (f"table-order-backend-process-{name}" for name in ("worker.service", "nightly.timer"))
PORT, CANDIDATE_PORT, NGINX = 8000, 8001, "http://127.0.0.1:8008/upstream"
TOKENS = {"first": "7c1d", "second": "e0f2"}


class Killed(BaseException):
    """The run ends here, and nothing of it goes on: no code may catch this."""


@dataclass
class Process:
    """What a unit runs: a release, with what its environment file held when it was started."""

    release: str
    environment: str


@dataclass
class FakeServer:
    """See the module's docstring."""

    root: Path
    token: str = TOKENS["first"]
    processes: dict[str, Process] = field(default_factory=dict)
    sockets: set[str] = field(default_factory=set)
    weights: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    restarted: dict[str, int] = field(default_factory=dict)
    connected: dict[int, list[int]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    now: float = 0.0
    was_live: bool = False
    kill_at: int | None = None
    lose_lock_at: int | None = None
    # The commands that have run, each with the environment that it had, and how a command ends.
    commands: list[tuple[str, str]] = field(default_factory=list)
    ends: Callable[[str], str | None] = lambda command: ""
    refuses: Callable[[str], bool] = lambda step: False
    healthy: Callable[[str, str, str], bool] = lambda unit, release, environment: True
    upstream: Callable[[bool], str] = lambda flag: UPSTREAMS["candidate" if flag else "service"]

    def __post_init__(self) -> None:
        for folder in ("home/releases", "home/logs", "home/assets", "state/environments", "run", "units"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "units/backend.service").write_text("[Service]\n")
        # As the role's main entry point has it.
        self.environment_of_service = self.root / "state/service.env"
        self.environment_of_service.unlink(missing_ok=True)
        self.environment_of_service.symlink_to(self.root / "home/backend/../environment")
        self.take_lock("first")

    # --- what a test makes and looks at ---

    @functools.cached_property
    def site(self) -> Site:
        return Site.of(self.options())

    def options(self, **others: Any) -> dict[str, Any]:
        """Return the module's option C(site) for this server."""
        paths = {
            "home": "home",
            "state": "state",
            "logs": "home/logs",
            "flag": "run/candidate-live",
            "assets": "home/assets",
        }
        health = {
            "url": f"http://127.0.0.1:{PORT}/api/health?deep=1",
            "host": "",
            "statuses": [200],
            "body": "release",
        }
        health |= {"names_release": True, "times": 3, "tries": 4}
        return {
            **{name: str(self.root / path) for name, path in paths.items()},
            "builds": ["admin-ui/build"],
            "service": SERVICE.partition(".")[0],
            "group": grp.getgrgid(os.getgid()).gr_name,
            "files": [str(self.root / "units/backend.service"), str(self.root / "units/none")],
            "shared": [],
            "processes": ["worker.service", "nightly.timer"],
            "address": "127.0.0.1",
            "port": PORT,
            "candidate_port": CANDIDATE_PORT,
            "traffic_url": NGINX,
            "drain_seconds": 5.0,
            "health": health,
        } | others  # fmt: skip

    def take_lock(self, run: str) -> None:
        """Have a run hold the lock, and write in its name from now on."""
        self.token = TOKENS[run]
        self.lock_for(run)

    def lock_for(self, run: str) -> None:
        holder = {"token": TOKENS[run], "what": "deploy", "who": run}
        (self.root / "state/lock.json").write_text(json.dumps(holder))

    def cutover(self, **others: Any) -> Cutover:
        """Return the steps, as a module has them that was started by the run that holds the lock."""
        return Cutover(Site.of(self.options(**others)) if others else self.site, self.host())

    def host(self) -> Host:
        fence = Fence(self.root / "state/lock.json", self.token)

        def before_write(step: str) -> None:
            self.happens(step)
            fence(step)

        return Host(Files(before_write), FakeSystemd(self, before_write), FakeWeb(self), FakeClock(self))

    def make_release(self, name: str, environment: str | None = None, former: bool = False) -> None:
        """Have a complete release there; with an environment it has been live."""
        folder = self.root / "home/releases" / name
        (folder / "backend/venv/bin").mkdir(parents=True)
        (folder / "backend/venv/bin/python").touch()
        (folder / "frontend/admin-ui/build/assets").mkdir(parents=True)
        (folder / f"frontend/admin-ui/build/assets/index-{name}.js").write_text(name)
        (folder / "manifest.json").write_text(
            json.dumps({"id": name, "files": {"backend/app.py": "checksum"}})
        )
        if environment is not None:
            (folder / "environment").write_text(environment)
        if former:
            (folder / "backend/.env.candidate").write_text("A=former\n")

    def draft(self, release: str, text: str) -> None:
        """Write what a candidate is to be started from, as the role does before the cutover."""
        (self.root / f"state/environments/{release}.env").write_text(text)

    def have_live(self, release: str, environment: str = "A=1\n") -> None:
        """Have a release serve, as a deployment has left it."""
        self.make_release(release, environment)
        for part in ("backend", "frontend"):
            (self.root / "home" / part).symlink_to(self.root / "home/releases" / release / part)
        self.boot()
        self.cutover().files.write(self.root / "state/started-from", self.fingerprint(release), 0o600)
        self.steps.clear()
        self.was_live = True

    def fingerprint(self, release: str) -> str:
        from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
            fingerprint_of,
        )

        return fingerprint_of(self.site, release)

    def reboot(self) -> None:
        """Lose what is in memory; all but the candidate is enabled."""
        (self.root / "run/candidate-live").unlink(missing_ok=True)
        self.processes.clear()
        self.sockets.clear()
        self.weights.clear()
        self.boot()

    def boot(self) -> None:
        for unit in (SOCKET, SERVICE, WORKER, TIMER):
            self.start(unit)

    def settled(self) -> dict[str, Any]:
        """Return what there is after a run, in words; what a cutover may leave is named."""
        home, state = self.root / "home", self.root / "state"
        left = [
            home / "candidate",
            state / "candidate.env",
            state / "switching.json",
            self.root / "run/candidate-live",
        ]
        left += [*(state / "environments").iterdir(), home / "logs/fastapi-candidate.log"]
        serving = self.processes.get(SERVICE)
        return {
            "live": linked_release(home / "backend"),
            "frontend": linked_release(home / "frontend"),
            "serving": serving.release if serving else "",
            "others": {
                unit: self.processes[unit].release for unit in (WORKER, TIMER) if unit in self.processes
            },
            "candidate": CANDIDATE in self.processes,
            "left": sorted(path.name for path in left if path.is_symlink() or path.exists()),
            "weights": {
                unit: weight for unit, weight in self.weights.items() if weight and unit in self.processes
            },
        }

    # --- what happens meanwhile ---

    def happens(self, step: str) -> None:
        """Something is about to change: look whether requests are answered, and end the run where a test wants that."""
        place = len(self.steps)
        self.steps.append(step)
        if not self.answers():
            self.lost.append(step)
        if self.kill_at == place:
            raise Killed(step)
        if self.lose_lock_at == place:
            self.lock_for("second")
        if self.refuses(step):
            from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import StepError

            raise StepError(f"{step}: refused by the test")

    @property
    def flag(self) -> bool:
        return (self.root / "run/candidate-live").exists()

    def answers(self) -> bool:
        """Say whether a request that comes now is answered, or waits at a socket for a service that can be started."""
        if not linked_release(self.root / "home/backend") and not self.flag:
            return not self.was_live
        unit = CANDIDATE if self.flag else SERVICE
        return self.is_healthy(unit)

    def is_healthy(self, unit: str) -> bool:
        process = self.processes.get(unit)
        return process is not None and self.healthy(unit, process.release, process.environment)

    def start(self, unit: str) -> None:
        """Start a unit as systemd does: one whose environment is not there is left alone, without an error."""
        if unit.endswith(".socket"):
            self.sockets.add(unit)
            return
        home, state = self.root / "home", self.root / "state"
        link, environment = (
            (home / "candidate", state / "candidate.env")
            if unit == CANDIDATE
            else (home / "backend", self.environment_of_service)
        )
        if not environment.exists() or not link.exists():
            return
        release = link.readlink().parent.name
        if unit in self.skipped:
            return
        self.processes[unit] = Process(release, environment.read_text())
        with (home / "logs" / ("fastapi-candidate.log" if unit == CANDIDATE else "fastapi.log")).open(
            "a"
        ) as log:
            log.write(f"{unit} starts {release} with {environment.read_text()}")

    def stop(self, unit: str) -> None:
        """Stop a unit; one that has the requests loses them."""
        if unit == (CANDIDATE if self.flag else SERVICE) and self.is_healthy(unit):
            self.lost.append(f"stop {unit}, which has the requests")
        self.processes.pop(unit, None)
        self.sockets.discard(unit)


class FakeSystemd:
    """systemd's part of the stand-in."""

    def __init__(self, server: FakeServer, before_write: Callable[[str], None]) -> None:
        self.server, self.before_write = server, before_write

    def start(self, unit: str) -> None:
        self.before_write(f"start {unit}")
        if not self.active(unit):
            self.server.start(unit)

    def restart(self, unit: str) -> None:
        self.before_write(f"restart {unit}")
        if self.active(unit):
            self.server.stop(unit)
        self.server.start(unit)

    def stop(self, unit: str) -> None:
        self.before_write(f"stop {unit}")
        if self.active(unit):
            self.server.stop(unit)

    def reload(self) -> None:
        self.before_write("daemon-reload")

    def weigh(self, unit: str, weight: str) -> None:
        self.before_write(f"weigh {unit} {weight}")
        self.server.weights[unit] = weight

    def forget_failure(self, unit: str) -> None:
        self.before_write(f"reset-failed {unit}")
        self.server.failed.discard(unit)

    def active(self, unit: str) -> bool:
        return unit in self.server.processes or unit in self.server.sockets

    def skipped(self, unit: str) -> bool:
        return unit in self.server.skipped

    def restarts(self, unit: str) -> int:
        return self.server.restarted.get(unit, 0)

    def launch(self, unit: str, properties: list[str], command: list[str]) -> None:
        assert unit == COMMAND
        line = " ".join([command[0].rpartition("/")[2], *command[1:]])
        self.before_write(f"run {line}")
        given = dict(one.split("=", 1) for one in properties)
        release = (
            command[0].removesuffix(f"/backend/venv/bin/{command[0].rpartition('/')[2]}").rpartition("/")[2]
        )
        assert given["WorkingDirectory"].endswith(f"{release}/backend/src")
        self.server.commands.append((f"{release}: {line}", Path(given["EnvironmentFile"]).read_text()))

    def outcome(self, unit: str) -> str | None:
        return self.server.ends(self.server.commands[-1][0])

    def journal(self, unit: str, lines: int) -> list[str]:
        return [f"journal of {unit}", "postgresql://app:sesame-open@db/x"][:lines]


class FakeWeb:
    """The application's and nginx's answers."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def get(self, url: str, host: str, timeout: float) -> Answer:
        if url == NGINX:
            addresses = {
                UPSTREAMS["service"]: f"127.0.0.1:{PORT}",
                UPSTREAMS["candidate"]: f"127.0.0.1:{CANDIDATE_PORT}",
            }
            said = {"upstream": self.server.upstream(self.server.flag), "addresses": addresses}
            return Answer(200, json.dumps(said | {"flag": str(self.server.root / "run/candidate-live")}))
        unit = CANDIDATE if f":{CANDIDATE_PORT}/" in url else SERVICE
        assert url.endswith("/api/health?deep=1")
        process = self.server.processes.get(unit)
        if process is None:
            return Answer(0, "Connection refused")
        status = 200 if self.server.is_healthy(unit) else 503
        return Answer(status, f'{{"release": "{process.release}"}} {process.environment}')

    def connections(self, port: int) -> int:
        counts = self.server.connected.get(port, [])
        return counts.pop(0) if counts else 0


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def monotonic(self) -> float:
        return self.server.now

    def sleep(self, seconds: float) -> None:
        self.server.now += seconds


def killed(server: FakeServer, place: int, run: Callable[[FakeServer], Any]) -> bool:
    """Run something and end it before its change of this number; return whether it came so far."""
    server.kill_at = place
    try:
        run(server)
    except Killed:
        return True
    finally:
        server.kill_at = None
    return False

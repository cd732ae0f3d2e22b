# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""The cutover from one release to another, as a state machine whose state is on the server's disk.

The service runs the live release; a candidate runs the new one beside it, on a port of its own. nginx looks for the flag with
each request: where it is, the candidate gets the requests.

====================  =======  =========  ============================================
after                 flag     live link  what a killed run leaves for the next one
====================  =======  =========  ============================================
start_candidate       absent   old        a candidate without requests: it is stopped
send_to_candidate     there    old        requests at the candidate: the rest is done
run                   there    new        the same
send_to_service       absent   new        a candidate without requests: it is stopped
stop_candidate        absent   new        nothing
====================  =======  =========  ============================================

Requests are only ever sent to a process that was healthy and that nobody stops: the candidate is not touched while it has
them, and the service is not stopped unless the candidate has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import (
    CANDIDATE,
    SERVICE,
    Checks,
    hidden,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import (
    Files,
    Host,
    StepError,
    local,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    SITE_OPTIONS,
    Fence,
    LockLostError,
    Site,
    checksum,
    fingerprint_of,
    former_env_files,
    linked_release,
    one_step_at_a_time,
    read_json,
    release_facts,
)

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

START_WEIGHT = "20"
"""CPUWeight (of 100) of what starts beside what serves: two imports of an application would take as much as its workers."""
PROCESS_SECONDS = 3
"""How long a worker must run without a restart. One that waits for a queue or a database retries by itself."""
PAUSE_COMMAND = 0.2
RENEWAL_SECONDS = 20.0
"""How often a command before or after the switch renews the lease of the lock, which is of at least 60 s."""
SHOWN_LINES = 5
ENDINGS = (StepError, OSError)
"""What a step may end with other than well; a LockLostError goes through, since nothing may be cleared away then."""


class Commands(NamedTuple):
    """What is run before or after a switch: lines of words, the unit's properties, and the directory in the release's backend."""

    lines: list[str]
    properties: list[str]
    directory: str


class CutoverError(StepError):
    """A cutover did not get through; what it has left is said in the message. ``log`` and ``journal`` are lines of what failed."""

    def __init__(self, message: str, log: list[str] | None = None, journal: list[str] | None = None) -> None:
        """Say why, with the last lines of the log and the journal of the process that failed, if one did."""
        super().__init__(message)
        self.log, self.journal = log or [], journal or []


# Names with a hash of the content, as roles/nginx/templates/site.conf.j2 has them.
HASHED = (
    r"/(_app/immutable|_next/static)/",
    r"[.-](?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,64}([.][a-z0-9]{2,11}){1,3}$",
    r"([.-]|/(?=[^/]{8}[.](m?js|css)$))(?=[^/.]{1,7}[A-Z])(?=[^/.]{0,7}[0-9]|[^/.]{1,6}[A-Z][^/.]{0,5}[A-Z])"
    r"[^/.]{8}([.][a-z0-9]{2,11}){1,3}$",
)
# What pages load, also without a hash.
LOADED = (
    r"[.](css|js|map|mjs|wasm|woff2?)$",
    r"/(assets|static|_app|_astro|_next|_nuxt)/",
)
KEPT = re.compile("|".join((*HASHED, *LOADED)))
# A browser keeps a worker that a later release has removed, until it is no longer found.
NOT_KEPT = re.compile(r"[.]html?$|(\bsw|_sw|worker)[.]m?js$")


def is_kept(place: str) -> bool:
    """Return whether pages of an earlier release may ask for a file of a build; ``place`` begins with / at the build."""
    return KEPT.search(place) is not None and NOT_KEPT.search(place) is None


def wanted_assets(releases: Path, builds: list[str]) -> dict[Path, Path]:
    """Return the place of each file that pages load, relative to the archive, and where it is; the newest release's, if several."""
    found: dict[Path, Path] = {}
    if not releases.is_dir():
        return found
    for release in sorted(releases.iterdir(), key=lambda path: path.stat().st_mtime):
        if not (release / "manifest.json").exists():
            continue
        frontend = release / "frontend"
        for build in builds:
            for file in (frontend / build).rglob("*"):
                place = f"/{file.relative_to(frontend / build)}"
                if is_kept(place) and file.is_file() and not file.is_symlink():
                    found[file.relative_to(frontend)] = file
    return found


def asset_changes(releases: Path, archive: Path, builds: list[str]) -> tuple[dict[Path, Path], list[Path]]:
    """Return which files the archive lacks, by their place in it, and which it has of releases that are gone."""
    files = wanted_assets(releases, builds)
    existing = {path.relative_to(archive) for path in archive.rglob("*") if not path.is_dir()}
    missing = {place: files[place] for place in sorted(files.keys() - existing)}
    return missing, sorted(existing - files.keys())


def keep_assets(files: Files, releases: Path, archive: Path, builds: list[str]) -> tuple[int, int]:
    """Keep the files that pages load of all releases in an archive; return how many were added and removed."""
    missing, extra = asset_changes(releases, archive, builds)
    for place, source in missing.items():
        files.hard_link(source, archive / place)
    for place in extra:
        files.remove(archive / place)
    return len(missing), len(extra)


class Cutover:
    """The steps of a cutover on one server. Each may be repeated; each raises CutoverError, LockLostError or OSError."""

    def __init__(self, site: Site, host: Host) -> None:
        """Work on ``host``, whose files are those of ``site``."""
        self.site, self.host = site, host
        self.files, self.systemd, self.checks = host.files, host.systemd, Checks(site, host)
        self.complaints: list[str] = []

    # --- what there is ---

    @property
    def live(self) -> str:
        """Return the release that the service runs, or is to run; nothing for none."""
        return linked_release(self.site.home / "backend")

    @property
    def candidate(self) -> str:
        """Return the release that is being put into service, or nothing."""
        return linked_release(self.site.home / "candidate")

    @property
    def candidate_has_requests(self) -> bool:
        """Say whether the flag is there."""
        return self.files.exists(self.site.flag)

    @property
    def switched_from(self) -> str:
        """Return the release that was live when requests were sent to the candidate, or nothing."""
        return str(read_json(self.site.state / "switching.json").get("from", ""))

    def is_current(self, release: str) -> bool:
        """Say whether the service runs this release, from what lies on the disk, and nothing else is meant for it."""
        draft, environment = self.site.candidate_env_file(release), self.site.env_file(release)
        return (
            self.live == release
            and self.files.text(self.site.state / "started-from") == fingerprint_of(self.site, release)
            and (not draft.exists() or self.files.same(draft, environment))
            and self.systemd.active(self.site.service_unit)
        )

    # --- the candidate ---

    def start_candidate(self, release: str, urgent: bool = False) -> bool:
        """Start a release beside the service and wait until it is healthy; one that does not become so is stopped.

        In a ``urgent``, as in a rollback, it takes its full share of the processors at once.
        """
        if self.candidate_has_requests:
            if self.candidate == release:
                return False
            raise CutoverError(
                f"Requests go to a candidate, {self.candidate or 'of no name'}, which a run has left that did not end. "
                "It is not replaced; finish that first (the next deployment does)."
            )
        if not self.files.exists(self.site.candidate_env_file(release)):
            raise CutoverError(
                f"{self.site.candidate_env_file(release)}, from which {release} is to be started, is not there."
            )
        unit = self.site.candidate_unit
        # What a killed run has left at work.
        self.systemd.stop(self.site.command_unit)
        try:
            self.files.link(self.site.home / "candidate", self.site.releases / release / "backend")
            self.files.link(self.site.candidate_env_link, self.site.candidate_env_file(release))
            self.files.touch(self.site.candidate_log, 0o640, self.site.group)
            self.systemd.weigh(unit, "" if urgent else START_WEIGHT)
            self.systemd.reload()
            self.systemd.restart(unit)
            self.checks.probe(release, self.site.candidate_url, unit)
            if not urgent:
                self.systemd.weigh(unit, "")
        except ENDINGS as error:
            log, journal = self.checks.last_lines(unit, self.site.candidate_log, release)
            live = self.live
            self.stop_candidate()
            raise CutoverError(
                f"Release {release} did not become healthy, so it got no request"
                f"{f'; {live} was not disturbed' if live else ''}. {self.checks.healthy_means} {error}",
                log,
                journal,
            ) from error
        return True

    def stop_candidate(self) -> bool:
        """Stop the candidate, which has no requests, and remove what was needed for it."""
        release = self.candidate
        if self.candidate_has_requests:
            raise CutoverError(f"Requests go to the candidate, {release or 'of no name'}: it is not stopped.")
        unit, changed = self.site.candidate_unit, self.candidate_is_there
        # Also where it does not run: systemd may be about to start it again.
        self.systemd.stop(unit)
        # One that could not be healthy may have had to be killed: no unit stays failed for it.
        self.systemd.forget_failure(unit)
        self.files.append(self.site.log, self.site.candidate_log)
        for path in self.of_the_candidate():
            self.files.remove(path)
        return changed

    def of_the_candidate(self) -> list[Path]:
        """Return what is needed for a candidate and nothing else: its link, by which a run finds the others, goes last."""
        release = self.candidate
        others = (
            [self.site.candidate_env_file(release), self.site.previous_env_file(release)] if release else []
        )
        others += [self.site.candidate_env_link, self.site.state / "switching.json"]
        return [*others, self.site.home / "candidate"]

    @property
    def candidate_is_there(self) -> bool:
        """Say whether a candidate runs, or has left anything."""
        left = [*self.of_the_candidate(), self.site.candidate_log]
        return any(map(self.files.exists, left)) or self.systemd.active(self.site.candidate_unit)

    # --- commands before and after the switch ---

    def run_before(self, release: str, commands: Commands, more: bool) -> bool:
        """Run commands in a release that has no requests yet; ``more`` says that others follow after the switch.

        A command that fails ends the deployment. After a kill the next run begins with the first command.
        """
        environment = self.site.candidate_env_file(release)
        self.run_commands(release, environment, commands)
        if more:
            self.files.write(self.site.due, f"{release} {checksum(environment)}", 0o600)
        else:
            self.files.remove(self.site.due)
        return bool(commands.lines)

    def run_after(self, commands: Commands) -> bool:
        """Run commands in the live release, if they are due since its switch. Those that fail, or are killed, stay due."""
        live = self.live
        environment = self.site.env_file(live)
        # Not those of a switch that did not take place.
        if not live or self.files.text(self.site.due) != f"{live} {checksum(environment)}":
            return False
        try:
            self.run_commands(live, environment, commands)
        except CutoverError as error:
            raise CutoverError(
                f"{live} is live and healthy. {error} The next deployment runs the commands after the switch again, also of the "
                "same release.",
                journal=error.journal,
            ) from error
        self.files.remove(self.site.due)
        return True

    def run_commands(self, release: str, environment: Path, commands: Commands) -> None:
        """Run commands one after the other, as the service would run them."""
        unit, clock, lock = self.site.command_unit, self.host.clock, self.site.state / "lock.json"
        for line in commands.lines:
            own, words = self.site.command(release, environment, commands.directory, line.split())
            # A killed run may have left it.
            self.systemd.stop(unit)
            self.systemd.forget_failure(unit)
            renewed = clock.monotonic()
            try:
                self.systemd.launch(unit, [*commands.properties, *own], words)
                while (ended := self.systemd.outcome(unit)) is None:
                    self.host.pause(PAUSE_COMMAND)
                    if clock.monotonic() - renewed >= RENEWAL_SECONDS:
                        self.files.freshen(lock)
                        renewed = clock.monotonic()
            except StepError as error:
                ended = str(error)
            journal = self.checks.last_lines(unit, self.site.candidate_log, release)[1] if ended else []
            self.systemd.stop(unit)
            self.systemd.forget_failure(unit)
            if ended:
                raise CutoverError(f"The command {line} failed: {ended}.", journal=journal)

    # --- who gets the requests ---

    def send_to_candidate(self) -> bool:
        """Send requests to the candidate; where they do not reach it, they are sent back and the candidate is stopped."""
        release = self.candidate
        if not release:
            raise CutoverError("There is no candidate that requests could be sent to.")
        if not self.candidate_has_requests and not self.systemd.active(self.site.candidate_unit):
            raise CutoverError(f"{self.site.candidate_unit} does not run: it gets no requests.")
        changed = False
        try:
            if not self.candidate_has_requests:
                # For the next run, should this one be killed.
                switching = json.dumps({"from": self.live, "to": release})
                self.files.write(self.site.state / "switching.json", switching, 0o600)
                changed = self.files.touch(self.site.flag, 0o644)
            # Pages that are open ask for the hashed files of their own release.
            kept = keep_assets(self.files, self.site.releases, self.site.assets, self.site.builds)
            changed = any(kept) or changed
            changed = (
                self.files.link(self.site.home / "frontend", self.site.releases / release / "frontend")
                or changed
            )
            self.checks.ask(CANDIDATE)
        except ENDINGS as error:
            self.take_back(release, error)
        return changed

    def take_back(self, release: str, error: Exception) -> None:
        """Have the service get the requests again, since they do not reach the candidate; raises CutoverError."""
        if self.live:
            # A run that was killed may have stopped it.
            self.start_service()
        self.files.remove(self.site.flag)
        self.checks.drain(self.site.candidate_port)
        self.stop_candidate()
        self.serve_frontends()
        raise CutoverError(
            f"Traffic did not reach {release}, which was healthy; live is {self.live or 'none'}. {error}"
        ) from error

    def send_to_service(self, ask: bool = True) -> bool:
        """Send requests to the service; where they do not reach it, the candidate gets them again, which is healthy."""
        had = self.candidate_has_requests
        if had and self.live and not self.systemd.active(self.site.service_unit):
            if self.candidate:
                raise CutoverError(
                    f"{self.site.service_unit} does not run: the candidate keeps the requests."
                )
            self.start_service()
        changed = self.files.remove(self.site.flag)
        try:
            if ask:
                self.checks.ask(SERVICE)
        except ENDINGS as error:
            if not had:
                raise
            self.files.touch(self.site.flag, 0o644)
            raise CutoverError(
                f"{error} The candidate ({self.site.candidate_unit}) keeps running. "
                "The next deployment completes this cutover first."
            ) from error
        if had:
            self.checks.drain(self.site.candidate_port)
        return self.serve_frontends() or changed

    def start_service(self) -> None:
        """Start the service as it is, with its socket and the other processes; one of these that does not start is a complaint."""
        for unit in (self.site.socket_unit, self.site.service_unit):
            self.systemd.start(unit)
        for unit in self.site.process_units:
            try:
                self.systemd.start(unit)
            except StepError as error:
                self.complaints.append(str(error))

    def serve_frontends(self) -> bool:
        """Serve the front ends of the live release; none where nothing is live."""
        link, live = self.site.home / "frontend", self.live
        if live:
            return self.files.link(link, self.site.releases / live / "frontend")
        return self.files.remove(link)

    # --- the service ---

    def run(self, release: str, fallback: str, require_processes: bool = False) -> bool:
        """Have the service run a release, while the candidate has the requests, and wait until it is healthy.

        One that does not become healthy is replaced by ``fallback``, which gets the requests; the candidate is stopped then.
        Without a fallback nothing is live afterwards. With ``require_processes`` a release is also replaced, by another one, if one
        of its other processes does not keep running. Where there is no other one, it stays live and CutoverError says so; without
        ``require_processes`` ``complaints`` does.
        """
        if self.is_current(release):
            try:
                self.checks.probe(release, self.site.health.url)
            except ENDINGS:
                if not self.candidate_has_requests:
                    raise
            else:
                return False
        if not self.candidate_has_requests:
            raise CutoverError(
                f"{self.site.service_unit} has the requests, so it is not replaced: send them to the candidate first."
            )
        self.adopt_former_env_file(release)
        try:
            self.checks.drain(self.site.port)
            self.replace(release)
            if self.complaints and require_processes and fallback not in ("", release):
                raise StepError(" ".join(self.complaints))
        except ENDINGS as error:
            self.give_back(release, fallback, error)
        if self.complaints and require_processes:
            self.send_to_service()
            self.stop_candidate()
            raise CutoverError(
                f"{release} is live and healthy. {' '.join(self.complaints)} Correct it (fastapi_app_processes): the next run "
                "starts it again."
            )
        return True

    def replace(self, release: str) -> None:
        """Run a release as the service. Nothing may be sent to it meanwhile."""
        service, socket = self.site.service_unit, self.site.socket_unit
        # Until it is healthy, no run may take the new process for the one of before.
        self.files.remove(self.site.state / "started-from")
        self.stop_processes()
        # Early: event streams come back to the candidate meanwhile, and both at once would be felt. The socket, too, or a
        # request would start the service in between.
        self.systemd.stop(socket)
        self.systemd.stop(service)
        self.take_over_environment(release)
        for part in ("backend", "frontend"):
            self.files.link(self.site.home / part, self.site.releases / release / part)
        self.systemd.weigh(service, START_WEIGHT)
        self.systemd.reload()
        self.systemd.start(socket)
        # A plain start, unless somebody has started it meanwhile.
        self.systemd.restart(service)
        self.checks.probe(release, self.site.health.url)
        self.systemd.weigh(service, "")
        self.start_processes(release)
        # With a complaint, the next run tries again.
        if not self.complaints:
            self.files.write(self.site.state / "started-from", fingerprint_of(self.site, release), 0o600)

    def stop_processes(self) -> None:
        """Stop the other processes, each within its own time: none of them may run twice, or from two releases."""
        for unit in self.site.process_units:
            self.systemd.stop(unit)
            if unit.endswith(".timer"):
                self.systemd.stop(f"{unit.removesuffix('.timer')}.service")

    def start_processes(self, release: str) -> None:
        """Start the other processes of a healthy release; ``complaints`` has those that do not keep running."""
        self.complaints, restarts = [], {}
        for unit in self.site.process_units:
            try:
                self.systemd.start(unit)
                restarts[unit] = self.systemd.restarts(unit)
            except StepError as error:
                self.complaints.append(str(error))
        for _second in range(PROCESS_SECONDS if restarts else 0):
            self.host.pause(1)
        for unit, before in restarts.items():
            if self.systemd.skipped(unit):
                continue
            if not self.systemd.active(unit) or self.systemd.restarts(unit) > before:
                log = self.site.process_log(unit)
                printed = hidden(self.files.tail(log, SHOWN_LINES), self.checks.secrets(release))
                self.complaints.append(
                    f"{unit} does not keep running. The end of {log}: {' | '.join(printed)}"
                )

    def take_over_environment(self, release: str) -> None:
        """Have the release keep what the candidate was started from, and the one of before until it has proved itself."""
        draft, own, before = (
            self.site.candidate_env_file(release),
            self.site.env_file(release),
            self.site.previous_env_file(release),
        )
        if not self.files.exists(draft) or self.files.same(draft, own):
            return
        if self.files.exists(own):
            self.files.copy(own, before, before.with_suffix(".new"))
        self.files.copy(draft, own, self.site.releases / release / "environment.new")

    def adopt_former_env_file(self, release: str) -> None:
        """Move a draft to where it is kept now: a run of an earlier version of the role kept it in the release."""
        folder, draft = self.site.releases / release, self.site.candidate_env_file(release)
        former = folder / "backend/.env.candidate"
        if not folder.is_dir() or self.files.exists(draft):
            return
        if former in former_env_files(self.site.releases, {release: release_facts(folder)}):
            self.files.rename(former, draft, self.site.group, 0o640)

    def give_back(self, release: str, fallback: str, error: Exception) -> None:
        """Run what was live, since the release did not become healthy as the service; raises CutoverError."""
        log, journal = self.checks.last_lines(self.site.service_unit, self.site.log, release)
        before, own = self.site.previous_env_file(release), self.site.env_file(release)
        if self.files.exists(before):
            self.files.copy(before, own, self.site.releases / release / "environment.new")
        why = f"{self.checks.healthy_means} {error}"
        if fallback:
            self.files.remove(self.site.candidate_env_file(release))
            try:
                self.replace(fallback)
            except ENDINGS as other:
                raise CutoverError(
                    f"Neither {release} nor {fallback} became healthy as {self.site.service_unit}. The candidate "
                    f"({self.site.candidate_unit}) is healthy and keeps serving. The next deployment completes this cutover first. "
                    f"{why} {fallback}: {other}",
                    log,
                    journal,
                ) from error
            now = f"{fallback} is live again"
        else:
            self.stop_processes()
            for unit in (self.site.socket_unit, self.site.service_unit):
                self.systemd.stop(unit)
            for part in ("backend", "frontend"):
                self.files.remove(self.site.home / part)
            now = "no release was live before, so none is now"
        message = f"Release {release} did not become healthy as {self.site.service_unit}; {now}. {why}"
        try:
            self.send_to_service()
            self.stop_candidate()
        except ENDINGS as other:
            raise CutoverError(f"{message} {other}", log, journal) from error
        raise CutoverError(message, log, journal) from error


# --- modules ---------------------------------------------------------------------------------------------------------

STEP_OPTIONS: dict[str, Any] = {
    "site": {"type": "dict", "required": True, "options": SITE_OPTIONS},
    # Not a secret: it tells runs apart.
    "token": {"type": "str", "required": True, "no_log": False},
}


def story(error: BaseException) -> str:
    """Return what went wrong, and what had gone wrong when that happened."""
    before = error.__context__
    if error.__cause__ is not None or not isinstance(before, ENDINGS):
        return str(error)
    return f"{error} (after: {story(before)})"


def run_step(module: AnsibleModule, step: Callable[[Cutover], dict[str, Any]]) -> None:
    """Run a module's step under the lock and exit: ``step`` returns the module's result. In check mode it must only look."""
    site = Site.of(module.params["site"])
    fence = Fence(site.state / "lock.json", module.params["token"])
    run_command = partial(module.run_command, expand_user_and_vars=False)
    cutover = Cutover(site, local(fence, run_command))
    try:
        if module.check_mode:
            module.exit_json(**step(cutover))
        with one_step_at_a_time(site.state):
            fence("the first step")
            result = step(cutover)
        for complaint in cutover.complaints:
            module.warn(complaint)
    except LockLostError as error:
        module.fail_json(msg=str(error), lock_lost=True)
    except CutoverError as error:
        module.fail_json(msg=story(error), log=error.log, journal=error.journal)
    except ENDINGS as error:
        module.fail_json(msg=story(error))
    module.exit_json(**result)

"""A cutover, whole and cut off at every change: who serves, what is left, and what the next run makes of it."""

import json

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import UPSTREAMS
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import CutoverError, story
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import StepError
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    LockLostError,
    candidate_env_files,
)

from tests.unit.cutover.fake_server import (
    CANDIDATE,
    CANDIDATE_PORT,
    COMMAND,
    PORT,
    SERVICE,
    SOCKET,
    TIMER,
    WORKER,
    Killed,
    Process,
    killed,
)

NEW = 'A=2\nPASSWORD="sesame-open"\n'


def settled(live: str) -> dict:
    """What there is when nothing is under way."""
    others = {unit: live for unit in (WORKER, TIMER) if live}
    run = {"live": live, "frontend": live, "serving": live, "others": others}
    return {**run, "candidate": False, "left": [], "weights": {}}


def cut_over(server, release: str, environment: str = NEW, urgent: bool = False) -> None:
    """Do what activate.yml and rollback.yml do under the lock."""
    server.draft(release, environment)
    cutover = server.cutover()
    cutover.send_to_service()
    before = cutover.live
    cutover.start_candidate(release, urgent)
    cutover.send_to_candidate()
    cutover.run(release, before, require_processes=not urgent)
    cutover.send_to_service()
    cutover.stop_candidate()


def recover(server) -> None:
    """Do what recover.yml does when the lock has been taken."""
    cutover = server.cutover()
    release, switched_from = cutover.candidate, cutover.switched_from
    switching = cutover.candidate_has_requests and release != ""
    if switching:
        cutover.send_to_candidate()
        cutover.run(release, switched_from)
    cutover.send_to_service(ask=switching)
    cutover.stop_candidate()
    site = cutover.site
    for path in candidate_env_files(site.releases, site.state / "environments", {}):
        (site.state / "environments" / path).unlink()


def next_run(server, release: str, environment: str = NEW) -> None:
    """Take the lock of a run that has ended, and deploy."""
    server.take_lock("second")
    recover(server)
    cut_over(server, release, environment)


def assert_serves(server, release: str, environment: str = NEW, others: bool = True) -> None:
    expected = settled(release)
    assert server.settled() | ({} if others else {"others": expected["others"]}) == expected
    assert server.processes[SERVICE].environment == environment
    assert (server.root / "state/started-from").read_text() == server.fingerprint(release)
    assert SOCKET in server.sockets


STEPS = 200  # more than a cutover has


def changes(make, run, live="a") -> list[int]:
    """Return the numbers of the changes that a run makes. To be killed in a wait is to be killed before what comes next."""
    whole = make(live)
    run(whole)
    assert 20 < len(whole.steps) < STEPS
    return [place for place, step in enumerate(whole.steps) if step != "wait"]


def each_place(make, run, live="a"):
    """Yield a server for each change of ``run``, in which that was killed before that change."""
    for place in changes(make, run, live):
        server = make(live)
        assert killed(server, place, run)
        assert len(server.steps) == place + 1
        yield server


# --- whole -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("urgent", [False, True])
def test_a_cutover_replaces_the_release_without_losing_a_request(make, urgent):
    server = make()
    cut_over(server, "b", urgent=urgent)
    assert_serves(server, "b")
    assert server.lost == []
    order = [
        step for step in server.steps if step.startswith(("start ", "restart", "stop", "touch", "remove"))
    ]
    order = [step.replace(f"{server.root}/", "") for step in order]
    assert order == [
        f"stop {COMMAND}",
        "touch home/logs/fastapi-candidate.log",
        f"restart {CANDIDATE}",
        "touch run/candidate-live",
        "remove state/started-from",
        f"stop {WORKER}",
        f"stop {TIMER}",
        f"stop {TIMER.removesuffix('timer')}service",
        f"stop {SOCKET}",
        f"stop {SERVICE}",
        f"start {SOCKET}",
        f"restart {SERVICE}",
        f"start {WORKER}",
        f"start {TIMER}",
        "remove run/candidate-live",
        f"stop {CANDIDATE}",
        "remove home/logs/fastapi-candidate.log",
        "remove state/environments/b.env",
        "remove state/candidate.env",
        "remove state/switching.json",
        "remove home/candidate",
    ]
    assert (f"weigh {CANDIDATE} 20" in server.steps) != urgent


def test_the_first_release_ever_goes_live(make):
    server = make(live="")
    cut_over(server, "b")
    assert_serves(server, "b")
    assert server.lost == []


def test_what_is_live_runs_with_another_environment(make):
    server = make()
    cut_over(server, "a", NEW)
    assert_serves(server, "a")
    assert server.lost == []


def test_what_the_candidate_printed_is_in_the_log(make):
    server = make()
    cut_over(server, "b")
    log = (server.root / "home/logs/fastapi.log").read_text()
    assert f"{CANDIDATE} starts b" in log
    assert f"{SERVICE} starts b" in log


def test_files_of_pages_that_are_open_are_kept(make):
    server = make()
    (server.root / "home/assets/gone.js").write_text("of a release that is gone")
    cut_over(server, "b")
    kept = {path.name for path in (server.root / "home/assets").rglob("*.js")}
    assert kept == {"index-a.js", "index-b.js"}


def test_nothing_is_stopped_while_somebody_is_connected_for_a_bounded_time(make):
    server = make()
    server.connected = {PORT: [2, 1, 0], CANDIDATE_PORT: [1] * 500}
    cut_over(server, "b")
    waits = server.steps[server.steps.index(f"touch {server.root}/run/candidate-live") :]
    assert waits[: waits.index(f"stop {SOCKET}")].count("wait") == 3
    candidate = waits[waits.index(f"remove {server.root}/run/candidate-live") :]
    # 5 s in steps of 0.1 s, after 0.3 s; an event stream stays for ever.
    assert 45 < candidate[: candidate.index(f"stop {CANDIDATE}")].count("wait") < 50


# --- killed ----------------------------------------------------------------------------------------------------------

RUNS = {
    "a deployment": ("a", lambda server: cut_over(server, "b")),
    "a rollback": ("a", lambda server: cut_over(server, "b", urgent=True)),
    "a change of the environment": ("a", lambda server: cut_over(server, "a", NEW)),
    "the first deployment": ("", lambda server: cut_over(server, "b")),
}


@pytest.mark.parametrize("kind", ["a deployment"])
def test_a_run_that_is_killed_before_any_change_is_made_up_for(make, kind):
    live, run = RUNS[kind]
    for server in each_place(make, run, live):
        next_run(server, "b")
        assert_serves(server, "b")
        assert server.lost == [], server.steps


@pytest.mark.parametrize("kind", RUNS)
def test_after_a_killed_run_another_release_can_be_deployed(make, kind):
    live, run = RUNS[kind]
    for server in each_place(make, run, live):
        server.make_release("c")
        next_run(server, "c", "A=3\n")
        assert_serves(server, "c", "A=3\n")
        assert server.lost == [], server.steps


@pytest.mark.parametrize("kind", ["a change of the environment", "the first deployment"])
def test_recovery_alone_leaves_one_release_that_serves(make, kind):
    live, run = RUNS[kind]
    for server in each_place(make, run, live):
        server.take_lock("second")
        recover(server)
        now = server.settled()
        assert now["left"] == []
        assert now["live"] == now["frontend"] == now["serving"]
        assert now["live"] in (live, "a" if kind == "a change of the environment" else "b")
        assert server.lost == []
        steps = len(server.steps)
        recover(server)
        assert server.settled() == now
        # Nothing more than what cannot be asked before.
        assert server.steps[steps:] == [f"stop {CANDIDATE}", f"reset-failed {CANDIDATE}"]


@pytest.mark.parametrize("kind", ["a deployment"])
def test_a_recovery_that_is_killed_as_well_is_made_up_for(make, kind):
    """Whatever the first run has left, and wherever the second one ends."""
    live, run = RUNS[kind]
    for first in changes(make, run, live)[::5]:
        for second in range(0, STEPS, 3):
            server = make(live)
            assert killed(server, first, run)
            server.take_lock("second")
            ended = not killed(server, first + 1 + second, recover)
            server.take_lock("first")
            recover(server)
            cut_over(server, "b")
            assert_serves(server, "b")
            assert server.lost == []
            if ended:
                break


@pytest.mark.parametrize("kind", ["a deployment", "a change of the environment"])
def test_a_server_that_is_started_again_in_the_middle_serves_and_can_be_deployed_to(make, kind):
    live, run = RUNS[kind]
    for server in each_place(make, run, live):
        server.reboot()
        # Whatever was replaced by then: a release never runs with the environment of another.
        release = "b" if kind == "a deployment" else "a"
        assert server.processes[SERVICE] in (Process("a", "A=1\n"), Process(release, NEW))
        server.lost.clear()
        next_run(server, "b")
        assert_serves(server, "b")
        assert server.lost == [], server.steps


@pytest.mark.parametrize("kind", ["a deployment"])
def test_a_step_that_goes_on_without_its_run_ends_when_the_next_run_has_the_lock(make, kind):
    """The run was killed on the controller; what it had begun on the server finds another run's lock before its next change."""
    live, run = RUNS[kind]
    for place in changes(make, run, live):
        server = make(live)
        server.lose_lock_at = place
        with pytest.raises(LockLostError, match="deploy by second holds it"):
            run(server)
        # It has changed nothing more, and cleared nothing away.
        assert len(server.steps) == place + 1
        server.lose_lock_at = None
        next_run(server, "b")
        assert_serves(server, "b")
        assert server.lost == []


def test_a_run_without_the_lock_writes_nothing(make):
    server = make()
    server.draft("b", NEW)
    (server.root / "state/lock.json").unlink()
    with pytest.raises(LockLostError, match="it is free"):
        server.cutover().start_candidate("b")
    assert server.settled() == settled("a") | {"left": ["b.env"]}


# --- a release that does not work ------------------------------------------------------------------------------------


def broken_as(unit: str, release: str = "b"):
    return lambda asked, running, environment: not (asked == unit and running == release)


def test_a_candidate_that_is_not_healthy_gets_no_request(make):
    server = make()
    server.healthy = broken_as(CANDIDATE)
    server.draft("b", NEW)
    with pytest.raises(CutoverError) as failed:
        server.cutover().start_candidate("b")
    said = str(failed.value)
    assert "Release b did not become healthy, so it got no request; a was not disturbed." in said
    assert (
        "Healthy means 3 times in a row status 200 and a body that matches release that names the release."
        in said
    )
    assert "GET http://127.0.0.1:8001/api/health?deep=1: status 503" in said
    assert failed.value.log == [f"{CANDIDATE} starts b with A=2", 'PASSWORD="********"']
    assert failed.value.journal == [f"journal of {CANDIDATE}", "postgresql://app:********@db/x"]
    assert "sesame-open" not in said
    assert server.settled() == settled("a")
    assert server.lost == []


def test_a_candidate_that_ends_again_and_again_is_given_up_early(make):
    server = make()
    server.healthy = broken_as(CANDIDATE)
    server.restarted = {CANDIDATE: 3}
    server.draft("b", NEW)
    with pytest.raises(CutoverError, match="has exited 3 times"):
        server.cutover().start_candidate("b")
    assert server.steps.count("wait") == 0


@pytest.mark.parametrize("live", ["a", ""])
def test_a_release_that_is_not_healthy_as_the_service_is_taken_back(make, live):
    server = make(live)
    server.healthy = broken_as(SERVICE)
    with pytest.raises(CutoverError) as failed:
        cut_over(server, "b")
    said = "a is live again" if live else "no release was live before, so none is now"
    assert f"Release b did not become healthy as {SERVICE}; {said}." in str(failed.value)
    assert failed.value.journal[0] == f"journal of {SERVICE}"
    assert "sesame-open" not in str([failed.value, failed.value.log, failed.value.journal])
    assert server.settled() == settled(live)
    assert server.lost == []
    if live:
        assert server.processes[SERVICE].environment == "A=1\n"
        assert (server.root / "state/started-from").read_text() == server.fingerprint("a")


def test_an_environment_that_does_not_work_for_the_service_is_taken_back(make):
    server = make()
    server.healthy = lambda unit, release, environment: unit == CANDIDATE or environment == "A=1\n"
    with pytest.raises(CutoverError, match="a is live again"):
        cut_over(server, "a", NEW)
    assert_serves(server, "a", "A=1\n")
    assert server.lost == []


def test_where_neither_becomes_healthy_the_candidate_serves_until_the_next_deployment(make):
    server = make()
    server.healthy = lambda unit, release, environment: unit == CANDIDATE
    with pytest.raises(CutoverError, match="Neither b nor a became healthy"):
        cut_over(server, "b")
    assert server.flag
    assert server.processes[CANDIDATE].release == "b"
    server.healthy = lambda unit, release, environment: True
    server.lost.clear()  # The release that was live was unhealthy from the beginning.
    next_run(server, "b")
    assert_serves(server, "b")
    assert server.lost == []


@pytest.mark.parametrize("live", ["a", ""])
def test_a_run_that_is_killed_while_it_gives_back_is_made_up_for(make, live):
    """The next run finds the release that does not work first, gives it back as well, and fails once; the server is sound."""

    def run(server):
        server.healthy = broken_as(SERVICE)
        with pytest.raises(CutoverError):
            cut_over(server, "b")

    for server in each_place(make, run, live):
        server.make_release("c")
        server.take_lock("second")
        if server.flag:
            with pytest.raises(CutoverError, match="Release b did not become healthy"):
                recover(server)
            assert server.settled()["left"] == []
        next_run(server, "c", "A=3\n")
        assert_serves(server, "c", "A=3\n")
        assert server.lost == []


def test_a_release_is_only_healthy_with_its_name(make):
    server = make()
    server.draft("b", NEW)
    cutover = server.cutover()
    cutover.start_candidate("b")
    # What runs there is another release than the one that is waited for.
    with pytest.raises(StepError, match="the body does not name the release c"):
        cutover.checks.probe("c", cutover.site.candidate_url)


# --- requests that do not reach it -----------------------------------------------------------------------------------


def service_only(flag: bool) -> str:
    return "app_backend"


@pytest.mark.parametrize("live", ["a", ""])
def test_a_candidate_that_requests_do_not_reach_is_taken_back(make, live):
    server = make(live)
    server.upstream = service_only
    with pytest.raises(CutoverError) as failed:
        cut_over(server, "b")
    assert f"Traffic did not reach b, which was healthy; live is {live or 'none'}." in str(failed.value)
    assert "candidate-live exists, but nginx cannot see it" in str(failed.value)
    assert server.settled() == settled(live)
    assert server.lost == []


def test_a_run_that_is_killed_while_it_takes_back_is_made_up_for(make):
    def run(server):
        server.upstream = service_only
        with pytest.raises(CutoverError):
            cut_over(server, "b")

    for server in each_place(make, run):
        server.upstream = lambda flag: "app_candidate" if flag else "app_backend"
        next_run(server, "b")
        assert_serves(server, "b")


def test_requests_that_do_not_come_back_stay_with_the_candidate(make):
    server = make()
    # nginx has loaded another configuration meanwhile.
    server.upstream = lambda flag: f"app_{'candidate' if flag or server.cutover().live == 'b' else 'backend'}"
    with pytest.raises(
        CutoverError, match=r"keeps running[.] The next deployment completes this cutover first"
    ):
        cut_over(server, "b")
    assert server.flag
    assert CANDIDATE in server.processes
    server.upstream = lambda flag: "app_candidate" if flag else "app_backend"
    starts = server.steps.count(f"restart {SERVICE}")
    next_run(server, "b")
    assert_serves(server, "b")
    assert server.lost == []
    # It ran the release already, and nothing started it again.
    assert server.steps.count(f"restart {SERVICE}") == starts


def test_where_nginx_answers_nothing_sensible_nothing_begins(make):
    server = make()
    server.upstream = lambda flag: "app_candidate"
    with pytest.raises(StepError, match="--tags nginx"):
        cut_over(server, "b")
    assert server.settled() == settled("a") | {"left": ["b.env"]}
    assert [step for step in server.steps if step != "wait"] == []
    assert server.now < 12


def test_nobody_is_asked_where_no_nginx_of_ours_is_in_front(make):
    server = make()
    server.upstream = service_only
    cutover = server.cutover(traffic_url="")
    server.draft("b", NEW)
    cutover.start_candidate("b")
    assert cutover.send_to_candidate()
    assert server.flag


# --- steps that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("live", ["a", ""])
def test_any_step_that_fails_leaves_one_release_that_serves_and_can_be_made_up_for(make, live):
    """systemd refuses, the disk is full, a file cannot be written: once, at each change."""
    whole = make(live)
    cut_over(whole, "b")
    for place in changes(make, lambda server: cut_over(server, "b"), live):
        server = make(live)
        server.refuses = lambda _, server=server, place=place: len(server.steps) - 1 == place
        with pytest.raises((StepError, OSError)) as failed:
            cut_over(server, "b")
        assert "refused by the test" in story(failed.value)
        assert server.lost == [], server.steps
        server.refuses = lambda _: False
        next_run(server, "b")
        assert_serves(server, "b")
        assert server.lost == [], server.steps


# --- workers and jobs ------------------------------------------------------------------------------------------------


def dies(server, release: str) -> None:
    """Have systemd start the worker of a release again and again."""

    def watch(step: str) -> bool:
        worker = server.processes.get(WORKER)
        server.restarted[WORKER] = server.restarted.get(WORKER, 0) + (
            step == "wait" and worker is not None and worker.release == release
        )
        return False

    server.refuses = watch


def test_a_release_whose_worker_does_not_keep_running_is_replaced_by_the_former(make):
    server = make()
    (server.root / "home/logs/worker.log").write_text("cannot log in with sesame-open\n")
    dies(server, "b")
    with pytest.raises(CutoverError, match="a is live again") as failed:
        cut_over(server, "b")
    assert f"{WORKER} does not keep running" in str(failed.value)
    assert "cannot log in with ********" in str(failed.value)
    assert server.settled() == settled("a")
    assert server.lost == []


def test_a_rollback_goes_on_without_a_worker_and_the_next_run_tries_again(make):
    server = make()
    dies(server, "b")
    cut_over(server, "b", urgent=True)
    assert server.settled() == settled("b")
    assert not (server.root / "state/started-from").exists()
    server.refuses = lambda _: False
    next_run(server, "b")
    assert_serves(server, "b")
    assert server.lost == []


@pytest.mark.parametrize(("live", "release"), [("", "b"), ("a", "a")], ids=["first deployment", "restart"])
def test_without_a_former_release_a_worker_that_dies_fails_the_run_and_the_release_serves(
    make, live, release
):
    """Jobs that nobody runs are no success, and nothing else could be served."""
    server = make(live)
    dies(server, release)
    for _again in range(2):
        with pytest.raises(
            CutoverError,
            match=f"^{release} is live and healthy. {WORKER} does not keep running. .* starts it again",
        ):
            cut_over(server, release)
        assert server.settled() == settled(release)
        assert not (server.root / "state/started-from").exists()
    server.refuses = lambda _: False
    next_run(server, release)
    assert_serves(server, release)
    assert server.lost == []


@pytest.mark.parametrize("live", ["a", ""])
def test_a_killed_run_whose_worker_dies_is_recovered_and_the_run_that_goes_on_fails(make, live):
    for server in each_place(make, lambda server: cut_over(server, "b"), live):
        # By then the killed run had seen the worker run.
        if server.cutover().is_current("b"):
            break
        server.take_lock("second")
        dies(server, "b")
        recover(server)
        with pytest.raises(CutoverError, match=f"{WORKER} does not keep running"):
            cut_over(server, "b")
        assert server.settled()["left"] == []
        assert server.lost == []


def test_the_requests_come_back_to_the_service_although_a_worker_does_not_start(make):
    """A killed run has stopped everything, and nginx sends nothing to the candidate."""
    server = make()
    server.draft("b", NEW)
    cutover = server.cutover()
    cutover.start_candidate("b")
    cutover.send_to_candidate()
    for unit in (SERVICE, WORKER, TIMER):
        server.stop(unit)
    server.lost.clear()
    server.upstream = lambda _: UPSTREAMS["service"]
    server.refuses = lambda step: step == f"start {WORKER}"
    with pytest.raises(CutoverError, match="Traffic did not reach b"):
        cutover.send_to_candidate()
    assert cutover.complaints == [f"start {WORKER}: refused by the test"]
    assert not server.flag
    assert (server.processes[SERVICE].release, server.processes[TIMER].release) == ("a", "a")


def test_a_release_of_before_a_worker_is_no_fault(make):
    """Its virtual environment has no such program, so systemd does not start the unit."""
    server = make()
    server.skipped.add(WORKER)
    cut_over(server, "b", urgent=True)
    assert server.settled()["others"] == {TIMER: "b"}
    assert (server.root / "state/started-from").exists()


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_service_that_has_the_requests_is_not_stopped(make):
    server = make()
    server.draft("b", NEW)
    server.cutover().start_candidate("b")
    with pytest.raises(CutoverError, match="has the requests, so it is not replaced"):
        server.cutover().run("b", "a")
    assert SERVICE in server.processes


def test_a_candidate_that_has_the_requests_is_neither_replaced_nor_stopped(make):
    server = make()
    server.draft("b", NEW)
    cutover = server.cutover()
    cutover.start_candidate("b")
    cutover.send_to_candidate()
    assert cutover.start_candidate("b") is False
    with pytest.raises(CutoverError, match="Requests go to a candidate, b,"):
        cutover.start_candidate("a")
    with pytest.raises(CutoverError, match="it is not stopped"):
        cutover.stop_candidate()
    assert server.lost == []


def test_requests_are_not_sent_to_what_does_not_run(make):
    server = make()
    with pytest.raises(CutoverError, match="no candidate"):
        server.cutover().send_to_candidate()
    server.draft("b", NEW)
    cutover = server.cutover()
    cutover.start_candidate("b")
    server.processes.pop(CANDIDATE)
    with pytest.raises(CutoverError, match="does not run: it gets no requests"):
        cutover.send_to_candidate()
    server.start(CANDIDATE)
    cutover.send_to_candidate()
    server.processes.pop(SERVICE)
    with pytest.raises(CutoverError, match="the candidate keeps the requests"):
        cutover.send_to_service()
    assert server.flag


def test_a_candidate_without_an_environment_is_not_started(make):
    server = make()
    with pytest.raises(CutoverError, match=r"b\.env, from which b is to be started, is not there"):
        server.cutover().start_candidate("b")
    assert server.steps == []


def test_what_is_as_it_should_be_is_no_change(make):
    server = make()
    cutover = server.cutover()
    assert cutover.send_to_service() is False
    assert cutover.run("a", "a") is False
    assert cutover.stop_candidate() is False
    assert server.processes[SERVICE].release == "a"
    (server.root / "units/backend.service").write_text("[Service]\nLimitNOFILE=1\n")
    assert not cutover.is_current("a")


def test_a_service_that_runs_the_release_and_is_not_healthy_is_not_stopped_without_a_candidate(make):
    server = make()
    server.healthy = broken_as(SERVICE, "a")
    with pytest.raises(StepError, match="status 503"):
        server.cutover().run("a", "a")
    assert SERVICE in server.processes


def test_the_record_of_what_was_switched_is_json_that_an_earlier_version_reads(make):
    server = make()
    server.draft("b", NEW)
    cutover = server.cutover()
    cutover.start_candidate("b")
    cutover.send_to_candidate()
    path = server.root / "state/switching.json"
    assert json.loads(path.read_text()) == {"from": "a", "to": "b"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert (server.root / "home/logs/fastapi-candidate.log").stat().st_mode & 0o777 == 0o640


def test_nothing_catches_what_ends_a_run():
    assert not issubclass(Killed, Exception)
    assert not issubclass(LockLostError, StepError)

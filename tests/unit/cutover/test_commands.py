"""Commands before and after the switch: in which release, how often, and what a failure or a kill leaves."""

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import (
    RENEWAL_SECONDS,
    Commands,
    CutoverError,
)
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_host import StepError
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import LockLostError
from ansible_collections.table_order.infra.plugins.plugin_utils.fastapi_app_settings import KINDS

from tests.unit.cutover.fake_server import SERVICE, Killed, killed
from tests.unit.cutover.test_cutover import NEW, assert_serves, recover, settled

BEFORE, AFTER = ["python -m app.seed", "alembic upgrade head"], ["python -m app.announce", "clear"]
OLD = "A=1\n"


def commands(*lines: str) -> Commands:
    return Commands(list(lines), ["User=shop"], "src")


def deploy(server, release: str = "b", environment: str = NEW, before=BEFORE, after=AFTER) -> None:
    """Do what deployment/switch.yml does under the lock."""
    cutover = server.cutover()
    if cutover.live != release or (server.site.env_file(release).read_text() != environment):
        server.draft(release, environment)
        cutover.send_to_service()
        live = cutover.live
        cutover.run_before(release, commands(*before), more=bool(after))
        cutover.start_candidate(release)
        cutover.send_to_candidate()
        cutover.run(release, live, require_processes=True)
        cutover.send_to_service()
        cutover.stop_candidate()
    cutover.run_after(commands(*after))


def next_run(server) -> None:
    server.take_lock("second")
    recover(server)
    deploy(server)


ALL = [(f"b: {line}", NEW) for line in (*BEFORE, *AFTER)]


def test_each_command_runs_once_in_the_new_release(make):
    server = make()
    deploy(server)
    assert server.commands == ALL
    assert_serves(server, "b")
    assert server.lost == []
    runs = [step for step in server.steps if step.startswith(("run ", f"restart {SERVICE}"))]
    assert runs == [
        *(f"run {line}" for line in BEFORE),
        f"restart {SERVICE}",
        *(f"run {line}" for line in AFTER),
    ]
    deploy(server)
    assert server.commands == ALL


def test_another_environment_of_the_same_release_is_a_deployment(make):
    server = make()
    deploy(server, "a", NEW, before=[], after=["clear"])
    assert server.commands == [("a: clear", NEW)]


def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(make):
    whole = make()
    deploy(whole)
    assert len(whole.steps) > 60
    for place, step in enumerate(whole.steps):
        if step == "wait":
            continue
        server = make()
        assert killed(server, place, deploy)
        done = list(server.commands)
        next_run(server)
        assert_serves(server, "b")
        assert server.lost == [], step
        # At least once each, in their order, after a start that begins anew.
        assert server.commands[-len(AFTER) :] == ALL[-len(AFTER) :], step
        assert set(server.commands) == set(ALL), step
        assert len(server.commands) <= len(done) + len(ALL)
        assert not server.site.due.exists()


@pytest.mark.parametrize("live", ["a", ""])
def test_a_command_that_fails_before_the_switch_leaves_the_live_release_alone(make, live):
    server = make(live=live)
    server.ends = lambda command: "exit-code, exit status 3" if "alembic" in command else ""
    with pytest.raises(
        CutoverError, match="The command alembic upgrade head failed: exit-code, exit status 3"
    ) as raised:
        deploy(server)
    assert raised.value.journal == [
        "journal of table-order-backend-command.service",
        "postgresql://app:********@db/x",
    ]
    assert server.commands == ALL[: len(BEFORE)]
    assert settled(live) | {"left": ["b.env"]} == server.settled()
    assert server.lost == []
    assert not server.site.due.exists()


def test_commands_that_fail_after_the_switch_stay_due(make):
    server = make()
    server.ends = lambda command: "exit-code, exit status 1" if "clear" in command else ""
    for _again in range(2):
        with pytest.raises(
            CutoverError, match=r"b is live and healthy\. The command clear failed: .* exit status 1"
        ):
            deploy(server)
        assert_serves(server, "b")
    server.ends = lambda command: ""
    deploy(server)
    deploy(server)
    assert server.commands == [*ALL, *(ALL[-2:] * 2)]


def test_a_command_that_cannot_be_started_after_the_switch_is_named(make):
    server = make()

    def ends(command):
        if "clear" in command:
            raise StepError("systemd-run --unit=table-order-backend-command.service: status=203/EXEC")
        return ""

    server.ends = ends
    with pytest.raises(
        CutoverError,
        match=r"b is live and healthy\. The command clear failed: systemd-run --unit=\S+: status=203",
    ) as raised:
        deploy(server)
    assert raised.value.journal
    server.ends = lambda command: ""
    deploy(server)
    assert server.commands[-2:] == ALL[-2:]


def test_commands_of_a_switch_that_did_not_take_place_are_not_due(make):
    server = make()
    server.healthy = lambda unit, release, environment: environment == OLD
    with pytest.raises(CutoverError, match="did not become healthy"):
        deploy(server, "a", NEW, before=[])
    deploy(server, "a", OLD)
    assert server.commands == []
    server.healthy = lambda unit, release, environment: True
    # Without commands after the switch nothing stays due.
    deploy(server, "b", NEW, before=[], after=[])
    assert not server.site.due.exists()


def test_a_long_command_renews_the_lock_and_ends_with_it(make):
    server = make()
    server.ends = lambda command: None if server.now < 200 else ""
    deploy(server, before=["clear"], after=[])
    assert server.steps.count(f"freshen {server.root}/state/lock.json") == 9
    # No lease is so short that one late renewal loses it.
    assert not KINDS["fastapi_app_lock_lease"].accepts(int(2 * RENEWAL_SECONDS))
    server = make()
    server.ends = lambda command: None
    server.lose_lock_at = 12
    with pytest.raises(LockLostError):
        deploy(server)
    assert server.commands == ALL[:1]


def test_a_command_of_a_killed_run_is_stopped_before_another_cutover(make):
    server = make()
    server.ends = lambda command: None
    server.kill_at = 20
    with pytest.raises(Killed):
        deploy(server)
    server.kill_at = None
    server.take_lock("second")
    server.steps.clear()
    recover(server)
    deploy(server, before=[], after=[])
    stop = server.steps.index("stop table-order-backend-command.service")
    assert stop < server.steps.index("restart table-order-backend-candidate.service")

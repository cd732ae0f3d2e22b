"""A server on which a deployment of the version before was killed: that kept the same files, in an order of its own.

``former`` is what its task files did, one change a line, as they stood when the cutover became code.
"""

import json

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_cutover import CutoverError
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    has_former_environment,
)

from tests.unit.cutover.fake_server import CANDIDATE, SERVICE, SOCKET
from tests.unit.cutover.test_cutover import NEW, assert_serves, broken_as, cut_over, next_run, recover


def former(server, release: str, live: str, environment: str = NEW):
    """Yield after each change of the former task files: candidate, switch, finish, replace, switch_back, stop_candidate."""
    # That version's unit read the environment in the backend.
    server.environment_of_service = server.root / "home/backend/.env"
    for path in server.root.glob("home/releases/*/environment"):
        path.rename(path.parent / "backend/.env")
    home, state, flag = server.root / "home", server.root / "state", server.root / "run/candidate-live"
    releases, log = home / "releases", home / "logs/fastapi-candidate.log"

    def link(path, target):
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    own, draft = releases / release / "backend/.env", state / f"environments/{release}.env"
    before = state / f"environments/{release}.before"
    yield "Environment | Write the candidate's environment", server.draft(release, environment)
    yield "Candidate | Point to the release", link(home / "candidate", releases / release / "backend")
    yield "Candidate | Point to the environment", link(state / "candidate.env", draft)
    yield "Candidate | Give it a log of its own", log.touch()
    yield "Candidate | Have it yield while it starts", server.weights.update({CANDIDATE: "20"})
    yield "Candidate | Start it", server.start(CANDIDATE)
    yield "Candidate | Let it serve", server.weights.update({CANDIDATE: ""})
    switching = json.dumps({"from": live, "to": release})
    yield "Switch | Remember what was live", (state / "switching.json").write_text(switching)
    yield "Switch | Send requests to the candidate", flag.touch()
    yield "Switch | Serve the release's front ends", link(home / "frontend", releases / release / "frontend")
    yield "Replace | Forget what it was started from", (state / "started-from").unlink(missing_ok=True)
    yield "Replace | Stop the socket", server.stop(SOCKET)
    yield "Replace | Stop the service", server.stop(SERVICE)
    if own.exists():
        yield "Replace | Keep the environment of before", before.write_text(own.read_text())
    yield "Replace | Half of it", (releases / release / "environment.new").write_text("A")
    yield "Replace | Take over the candidate's environment", own.write_text(environment)
    yield "Replace | Point to the release", link(home / "backend", releases / release / "backend")
    yield "Replace | Have it yield while it starts", server.weights.update({SERVICE: "20"})
    yield "Replace | Run the socket", server.start(SOCKET)
    yield "Replace | Run it", server.start(SERVICE)
    yield "Replace | Let it serve", server.weights.update({SERVICE: ""})
    yield "Replace | Remember it", (state / "started-from").write_text(server.fingerprint(release))
    yield "Switch back | Send requests to the service", flag.unlink()
    yield "Stop candidate | Stop it", server.stop(CANDIDATE)
    yield "Stop candidate | Append its log", log.unlink()
    for path in (home / "candidate", state / "candidate.env", state / "switching.json", draft, before):
        yield f"Stop candidate | Remove {path.name}", path.unlink(missing_ok=True)


def move_environments(server):
    """Do what the role's main entry point does before it recovers: the tasks of host/configure.yml and host/service.yml."""
    moved = [path for path in server.site.releases.iterdir() if has_former_environment(path)]
    for path in moved:
        (path / "environment").write_text((path / "backend/.env").read_text())
    server.environment_of_service = server.root / "state/service.env"
    for path in moved:
        (path / "backend/.env").unlink()


def states(make, release: str, live: str):
    """Yield the name of each change of the former version, with a server whose run was killed after it."""
    server = make(live)
    names = [name for name, _ in former(server, release, live)]
    for count, name in enumerate(names, 1):
        server = make(live)
        steps = former(server, release, live)
        for _ in range(count):
            next(steps)
        server.lost.clear()
        yield name, server


CASES = {
    "a deployment": ("b", "a"),
    "the first deployment": ("b", ""),
    "a change of the settings": ("a", "a"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_deployment_of_the_version_before_that_was_killed_is_finished(make, case):
    release, live = CASES[case]
    for name, server in states(make, release, live):
        server.take_lock("second")
        move_environments(server)
        recover(server)
        now = server.settled()
        assert (now["left"], now["candidate"]) == ([], False), name
        assert now["live"] == now["frontend"] == now["serving"], name
        finished = ("Switch |", "Replace |", "Switch back |", "Stop candidate |")
        if name.startswith(finished) and name != "Switch | Remember what was live":
            # That version had no other processes; the role's main entry point starts them.
            assert_serves(server, release, others=False)
        assert server.lost == [], name
        server.make_release("c")
        cut_over(server, "c", "A=3\n")
        assert_serves(server, "c", "A=3\n")
        assert server.lost == [], name


def test_a_candidate_whose_environment_an_earlier_version_kept_in_the_release_is_finished(make):
    server = make()
    for name, _ in former(server, "b", "a"):
        if name == "Switch | Send requests to the candidate":
            break
    (server.root / "state/environments/b.env").rename(server.root / "home/releases/b/backend/.env.candidate")
    server.take_lock("second")
    move_environments(server)
    recover(server)
    assert_serves(server, "b")
    assert not (server.root / "home/releases/b/backend/.env.candidate").exists()


def test_a_file_of_the_source_that_is_named_like_it_is_left_alone(make):
    server = make()
    folder = server.root / "home/releases/b"
    (folder / "manifest.json").write_text(
        json.dumps({"id": "b", "files": {"backend/.env.candidate": "checksum"}})
    )
    (folder / "backend/.env.candidate").write_text("of the source")
    cut_over(server, "b")
    assert_serves(server, "b")
    assert (folder / "backend/.env.candidate").read_text() == "of the source"


def test_what_the_version_before_could_not_finish_is_given_back(make):
    """The service did not become healthy, and the run was killed before it gave back."""
    server = make()
    server.healthy = broken_as(SERVICE)
    for name, _ in former(server, "b", "a"):
        if name == "Replace | Run it":
            break
    server.take_lock("second")
    move_environments(server)
    with pytest.raises(CutoverError, match="a is live again"):
        recover(server)
    assert_serves(server, "a", "A=1\n")


def test_requests_at_a_candidate_of_no_name_go_back_to_the_service(make):
    """Somebody made the flag by hand, or removed the link."""
    server = make()
    (server.root / "run/candidate-live").touch()
    next_run(server, "b")
    assert_serves(server, "b")


def test_a_flag_without_the_record_of_what_was_live_is_finished(make):
    server = make()
    for name, _ in former(server, "b", "a"):
        if name == "Switch | Serve the release's front ends":
            break
    (server.root / "state/switching.json").unlink()
    server.take_lock("second")
    move_environments(server)
    recover(server)
    assert_serves(server, "b")

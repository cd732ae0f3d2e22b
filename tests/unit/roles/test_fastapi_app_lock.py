"""The deployment lock: one run at a time, and no lock without an end."""

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import (
    give_lock_back,
    take_lock,
)

from tests.unit.roles import modules

lock = modules.load("modules/fastapi_app_lock.py")

ANN = {"token": "7c1d", "who": "ann@laptop", "what": "deploy", "since": "10:00"}
BOB = {"token": "e0f2", "who": "bob@desk", "what": "rollback", "since": "10:05"}
UNREADABLE = {
    "empty": b"",
    "cut short": b'{"token": "7c1',
    "no dictionary": b"null",
    "a list": b"[1]",
    "cut in a character": '{"why": "급'.encode()[:-1],
}


HELD = ANN | {"lease": 3600}


def take(path: Path, holder: dict = ANN, expired_token: str = "", lease: int = 3600) -> dict | None:
    return take_lock(path, holder, expired_token, lease)


def let_pass(path: Path, seconds: float) -> None:
    """Make the lock ``seconds`` older."""
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "state/lock.json"


@pytest.fixture
def held(path) -> Path:
    """Return a lock held by Ann."""
    path.parent.mkdir()
    assert take(path) == {"taken": True, "stale": {}}
    return path


@pytest.fixture
def run(capsys):
    """Run the module and return its result."""

    def run_module(check: bool = False, **options) -> dict:
        return modules.run(lock, capsys, check, **options)

    return run_module


def test_the_lock_contains_its_holder(held):
    assert json.loads(held.read_text()) == HELD


def test_the_same_run_renews_its_lock_and_keeps_the_start_time(held):
    let_pass(held, 3000)
    later = ANN | {"since": "10:50", "what": "roll back"}
    assert take(held, later) == {"taken": False, "stale": {}}
    assert json.loads(held.read_text()) == later | {"since": "10:00", "lease": 3600}
    assert time.time() - held.stat().st_mtime < 60, "the lease is renewed"


def test_another_run_does_not_get_the_lock(held):
    assert take(held, BOB) is None
    assert json.loads(held.read_text()) == HELD


@pytest.mark.parametrize(
    ("others", "age"),
    [({"expired_token": ANN["token"]}, 0), ({}, 3601), ({"lease": 86400}, 3601)],
    ids=["holder has ended", "lease has expired", "lease of the next run is longer"],
)
def test_an_expired_lock_is_taken_over_and_names_the_previous_holder(held, others, age):
    let_pass(held, age)
    assert take(held, BOB, **others) == {"taken": True, "stale": HELD}
    assert json.loads(held.read_text()) == BOB | {"lease": others.get("lease", 3600)}


@pytest.mark.parametrize(
    ("others", "age"),
    [({"expired_token": "ffff"}, 0), ({}, 3500), ({"lease": 60}, 3500)],
    ids=["another run has ended", "lease is valid", "lease of the next run is shorter"],
)
def test_a_valid_lock_is_not_taken_over(held, others, age):
    let_pass(held, age)
    assert take(held, BOB, **others) is None


def test_a_longer_lease_keeps_the_lock_during_a_wait(held):
    take(held, lease=9000)
    let_pass(held, 8900)
    assert take(held, BOB) is None
    # After the longer lease the lock expires as well.
    let_pass(held, 9001)
    assert take(held, BOB) == {"taken": True, "stale": ANN | {"lease": 9000}}


@pytest.mark.parametrize(("age", "taken"), [(3500, False), (3601, True)])
def test_a_lock_without_a_lease_gets_the_lease_of_the_next_run(path, age, taken):
    path.parent.mkdir()
    path.write_text(json.dumps(ANN))
    let_pass(path, age)
    assert bool(take(path, BOB)) == taken


def test_a_run_never_loses_its_own_lock_to_itself(held):
    let_pass(held, 7200)
    assert take(held, expired_token=ANN["token"]) == {"taken": False, "stale": {}}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_lock_blocks_no_run(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    give_lock_back(path, ANN["token"])
    assert take(path) == {"taken": True, "stale": {}}


def test_a_run_releases_only_its_own_lock(held):
    give_lock_back(held, BOB["token"])
    assert held.exists()
    give_lock_back(held, ANN["token"])
    assert not held.exists()
    give_lock_back(held, ANN["token"])


def test_releasing_a_missing_lock_creates_nothing(path):
    give_lock_back(path, ANN["token"])
    assert not path.parent.exists()


def race(path: Path, number: int, barrier, results) -> None:
    barrier.wait()
    results.put(take(path, ANN | {"token": str(number)}))


@pytest.mark.parametrize("left", [None, ANN], ids=["without a holder", "with an ended holder"])
def test_exactly_one_of_twenty_concurrent_runs_gets_the_lock(path, left):
    path.parent.mkdir()
    fork = multiprocessing.get_context("fork")
    for _ in range(5):
        if left:
            path.write_text(json.dumps(left))
            let_pass(path, 7200)
        barrier, results = fork.Barrier(20), fork.Queue()
        runs = [fork.Process(target=race, args=(path, number, barrier, results)) for number in range(20)]
        for run in runs:
            run.start()
        answers = [results.get(timeout=30) for _ in runs]
        for run in runs:
            run.join()
        assert [answer for answer in answers if answer] == [{"taken": True, "stale": left or {}}]
        assert json.loads(path.read_text())["token"] in map(str, range(20))
        path.unlink()


def test_the_module_creates_a_private_directory(run, path):
    result = run(path=str(path), holder=ANN)
    assert (result["changed"], result["taken"], result["stale"]) == (False, True, {})
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_module_fails_with_the_holder_after_the_wait(run, held):
    begin = time.monotonic()
    result = run(path=str(held), holder=BOB, wait=1)
    assert (result["failed"], result["holder"]) == (True, HELD)
    assert 1 <= time.monotonic() - begin < 5


def test_the_module_takes_a_lock_released_during_its_wait(run, held):
    fork = multiprocessing.get_context("fork")
    holder = fork.Process(target=lambda: (time.sleep(0.7), give_lock_back(held, ANN["token"])))
    holder.start()
    assert run(path=str(held), holder=BOB, wait=30)["taken"] is True
    holder.join()


def test_the_module_reports_a_takeover(run, held):
    result = run(path=str(held), holder=BOB, expired_token=ANN["token"])
    assert (result["changed"], result["stale"]) == (True, HELD)


def test_the_module_releases_the_lock(run, held):
    assert run(path=str(held), holder=ANN, state="absent")["changed"] is False
    assert not held.exists()


@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_leaves_the_lock_alone(run, path, held, state):
    assert run(check=True, path=str(held), holder=ANN, state=state)["taken"] is False
    assert run(check=True, path=str(path.parent / "other.json"), holder=ANN)["taken"] is False
    assert json.loads(held.read_text()) == HELD
    assert not (path.parent / "other.json").exists()

"""Where runs are killed: boundaries are named, drawn, shared out, and remembered."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e import kills, site

CALLS = ["ec2:CreateVpc 1", "ec2:CreateSubnet 1", "ec2:CreateSubnet 2", "rds:CreateDBInstance 1"]
OUTPUT = """
TASK [nginx : Configure | Create the logs] *************************************
changed: [server] => (item=access.log)
ok: [server] => (item=error.log)
changed: [account]

TASK [fastapi_app : Weigh | Set the CPU weight of the unit] *****************************
changed: [server]

TASK [Fetch local | Remove the bundle] *****************************************
changed: [server -> localhost]

RUNNING HANDLER [nginx : Reload nginx's configuration] *************************
changed: [server]

TASK [fastapi_app : Weigh | Set the CPU weight of the unit] *****************************
changed: [server]

TASK [Remove the files of the candidate] **************************************************
changed: [server] => (item=/environments/9144be35b9b0-74c47f2a)
changed: [server-2]

PLAY RECAP *********************************************************************
server                     : ok=260  changed=70   unreachable=0    failed=0
""".splitlines()


def test_what_changed_a_server_is_named_and_numbered() -> None:
    assert kills.changes(OUTPUT, "server") == [
        "nginx : Configure | Create the logs (item=access.log) 1",
        "fastapi_app : Weigh | Set the CPU weight of the unit 1",
        "Fetch local | Remove the bundle 1",
        "nginx : Reload nginx's configuration 1",
        "fastapi_app : Weigh | Set the CPU weight of the unit 2",
        "Remove the files of the candidate (item=/environments/*-*) 1",
    ]


def test_the_same_seed_draws_the_same_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {tuple(kills.draw(range(50), 3, seed)) for seed in range(50)}
    assert len(drawn) > 40
    assert all(len(set(one)) == 3 and list(one) == sorted(one) for one in drawn)
    assert kills.draw(CALLS, 3, 7) == kills.draw(CALLS, 3, 7)
    monkeypatch.setenv("TABLE_ORDER_SEED", "7")
    assert kills.seed() == 7
    monkeypatch.delenv("TABLE_ORDER_SEED")
    assert len({kills.seed() for _ in range(20)}) > 1


@pytest.mark.parametrize("number", [1, 2, 3, 60])
def test_each_boundary_is_in_one_life(number: int) -> None:
    boundaries = [str(one) for one in range(60)]
    shared = kills.lives(boundaries, number)
    assert sorted(one for life in shared for one in life) == sorted(boundaries)
    assert all(len(life) == number for life in shared)
    assert kills.lives([], number) == []


def test_a_life_that_has_gone_on_needs_fewer_calls() -> None:
    made = Counter({"ec2:CreateSubnet": 1, "ec2:CreateVpc": 1, "ssm:PutParameter": 2})
    assert kills.in_this_run([*CALLS, "ssm:PutParameter 3"], made) == {
        "ec2:CreateSubnet 1": "ec2:CreateSubnet 2",
        "rds:CreateDBInstance 1": "rds:CreateDBInstance 1",
        # In each run, independent of earlier ones.
        "ssm:PutParameter 3": "ssm:PutParameter 3",
    }


def test_a_drill_that_was_broken_off_goes_on_and_one_of_another_version_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "artifacts/kills.json"
    begun = kills.Progress(path, "a")
    assert begun.boundaries("creation", lambda: CALLS) == CALLS
    begun.passed("creation", [CALLS[2], CALLS[0]])
    resumed = kills.Progress(path, "a")
    assert resumed.boundaries("creation", lambda: pytest.fail("they are known")) == CALLS
    assert resumed.left("creation") == [CALLS[1], CALLS[3]]
    another = kills.Progress(path, "b")
    assert another.boundaries("creation", lambda: CALLS[:1]) == CALLS[:1]
    assert another.left("creation") == CALLS[:1]


def runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run(script: str, wanted: str) -> str:
    """Run a script where ansible-playbook would run."""
    return kills.killed(
        lambda lines: wanted if wanted in lines else "", "site.yml", before=["sh", "-c", script]
    )


def test_a_run_is_killed_with_all_that_it_started_as_soon_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "OUTPUT", tmp_path / "output.txt")
    monkeypatch.setattr(site, "call", lambda *_: b"")
    started = tmp_path / "process"
    script = (
        f"echo one; setsid sh -c 'echo $$ >{started}; printf tw; sleep 0.2; echo o; exec sleep 100' & wait"
    )
    assert run(script, "two") == "two"
    end = time.monotonic() + 60
    while runs(started.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_run_that_ends_before_is_told_from_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "OUTPUT", tmp_path / "output.txt")
    monkeypatch.setattr(site, "call", lambda *_: b"")
    assert run("echo one", "two") == ""
    with pytest.raises(AssertionError, match="exit status 3"):
        run("echo one; exit 3", "two")

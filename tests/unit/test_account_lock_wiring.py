"""The playbooks that make or remove resources hold the lock of the account while they do."""

from pathlib import Path

import pytest
import yaml

from tests.unit.tasks import COLLECTION, ROOT, all_tasks
from tests.unit.test_settings_wired import Scope


def plays(name):
    return yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text())


def steps(play):
    """Return what a play's tasks do with roles, in order: (role and entry, variables, the task or its play)."""
    for outer in play.get("tasks", []):
        for task in [one for part in ("block", "rescue", "always") for one in outer.get(part, [])] or [outer]:
            for kind in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
                if kind in task:
                    role = task[kind]
                    yield (
                        f"{role['name'].removeprefix(COLLECTION)}/{role.get('tasks_from', 'main')}",
                        task.get("vars", {}),
                        task,
                    )


def steps_of(task):
    """Return the role and entry that a task calls, nothing where it calls none."""
    return next((entry for entry, *_ in steps({"tasks": [task]})), "")


def is_change(entry):
    return entry.startswith("aws_") and entry.partition("/")[2] not in ("discover", "kept", "unfinished")


def is_hold(entry):
    return entry in ("table_order/begin", "table_order/lock")


def is_release(entry):
    return entry in ("table_order/end", "table_order/stop", "table_order/unlock")


@pytest.mark.parametrize("name", ["provision", "destroy"])
def test_it_is_held_before_the_first_change_and_given_back_after_the_last(name):
    found = [entry for play in plays(name) for entry, *_ in steps(play)]
    changes = [n for n, entry in enumerate(found) if is_change(entry)]
    held = [n for n, entry in enumerate(found) if is_hold(entry)]
    freed = [n for n, entry in enumerate(found) if is_release(entry)]
    assert held
    assert held[0] < changes[0]
    assert freed[-1] > changes[-1]


def tags_of_changes() -> set[str]:
    """Return the tags of all tasks of provision.yml that change something."""
    tasks = [task for play in plays("provision") for entry, _, task in steps(play) if is_change(entry)]
    return {tag for task in tasks for tag in task["tags"]}


def test_what_cannot_be_changed_is_refused_before():
    """With every tag that changes something: aws_security alone sets the rules of the security groups, from the same settings."""
    [play] = plays("provision")
    found = list(steps(play))
    assert [entry for entry, *_ in found[:3]] == [
        "aws_database/discover",
        "aws_cache/discover",
        "table_order/lock",
    ]
    assert not any(is_change(entry) for entry, *_ in found[:3])
    assert play["any_errors_fatal"] is True
    assert all(set(task["tags"]) == tags_of_changes() for *_, task in found[:3])


@pytest.mark.parametrize("name", ["provision", "destroy"])
def test_it_is_renewed_before_each_play_that_changes(name):
    renewed = False
    for play in plays(name):
        entries = list(steps(play))
        held = [n for n, one in enumerate(entries) if is_hold(one[0])]
        changed = [n for n, (entry, *_) in enumerate(entries) if is_change(entry)]
        if changed:
            assert renewed or (held and held[0] < changed[0]), play["name"]
        renewed = bool(held) and not changed


def test_each_role_that_changes_takes_it_and_no_other_tag_does():
    """A run of one role alone, with --tags nginx, needs no lock; one with the tag of any role of this playbook does."""
    [play] = plays("provision")
    locks = {
        entry: set(task["tags"])
        for entry, _, task in steps(play)
        if entry in ("table_order/lock", "table_order/unlock")
    }
    assert locks == dict.fromkeys(("table_order/lock", "table_order/unlock"), tags_of_changes())


def test_of_a_failed_change_it_is_given_back():
    [play] = plays("provision")
    [changes] = (task for task in play["tasks"] if "block" in task)
    assert all(
        is_change(entry) is False
        for task in play["tasks"]
        if task is not changes
        for entry in [steps_of(task)]
    )
    assert [steps_of(task) for task in changes["always"]] == ["table_order/unlock"]


def test_of_a_failed_lane_it_is_given_back():
    _, first, second = yaml.safe_load((ROOT / "roles/table_order/tasks/lanes.yml").read_text())
    assert first["ansible.builtin.import_tasks"] == "unlock.yml"
    assert second["ansible.builtin.assert"]["that"] in first["when"].replace("> 0", "== 0")


def test_a_removal_has_the_frame_of_the_procedures():
    """It refuses before it asks, stops in each play of lanes, and ends on one screen."""
    first, *others, last = plays("destroy")
    entries = [entry for entry, *_ in steps(first)]
    assert entries[-2:] == ["aws_database/kept", "table_order/begin"]
    assert [entry for entry, *_ in steps(last)] == ["table_order/stop", "table_order/end"]
    stops = [task for play in others for entry, _, task in steps(play) if entry == "table_order/stop"]
    assert len(stops) == 2
    lanes = "groups['aws'] | difference(ansible_play_hosts) | length > 0"
    assert [task.get("when") for task in stops] == [None, lanes]


def test_of_lanes_that_all_failed_it_is_given_back():
    """A play of which every host fails ends the run: a lane that has nothing to do there goes on."""
    lanes = [play for play in plays("destroy") if "free" in str(play.get("strategy"))]
    assert len(lanes) == 2
    for play in lanes:
        first, second, idle = play["hosts"].split(":")
        changing = [n for n, task in enumerate(play["tasks"]) if is_change(steps_of(task))]
        left = [n for n, task in enumerate(play["tasks"]) if task.get("ansible.builtin.meta") == "end_host"]
        assert [play["tasks"][n]["when"] for n in left] == [f"inventory_hostname == '{idle}'"], play["name"]
        assert left[0] < changing[0]
        lanes_named = {play["tasks"][n].get("when") for n in changing}
        assert lanes_named == {f"inventory_hostname == '{lane}'" for lane in (first, second)}


ELASTICACHE, EC2 = COLLECTION + "elasticache_replication_group", "amazon.aws.ec2_instance"
# How often a module waits by itself, for its wait_timeout: the cache first for a state in which AWS deletes it.
WAITS_ITSELF = {ELASTICACHE: 2, EC2: 1}
WORK_SECONDS = 900
# The roles' default; the local inventory polls more often.
POLL = {"table_order_poll_seconds": 15}


def waiting_seconds(role, entry, turned):
    """Return how long the tasks of a role's entry point wait at most, in seconds."""
    scope, total = Scope(role, **turned), 0
    for task in all_tasks():
        if task.path != f"roles/{role}/tasks/{entry}.yml":
            continue
        if task.module.rpartition(".")[2] in ("include_tasks", "import_tasks"):
            total += waiting_seconds(role, Path(task.arguments).stem, turned)
        if "retries" in task.keywords:
            retries, delay = (int(scope.see(task.keywords[name])) for name in ("retries", "delay"))
            total += retries * delay
        if task.module in WAITS_ITSELF and task.arguments.get("wait") is True:
            total += WAITS_ITSELF[task.module] * task.arguments.get("wait_timeout", 1800)
    return total


def longest_waits(play, turned):
    """Return how long each lane of a play waits at most, in seconds; a play without lanes has one."""
    found = {}
    for entry, _, task in steps(play):
        if is_change(entry):
            lane = task.get("when", "") if "free" in str(play.get("strategy")) else ""
            found[lane] = found.get(lane, 0) + waiting_seconds(*entry.split("/"), turned)
    return found


def lease(variables, turned):
    """Return the lease that a play's step takes the lock for, in seconds."""
    values = yaml.safe_load((ROOT / "playbooks/vars/lease.yml").read_text())
    scope = Scope("table_order", **values, **turned)
    procedure = variables.get("table_order_procedure", {}).get("lease", 0)
    asked = (variables.get("table_order_lock_minimum", 0), procedure, "{{ table_order_lock_lease }}")
    return max(int(scope.see(one)) for one in asked)


@pytest.mark.parametrize(
    "turned",
    [
        POLL,
        POLL | {"aws_database_wait_retries": 400},
        POLL | {"aws_compute_wait_retries": 1000},
        {"table_order_poll_seconds": 30},
        POLL | {"aws_database_wait_retries": 1, "aws_compute_wait_retries": 1},
    ],
    ids=str,
)
def test_its_lease_is_longer_than_the_longest_wait(turned):
    seen = {}
    for name in ("provision", "destroy"):
        held = 0
        for play in plays(name):
            locks = [lease(variables, turned) for entry, variables, _ in steps(play) if is_hold(entry)]
            held = min(locks, default=held)
            for lane, seconds in longest_waits(play, turned).items():
                seen[play["name"], lane] = seconds
                assert held >= seconds + WORK_SECONDS, (play["name"], lane)
    assert max(seen.values()) > 0


def test_the_waits_that_it_outlasts_are_those_of_the_roles():
    [play] = plays("provision")
    assert longest_waits(play, POLL) == {"": 3 * 6 * 10 + 3 * 12 * 5 + 900 + 3 * 60 * 15 + 5 * 160 * 15}
    assert waiting_seconds("aws_database", "absent", POLL) == 5 * 160 * 15 + 2 * 12 * 10
    assert waiting_seconds("aws_cache", "absent", POLL) == 2 * 1800 + 12 * 10
    assert waiting_seconds("aws_compute", "absent", POLL) == 900 + 60 * 15


@pytest.mark.parametrize("file", ["provision", "destroy", "deploy", "configure"])
def test_each_play_that_uses_a_lease_reads_its_file(file):
    for play in yaml.safe_load((ROOT / f"playbooks/{file}.yml").read_text()):
        if "__lease_of" in str(play.get("tasks", [])):
            assert "vars/lease.yml" in play.get("vars_files", []), play["name"]

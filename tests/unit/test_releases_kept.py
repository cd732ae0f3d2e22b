"""Cleanup never removes the live release or the previous one: the tests evaluate the tasks' own expressions."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.tasks import all_tasks, find, of
from tests.unit.test_settings_wired import Scope, trusted

TASKS = "roles/fastapi_app/tasks"


def scope(releases: dict[str, dict[str, Any]], **info: Any) -> Scope:
    """Return the role's variables on a server with these releases; the live release is "live"."""
    known = {"live": "live", "previous": "", "candidate": "", "history": [], "releases": releases} | info
    return Scope("fastapi_app", __fastapi_app_info=known, ansible_check_mode=False)


def removed(path: str, name: str, seen: Scope) -> list[str]:
    task = find(f"{TASKS}/{path}", name)
    return list(seen.see(task.keywords["loop"], **task.keywords["vars"]))


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_pruning_keeps_the_live_and_the_previous_release(keep):
    releases = {
        name: {"changed": age} for age, name in enumerate(["previous", "live", "old", "newer", "newest"])
    }
    seen = scope(releases, previous="previous")
    seen.variables["fastapi_app_keep_releases"] = keep
    gone = removed("deployment/prune.yml", "Remove the oldest releases", seen)
    assert not {"live", "previous"} & set(gone)
    # The newest other releases stay, up to the limit.
    assert gone == ["newest", "newer", "old"][keep - 2 :]


def test_recovery_keeps_an_incomplete_live_release():
    seen = scope({"live": {"complete": False}, "half": {"complete": False}, "whole": {"complete": True}})
    assert removed("recover.yml", "Remove incomplete releases", seen) == ["half"]


@pytest.mark.parametrize(
    ("release", "info", "lock_lost", "gone"),
    [
        ("new", {}, False, True),
        ("live", {}, False, False),
        # The candidate serves during the cutover.
        ("new", {"candidate": "new"}, False, False),
        ("new", {"history": [{"release": "new", "result": "live"}]}, False, False),
        ("new", {"history": [{"release": "new", "result": "failed"}]}, False, True),
        # The run that took over the lock may be putting this release into service.
        ("new", {}, True, False),
    ],
)
def test_an_abandoned_release_is_removed_unless_it_was_ever_live(release, info, lock_lost, gone):
    seen = scope({}, **info)
    seen.variables["__fastapi_app_id"] = release
    seen.variables["__fastapi_app_lock_lost"] = lock_lost
    reason = find(f"{TASKS}/abandon.yml", "Check whether the release was ever live")
    ever = seen.see(reason.arguments["__fastapi_app_ever_live"])
    [condition] = find(f"{TASKS}/abandon.yml", "Remove the failed release").keywords["when"]
    templar = Templar(loader=DataLoader(), variables=seen.variables | {"__fastapi_app_ever_live": ever})
    assert templar.evaluate_conditional(trusted(condition)) is gone


@pytest.mark.parametrize(
    ("given", "path"), [("", "/opt/shop/releases/new"), ("/opt/shop/releases/old", "/opt/shop/releases/old")]
)
def test_a_given_release_is_activated_instead_of_the_built_one(given, path):
    seen = scope({})
    seen.variables["__fastapi_app_release"] = {"id": "new", "path": "/opt/shop/releases/new"}
    seen.variables["fastapi_app_release_path"] = given
    assert seen.see("{{ __fastapi_app_path }}") == path
    assert seen.see("{{ __fastapi_app_id }}") == path.rpartition("/")[2]


def test_only_known_tasks_remove_a_release():
    """A build may remove leftovers of an earlier build and a failed build: neither was ever in service."""
    directories = (
        "{{ __fastapi_app_release.path }}",
        "{{ __fastapi_app_path }}",
        "{{ __fastapi_app_releases }}/{{ item }}",
    )
    found = {
        task.name.split(" | ")[0]
        for task in of("file")
        if task.arguments.get("state") == "absent" and task.arguments["path"] in directories
    } | {
        task.name.split(" | ")[0]
        for task in of("include_tasks")
        if task.keywords["vars"].get("__fastapi_app_discarded") in directories
    }
    assert found == {"Abandon", "Prune", "Recover", "Build"}


def test_a_server_of_an_earlier_version_is_refused_before_its_recovery():
    """Its units read the environment elsewhere: the release of a killed cutover, which is healthy, would be given back."""
    names = [task.name for task in all_tasks() if task.path == f"{TASKS}/recover.yml"]
    refusal = find(f"{TASKS}/recover.yml", "Refuse a server of an earlier version")
    assert names.index(refusal.name) < names.index("Recover | List the leftovers of the interrupted run")
    for outdated, check_mode, refused in ((True, False, True), (False, False, False), (True, True, False)):
        seen = scope({}, outdated=outdated).variables | {"ansible_check_mode": check_mode}
        templar = Templar(loader=DataLoader(), variables=seen)
        assert templar.evaluate_conditional(trusted(refusal.arguments["that"])) is not refused

"""Nothing that clears away takes the release that serves, nor the one to go back to: the tasks' own expressions, evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.tasks import find, of
from tests.unit.test_settings_wired import Scope, trusted

TASKS = "roles/fastapi_app/tasks"


def scope(releases: dict[str, dict[str, Any]], **info: Any) -> Scope:
    """Return what the role sees on a server with these releases; live is "live"."""
    known = {"live": "live", "previous": "", "candidate": "", "history": [], "releases": releases} | info
    return Scope("fastapi_app", __fastapi_app_info=known, ansible_check_mode=False)


def removed(path: str, name: str, seen: Scope) -> list[str]:
    task = find(f"{TASKS}/{path}", name)
    return list(seen.see(task.keywords["loop"], **task.keywords["vars"]))


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_pruning_keeps_the_live_one_and_the_one_before_whatever_their_age(keep):
    releases = {
        name: {"changed": age} for age, name in enumerate(["previous", "live", "old", "newer", "newest"])
    }
    seen = scope(releases, previous="previous")
    seen.variables["fastapi_app_keep_releases"] = keep
    gone = removed("prune.yml", "Remove the oldest releases", seen)
    assert not {"live", "previous"} & set(gone)
    # The newest of the others stay, as many as there is room for.
    assert gone == ["newest", "newer", "old"][keep - 2 :]


def test_a_live_release_that_lost_its_programs_is_not_cleared_away():
    seen = scope({"live": {"complete": False}, "half": {"complete": False}, "whole": {"complete": True}})
    assert removed("recover.yml", "Remove incomplete releases", seen) == ["half"]


@pytest.mark.parametrize(
    ("release", "info", "gone"),
    [
        ("new", {}, True),
        ("live", {}, False),
        # It serves at this moment, on its way to be live.
        ("new", {"candidate": "new"}, False),
        ("new", {"history": [{"release": "new", "result": "live"}]}, False),
        ("new", {"history": [{"release": "new", "result": "failed"}]}, True),
    ],
)
def test_a_release_that_was_given_up_is_removed_unless_it_ever_served(release, info, gone):
    seen = scope({}, **info)
    seen.variables["fastapi_app_release_id"] = release
    reason = find(f"{TASKS}/abandon.yml", "Save the failure message")
    ever = seen.see(reason.arguments["__fastapi_app_ever_live"])
    [condition] = find(f"{TASKS}/abandon.yml", "Remove the failed release").keywords["when"]
    templar = Templar(loader=DataLoader(), variables=seen.variables | {"__fastapi_app_ever_live": ever})
    assert templar.evaluate_conditional(trusted(condition)) is gone


def test_a_release_is_removed_by_nothing_else():
    """Building removes what an earlier build has left, or one that did not build: nothing of it was ever in service."""
    directories = ("{{ fastapi_app_release_path }}", "{{ __fastapi_app_releases }}/{{ item }}")
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

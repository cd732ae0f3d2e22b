"""Filters that choose the release to roll back to, compare releases, and put them into words."""

from __future__ import annotations

from typing import Any


def _schema_problem(info: dict[str, Any], target: str) -> str:
    """Return which migration keeps ``target`` from serving, and what to do; nothing when none does."""
    known = set(info["releases"][target].get("revisions", []))
    revisions = info["schema_revisions"]
    if not known or not revisions:
        return ""
    newer = [revision for revision in revisions if revision["id"] not in known]
    for revision in newer:
        if revision["contract"]:
            return (
                f"{target} cannot serve with this schema: migration {revision['id']} ({revision['title']}) took away what it "
                "needs. Deploy a release that works with it, or restore a snapshot of the database from before it."
            )
    return ""


def rollback_choice(info: dict[str, Any], wanted: str = "") -> dict[str, str]:
    """Return the ``release`` to go back to and the ``problem`` that forbids it, if any. ``info`` is fastapi_app_info's."""
    target = wanted or info["previous"]
    releases = info["releases"]
    usable = sorted(
        name
        for name, release in releases.items()
        if release["complete"] and not release["voided"] and name != info["live"]
    )
    there = f"On the server: {', '.join(usable) or 'none'}."
    if not info["live"]:
        problem = "No release is live, so there is nothing to roll back. Deploy one: ansible-playbook playbooks/deploy.yml"
    elif not target:
        problem = (
            f"The record of deployments names no release before {info['live']} that is still there. {there}"
        )
    elif target == info["live"]:
        problem = f"{target} is live already. {there}"
    elif target not in releases:
        problem = f"fastapi_app_release is {target}, which is not on the server. {there}"
    elif not releases[target]["complete"]:
        problem = f"{target} is incomplete: its build was cut short, or it lost its programs. {there}"
    elif releases[target]["voided"]:
        problem = f"{target} was {releases[target]['voided']}. {there}"
    elif not releases[target]["environment"]:
        problem = (
            f"{target} has never been live, so that it has no environment. Deploy it: playbooks/deploy.yml"
        )
    else:
        problem = _schema_problem(info, target)
    return {"release": target, "problem": problem}


def serves_at(revisions: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the database's revisions with which a release serves that knows ``revisions``, oldest first.

    What takes away and has nothing after it is applied when the release serves already: it serves before and after.
    """
    place = len(revisions)
    while place and revisions[place - 1]["contract"]:
        place -= 1
    return [revision["id"] for revision in revisions[max(place - 1, 0) :]]


def release_line(info: dict[str, Any], name: str) -> str:
    """Return a line about one release: its name, where it came from, who built it and when."""
    release = info["releases"].get(name)
    if not release:
        return name or "none"
    source = release.get("source", {})
    origin = " ".join(str(source[key]) for key in ("url", "path", "version") if source.get(key))
    return f"{name}  {origin}  built {release.get('built', 'never')} by {release.get('by', 'nobody knows')}"


def differences(live: dict[str, str], wanted: dict[str, str], parts: list[str]) -> list[str]:
    """Return a line for each file that a release adds, changes or removes. Both are checksums by path.

    Only ``parts`` of the source are deployed; "." is all of it.
    """
    paths = {
        path
        for path in live.keys() | wanted.keys()
        if any(part == "." or path == part or path.startswith(f"{part}/") for part in parts)
    }
    words = {
        path: "removed" if path not in wanted else "added" if path not in live else "changed"
        for path in paths
        if live.get(path) != wanted.get(path)
    }
    lines = [f"{words[path]:8}{path}" for path in sorted(words)]
    return lines or ["no file differs"]


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_differences": differences,
            "fastapi_app_release_line": release_line,
            "fastapi_app_rollback_choice": rollback_choice,
            "fastapi_app_serves_at": serves_at,
        }

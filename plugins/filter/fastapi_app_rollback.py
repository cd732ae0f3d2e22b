# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that choose the release of a rollback, compare releases and describe releases."""

from __future__ import annotations

from typing import Any


def _schema_problem(info: dict[str, Any], target: str) -> str:
    """Return the migration that prevents ``target`` from running, with the fix, or an empty string."""
    known = set(info["releases"][target].get("revisions", []))
    revisions = info["schema_revisions"]
    contracts = [f"{one['id']} ({one['title']})" for one in revisions if one["contract"]]
    if not known and contracts:
        return (
            f"{target} was put into service without its migrations (fastapi_app_revisions), and the database has had the contract "
            f"migrations {', '.join(contracts)}: whether the release can run on this schema is unknown. Deploy its source again, "
            "which compares the migrations."
        )
    if not known:
        return ""
    newer = [revision for revision in revisions if revision["id"] not in known]
    for revision in newer:
        if revision["contract"]:
            return (
                f"{target} cannot run on this schema: migration {revision['id']} ({revision['title']}) removed objects that "
                "the release needs. Deploy a newer release, or restore a database snapshot from before the migration."
            )
    return ""


def rollback_choice(info: dict[str, Any], wanted: str = "") -> dict[str, str]:
    """Return the ``release`` of a rollback and its ``problem``, if any. ``info`` is the result of fastapi_app_info."""
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
        problem = f"The audit log has no release before {info['live']} that is still on the server. {there}"
    elif target == info["live"]:
        problem = f"{target} is already live. {there}"
    elif target not in releases:
        problem = f"fastapi_app_release is {target}, which is not on the server. {there}"
    elif not releases[target]["complete"]:
        problem = f"{target} is incomplete: the build was interrupted, or backend/venv is missing. {there}"
    elif releases[target]["voided"]:
        problem = f"{target} is void: {releases[target]['voided']}. {there}"
    elif not releases[target]["environment"]:
        problem = f"{target} has never been live and has no environment. Deploy the release with playbooks/deploy.yml"
    else:
        problem = _schema_problem(info, target)
    return {"release": target, "problem": problem}


def serves_at(revisions: list[dict[str, Any]]) -> list[str]:
    """Return the IDs of the schema revisions that a release with ``revisions`` (oldest first) can run on.

    Trailing contract migrations are applied after the cutover, so the release must run before and after them.
    """
    place = len(revisions)
    while place and revisions[place - 1]["contract"]:
        place -= 1
    return [revision["id"] for revision in revisions[max(place - 1, 0) :]]


def release_line(info: dict[str, Any], name: str) -> str:
    """Return a line about one release: its name, its origin, the user who built the release, and the time."""
    release = info["releases"].get(name)
    if not release:
        return name or "none"
    source = release.get("source", {})
    origin = " ".join(str(source[key]) for key in ("url", "path", "version") if source.get(key))
    return (
        f"{name}  {origin}  built {release.get('built', 'never')} by {release.get('by', 'an unknown user')}"
    )


def differences(live: dict[str, str], wanted: dict[str, str], parts: list[str]) -> list[str]:
    """Return a line for each file that a release adds, changes or removes. Both are checksums by path.

    Only ``parts`` of the source are compared; "." means the whole source.
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

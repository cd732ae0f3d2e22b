# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""A filter that finds what another application on the same host has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

CANDIDATE = "-candidate.service"
# What the role adds to a service's name for its other units, also those of a build and of a command.
OF_A_SERVICE = "candidate|build|command|process-.+"
FORMS = {
    "fastapi_app_port": r"socket:ListenStream=.*:(\d+)",
    "fastapi_app_candidate_port": r"-candidate.service:ExecStart=.* (?:--port |--bind 127[.]0[.]0[.]1:)(\d+)",
    "fastapi_app_user": r"-candidate.service:User=(.+)",
    "fastapi_app_log_directory": r"-candidate.service:StandardOutput=append:(.+)/[^/]+",
    # Its directory, which goes with the application.
    "fastapi_app_candidate_flag": r"[.]conf:d (\S+) ",
}
# Settings of one kind: the value of one may not be another application's value of any of them. The code of a build or a migration
# that runs as the other's user could read its environment.
KINDS = (
    {"fastapi_app_port", "fastapi_app_candidate_port"},
    {"fastapi_app_user", "fastapi_app_build_user", "fastapi_app_migration_user"},
)


def is_of_one_kind(name: str, other: str) -> bool:
    """Return whether two settings may not have the same value."""
    return name == other or any({name, other} <= kind for kind in KINDS)


def overlap(own: str, other: str) -> str:
    """Say how a directory lies to another one: "within", "around" or not at all."""
    if Path(own).is_relative_to(other):
        return "within"
    return "around" if Path(other).is_relative_to(own) else ""


def collisions(lines: list[str], own: dict[str, Any]) -> list[str]:
    """Find settings that another application of the host has; a sentence for each.

    ``lines`` are those of unit files with the file's path before each, as grep shows them. ``own``: the settings by name.
    """
    found = []
    files = {Path(line.partition(":")[0]).name for line in lines}
    for service in sorted(name.removesuffix(CANDIDATE) for name in files if name.endswith(CANDIDATE)):
        units = "\n".join(
            line
            for line in lines
            if re.match(rf".*/{re.escape(service)}(-candidate)?[.](service|socket|conf):", line)
        )
        directory = re.search(r"-candidate.service:WorkingDirectory=(.+)", units)
        home, place = own["fastapi_app_home"], f"{directory[1] if directory else ''}/"
        here = place.startswith(f"{home}/candidate/")
        if service == own["fastapi_app_service"]:
            if directory and not here:
                found.append(
                    f"fastapi_app_service is {service!r}, whose candidate is in {directory[1]}: another application, or another "
                    f"fastapi_app_home than {home!r}. Set another name, or remove it first (fastapi_app_state absent and its home)."
                )
            continue
        shorter, longer = sorted((service, own["fastapi_app_service"]), key=len)
        if re.fullmatch(rf"{re.escape(shorter)}-({OF_A_SERVICE})", longer):
            found.append(
                f"fastapi_app_service is {own['fastapi_app_service']!r}: {longer}.service would be a unit of both it and the "
                f"application {service} on this host. Set another name."
            )
        theirs = {name: match[1] for name, form in FORMS.items() if (match := re.search(form, units))}
        theirs |= {"fastapi_app_home": home} if here else {}
        # Their home ends where the candidate's link begins.
        root = re.match(r"(/.+)/candidate(?:/|$)", directory[1]) if directory else None
        if root and not here and (lies := overlap(home, root[1])):
            found.append(
                f"fastapi_app_home is {home!r}, {lies} {root[1]}, the home of the application {service} on this host: removing one "
                "would remove both. Set a separate directory."
            )
        for name, value in own.items():
            for other, taken in theirs.items():
                own_place = str(Path(value).parent) if name == "fastapi_app_candidate_flag" else str(value)
                if own_place == taken and is_of_one_kind(name, other):
                    found.append(
                        f"{name} is {value!r}, which the application {service} on this host has as {other}. Set another one, or "
                        f"remove {service} first (fastapi_app_state absent, fastapi_app_service {service})."
                    )
    return found


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filter."""
        return {"fastapi_app_collisions": collisions}

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
PORTS = ("fastapi_app_port", "fastapi_app_candidate_port")


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
        for name, value in own.items():
            for other, taken in theirs.items():
                own_place = str(Path(value).parent) if name == "fastapi_app_candidate_flag" else str(value)
                if own_place == taken and (name == other or (name in PORTS and other in PORTS)):
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

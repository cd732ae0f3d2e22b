# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters for the environment of a program: its file for systemd's EnvironmentFile=, and output without its values."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_checks import variables

# Characters to escape between double quotes, in systemd (src/basic/env-file.c) and in a POSIX shell.
ESCAPED = re.compile(r'([\\"`$])')
SECRET_LENGTH = 8
# Sequences for terminals, and control characters except the tab.
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
SECTIONS = {"stdout": "output", "stderr": "errors", "log": "log", "journal": "journal"}
SHOWN_LINES = 40


def environment_file(environment: dict[str, Any]) -> str:
    """Return the lines NAME="value", sorted by name; systemd and a shell both read these values byte for byte.

    True and False become "true" and "false". The role checks the entries before (plugin_utils/fastapi_app_settings.py).
    """
    lines = []
    for name, value in sorted(environment.items()):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append(f'{name}="{ESCAPED.sub(r"\\\1", text)}"')
    return "\n".join(lines)


def environment_changes(live: str, wanted: str) -> list[str]:
    """Return a line for each variable that an environment file adds, changes or removes, without values.

    RELEASE_ID, which the role sets, is left out.
    """
    before, after = variables(live), variables(wanted)
    words = {
        name: "removed" if name not in after else "added" if name not in before else "changed"
        for name in (before.keys() | after.keys()) - {"RELEASE_ID"}
        if before.get(name) != after.get(name)
    }
    return [f"{words[name]:8}{name}" for name in sorted(words)]


def environment_kept(own: str, live: str, names: list[str]) -> str:
    """Return a release's environment file with the variables ``names`` as the live one has them, sorted."""
    lines = own.rstrip("\n").split("\n")
    fixed = [line for line in lines if "=" not in line or line.startswith(("#", "RELEASE_ID="))]
    entries = [line for line in lines if line not in fixed and line.partition("=")[0] not in names]
    entries += [line for line in live.split("\n") if "=" in line and line.partition("=")[0] in names]
    end = own[len(own.rstrip("\n")) :]
    return "\n".join(fixed + sorted(entries, key=lambda line: line.partition("=")[0])) + end


def without_secrets(output: str, environment: dict[str, Any]) -> str:
    """Return the output of a program with environment values (except short ones) and passwords in URLs redacted."""
    values = {str(value) for value in environment.values() if len(str(value)) >= SECRET_LENGTH}
    for value in sorted(values, key=len, reverse=True):
        output = output.replace(value, "********")
    # Up to the last @ of the word: a password may contain an @.
    output = re.sub(r"(://[^:/@\s]*:)\S*@", r"\1********@", output)
    # A token replaces the user name.
    return re.sub(r"://[^:/@\s]+@", "://********@", output)


def diagnostics(result: dict[str, Any], environment: dict[str, Any] | None = None) -> str:
    """Return what a failed task printed: its message, and the last lines of each of SECTIONS, without secrets and controls.

    A program may print the cause to its output and warnings to its errors (poetry), or the reverse.
    """
    said = [str(result.get("msg") or "")]
    for key, title in SECTIONS.items():
        printed = result.get(key) or []
        lines = printed.splitlines() if isinstance(printed, str) else printed
        lines = [line for line in (CONTROLS.sub("", line).rstrip() for line in lines) if line]
        if lines:
            said += [f"The last lines of the {title}:", *lines[-SHOWN_LINES:]]
    return without_secrets("\n".join(said), environment or {})


class FilterModule:
    """The filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_diagnostics": diagnostics,
            "fastapi_app_environment_changes": environment_changes,
            "fastapi_app_environment_file": environment_file,
            "fastapi_app_environment_kept": environment_kept,
        }

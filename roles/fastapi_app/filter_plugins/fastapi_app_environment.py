"""Filters that turn a dictionary into a file for systemd's EnvironmentFile=."""

from __future__ import annotations

import re
from typing import Any

# What must be escaped between double quotes, in systemd (src/basic/env-file.c) as in a POSIX shell.
ESCAPED = re.compile(r'([\\"`$])')
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED = {"RELEASE_ID": "the role sets it"}
SECRET_LENGTH = 8


def environment_problems(environment: dict[str, Any]) -> list[str]:
    """Return a sentence for each entry that cannot be carried; names only, never a value."""
    problems = []
    for name, value in environment.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            problems.append(f"{name!r} is no variable's name: letters, digits and _ only, no digit first")
        elif name in RESERVED:
            problems.append(f"{name} cannot be set: {RESERVED[name]}")
        elif not isinstance(value, str | int | float):
            problems.append(f"{name} is a {type(value).__name__}: give a text, a number, true or false")
        elif re.search(r"[\n\r\0]", str(value)):
            problems.append(f"{name} holds a line break or a zero byte: encode it, for example in base64")
    return problems


def environment_file(environment: dict[str, Any]) -> str:
    """Return the lines NAME="value", sorted by name, which systemd and a shell both read back byte for byte.

    True and False become "true" and "false". The entries must have no ``environment_problems``.
    """
    lines = []
    for name, value in sorted(environment.items()):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        escaped = ESCAPED.sub(r"\\\1", text)
        lines.append(f'{name}="{escaped}"')
    return "\n".join(lines)


def without_secrets(said: str, environment: dict[str, Any]) -> str:
    """Return what a program said without the values of its environment (short ones are no secrets) and passwords of URLs."""
    values = {str(value) for value in environment.values() if len(str(value)) >= SECRET_LENGTH}
    for value in sorted(values, key=len, reverse=True):
        said = said.replace(value, "********")
    # To the last @ of the word: a password may hold one.
    said = re.sub(r"(://[^:/@\s]*:)\S*@", r"\1********@", said)
    # A token stands where a user's name would.
    return re.sub(r"://[^:/@\s]+@", "://********@", said)


class FilterModule:
    """The filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "fastapi_app_environment_file": environment_file,
            "fastapi_app_environment_problems": environment_problems,
            "fastapi_app_without_secrets": without_secrets,
        }

"""Filters that find the keys which a secret lacks, and add them. No error of theirs shows a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def secret_values(text: str, name: str) -> dict[str, Any]:
    """Return the keys and values of the secret ``name``; of an empty ``text``, which could not be read, none."""
    if not text:
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise AnsibleFilterError(
            f"The secret {name} is not a JSON object, so that its keys cannot be read. Put back the version before with: "
            f"aws secretsmanager update-secret-version-stage, or write it anew with: aws secretsmanager put-secret-value "
            f"--secret-id {name} --secret-string file://FILE"
        ) from None
    return values


def missing_keys(text: str, name: str, wanted: Mapping[str, Any]) -> list[str]:
    """Return the keys of ``wanted`` that the secret lacks; none where it could not be read. An emptied value is there."""
    return sorted(set(wanted) - set(secret_values(text, name))) if text else []


def complete(text: str, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secret's values with the missing keys added; what is there stays as it is, whoever has set it."""
    return dict(wanted) | secret_values(text, name)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"aws_security_missing_keys": missing_keys, "aws_security_complete": complete}

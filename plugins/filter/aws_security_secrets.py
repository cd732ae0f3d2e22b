# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that find and add the missing keys of a secret. Their errors show no value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def secret_values(text: str, name: str) -> dict[str, Any]:
    """Return the keys and values of the secret ``name``; an empty ``text`` means an unreadable secret and gives none."""
    if not text:
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise AnsibleFilterError(
            f"The secret {name} is not a JSON object, so its keys cannot be read. Restore its previous version with: "
            f"aws secretsmanager update-secret-version-stage, or overwrite it with: aws secretsmanager put-secret-value "
            f"--secret-id {name} --secret-string file://FILE"
        ) from None
    return values


def missing_keys(text: str, name: str, wanted: Mapping[str, Any]) -> list[str]:
    """Return the keys of ``wanted`` missing from the secret; none if it is unreadable. An empty value counts as present."""
    return sorted(set(wanted) - set(secret_values(text, name))) if text else []


def complete(text: str, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secret's values with the missing keys added; existing values stay unchanged."""
    return dict(wanted) | secret_values(text, name)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"aws_security_missing_keys": missing_keys, "aws_security_complete": complete}

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters for the secrets of the application's own (table_order_application_secrets). No message shows a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.plugin_utils.fastapi_app_settings import UNREADABLE


class RefusedError(Exception):
    """A secret that an environment cannot have; the message continues its name."""


def _value(found: Mapping[str, list[Any]], place: str) -> str:
    """Return the text at NAME or NAME:KEY; raises RefusedError."""
    name, _colon, key = place.partition(":")
    values = found.get(name) or []
    if not values:
        raise RefusedError(
            "is missing, empty, marked for deletion, or you may not read it. Create it as a text"
        )
    text = values[0]
    if not isinstance(text, str):
        raise RefusedError("is binary. Store a text, for example in base64")
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    if key:
        if not isinstance(keys, dict):
            raise RefusedError(f"is not a JSON object. Store one, or remove :{key} for the whole text")
        if key not in keys:
            raise RefusedError(f"has no key {key}. Add it, or correct the key")
        text = keys[key]
        if not isinstance(text, str):
            raise RefusedError(f"has no text in its key {key}. Put the value into quotes")
    if UNREADABLE.search(text):
        fix = (
            "Name one of its keys, as NAME:KEY"
            if isinstance(keys, dict) and not key
            else "Store it in base64"
        )
        raise RefusedError(f"has a line break or another control character. {fix}")
    return text


def secret_problems(found: Mapping[str, list[Any]], wanted: Mapping[str, str], prefix: str) -> list[str]:
    """Return a sentence for each variable of ``wanted`` whose secret is missing, no text, or not fit for an environment.

    ``found``: a list with the secret's content by name, empty without one. ``wanted``: NAME or NAME:KEY by variable.
    """
    problems = []
    for variable, place in wanted.items():
        try:
            _value(found, place)
        except RefusedError as refused:
            secret = f"the secret {prefix}{place.partition(':')[0]}"
            problems.append(f"table_order_application_secrets.{variable}: {secret} {refused}.")
    return problems


def secret_environment(found: Mapping[str, list[Any]], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the text by variable; secret_problems must have found nothing."""
    return {variable: _value(found, place) for variable, place in wanted.items()}


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "table_order_secret_environment": secret_environment,
            "table_order_secret_problems": secret_problems,
        }

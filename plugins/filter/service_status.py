# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters for the status of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.filter.fastapi_app_run import has_ended
from ansible_collections.table_order.infra.plugins.plugin_utils.status import judge
from ansible_collections.table_order.infra.plugins.plugin_utils.status_text import text


def service_status(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status (docs/status.schema.json) of what was looked at; plugin_utils/status.py describes ``facts``."""
    facts = _plain(facts)
    lock = facts.get("account", {}).get("looks", {}).get("lock", {}).get("found", [])
    last = max(lock, key=lambda one: int(one["name"].rpartition("/")[2]), default=None)
    held = last is not None and last["content"]["state"] == "held"
    return judge({**facts, "lock_ended": held and has_ended(last["content"])})


def service_status_text(status: Mapping[str, Any], colour: bool = False, width: int = 80) -> str:
    """Return a status as text of ``width`` columns."""
    return text(_plain(status), colour, width)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value in Python's own dictionaries and lists: Ansible's make their elements only when asked for."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"service_status": service_status, "service_status_text": service_status_text}

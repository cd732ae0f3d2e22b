# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that say which sizes the measured load asks for: what to read, the advice as data, and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.plugin_utils.right_size import advise, queries, text


def right_size_metrics(resources: list[dict[str, Any]], namespace: str = "CWAgent") -> list[dict[str, Any]]:
    """Return the metrics to read: see ``queries``."""
    return queries(resources, namespace)


def right_size(
    resources: list[dict[str, Any]], metrics: Mapping[str, Any], region: str
) -> list[dict[str, Any]]:
    """Return the advice for each server, database and cache: see ``advise``."""
    return advise(resources, metrics, region)


def right_size_text(advised: list[dict[str, Any]], width: int = 80) -> list[str]:
    """Return the lines of an advice, at most ``width`` columns wide."""
    return text(advised, width)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "right_size": right_size,
            "right_size_metrics": right_size_metrics,
            "right_size_text": right_size_text,
        }

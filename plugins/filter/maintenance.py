# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters for the regular maintenance: the report as data, as a page, and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.filter.service_status import _plain
from ansible_collections.table_order.infra.plugins.plugin_utils import maintenance, maintenance_page


def report(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report (docs/maintenance.schema.json) of what was looked at: see ``judge``."""
    return maintenance.judge(_plain(facts))


def page(found: Mapping[str, Any], template: str) -> str:
    """Return a report as a page of HTML."""
    return maintenance_page.page(_plain(found), str(template))


def text(found: Mapping[str, Any], width: int = 80) -> str:
    """Return a report as text of ``width`` columns."""
    return maintenance_page.text(_plain(found), width)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"maintenance": report, "maintenance_page": page, "maintenance_text": text}

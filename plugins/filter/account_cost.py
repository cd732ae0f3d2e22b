# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that say what AWS resources cost in a month, as data and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.table_order.infra.plugins.plugin_utils.account_cost_report import report, text


def account_cost(
    resources: list[dict[str, Any]], region: str, assumptions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the report about the cost of resources: see ``report``."""
    try:
        return report(resources, region, assumptions)
    except ValueError as error:
        raise AnsibleFilterError(f"account_cost: {error}") from error


def account_cost_text(cost: Mapping[str, Any], width: int = 80) -> list[str]:
    """Return the lines of a report, at most ``width`` columns wide."""
    return text(cost, width)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"account_cost": account_cost, "account_cost_text": account_cost_text}

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters for the plan of the changes on AWS."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.table_order.infra.plugins.plugin_utils.account_cost import cost
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan import (
    areas_to_run,
    left_over,
    plan,
    refusals,
)
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan_text import text


def account_plan(
    described: Mapping[str, Any],
    found: Mapping[str, Any],
    environment: str,
    areas: str | list[str] = "",
    assumptions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the plan (docs/plan.schema.json) of described resources by area and the result of account_resources_info.

    ``areas`` limits the plan, as a list or with commas between; ``assumptions`` are those of the cost. Raises ValueError for an
    unknown one of either.
    """
    words = areas.split(",") if isinstance(areas, str) else areas
    chosen = [str(one).strip() for one in words if str(one).strip()]
    read = _plain(found)
    price = functools.partial(cost, region=read["region"], assumptions=_plain(assumptions))
    return plan(_plain(described), read, str(environment), chosen, price)


def account_plan_text(planned: Mapping[str, Any], colour: bool = False, width: int = 80) -> str:
    """Return a plan as text of ``width`` columns."""
    return text(_plain(planned), colour, width)


def account_plan_refusals(
    planned: Mapping[str, Any], allowed: list[str] | None = None, agreed: Mapping[str, Any] | None = None
) -> list[str]:
    """Return why a plan must not be applied: replaced or deleted resources not ``allowed``, differences to the ``agreed`` plan."""
    return refusals(_plain(planned), list(allowed or []), _plain(agreed))


def account_plan_areas(planned: Mapping[str, Any]) -> list[str]:
    """Return the areas in which provisioning has something to do."""
    return areas_to_run(_plain(planned))


def account_plan_left(planned: Mapping[str, Any]) -> list[str]:
    """Return the names of resources that a run has left different without a reason."""
    return left_over(_plain(planned))


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value in Python's own types: Ansible's make their elements only when asked for, and PyYAML refuses its text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    own = next((one for one in (str, bool, int, float) if isinstance(value, one)), None)
    return own(value) if own else value


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "account_plan": account_plan,
            "account_plan_areas": account_plan_areas,
            "account_plan_left": account_plan_left,
            "account_plan_text": account_plan_text,
            "account_plan_refusals": account_plan_refusals,
        }

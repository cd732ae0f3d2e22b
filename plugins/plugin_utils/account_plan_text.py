# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Print a plan (plugin_utils/account_plan.py) for people.

python -m plugins.plugin_utils.account_plan_text FILE    in colours on a terminal, unless NO_COLOR is set
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SIGNS = {
    "create": "+",
    "update": "~",
    "replace": "-/+",
    "delete": "-",
    "unmanaged": "?",
    "unknown": "!",
    "denied": "!",
    "note": "i",
}
COLOURS = {
    "create": 32,
    "update": 33,
    "replace": 35,
    "delete": 31,
    "unmanaged": 36,
    "unknown": 31,
    "denied": 31,
    "note": 2,
}
VERBS = {"create": "to create", "update": "to update", "replace": "to replace", "delete": "to delete"}
INDENT = " " * 6
# Characters of AWS's message about a denied read.
MESSAGE = 300
# A space that no line ends at.
TOGETHER = "\N{NO-BREAK SPACE}"
# Names and tags made by hand must not steer a terminal.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(plan: Mapping[str, Any], colour: bool = False, width: int = 80) -> str:
    """Return the plan as text of at most ``width`` columns, except for longer words."""
    return "\n".join(_Writer(colour, width).lines(plan))


class _Writer:
    """Writes lines of a width, in colours or without."""

    def __init__(self, colour: bool, width: int) -> None:
        self.colour, self.width = colour, width

    def lines(self, plan: Mapping[str, Any]) -> list[str]:
        """Return the lines of a plan."""
        head = f"Plan for {plan['environment']}: account {plan['account']}, {plan['region']}"
        body = list(self.body(plan))
        cost = [_cost(plan["cost"])] if plan["cost"] else []
        end = [line for said in (_summary(plan), *cost) for line in self.wrapped(said, "")]
        return [head, "", *body, *([""] if body else []), *end]

    def body(self, plan: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines of resources with changes or notes, of those without a description and of denied reads."""
        for one in plan["resources"]:
            if one["action"] != "none" or one["notes"] or _is_unknown(one):
                yield from self.resource(one)
        for one in plan["unmanaged"]:
            yield from self.head("unmanaged", one["type"], one["name"] or one["id"], one["id"])
            yield from self.wrapped(one["why"])
        for one in plan["denied"]:
            yield self.paint("denied", f"{SIGNS['denied']} denied {CONTROLS.sub(' ', one['action'])}")
            yield from self.wrapped(textwrap.shorten(one["message"], MESSAGE))
            yield from self.wrapped(
                f"Unknown without it: {', '.join(one['types']) or 'more that is unmanaged'}"
            )

    def resource(self, one: Mapping[str, Any]) -> Iterator[str]:
        """Yield a resource's line, its changes and notes."""
        action = one["action"]
        shown = action if action != "none" else "unknown" if _is_unknown(one) else "note"
        yield from self.head(shown, one["type"], one["name"], one["id"])
        if action in ("replace", "delete"):
            yield from self.wrapped(one["reason"])
        if action == "create":
            properties = [change for change in one["changes"] if not change["property"].startswith("Tags.")]
            yield from self.wrapped(", ".join(_created(change, self.width - 10) for change in properties))
        else:
            for change in one["changes"]:
                yield from self.change(change)
        for note in one["notes"]:
            yield from self.wrapped(f"note: {note}")

    def head(self, action: str, kind: str, name: str, identity: str | None) -> Iterator[str]:
        """Yield the line that names a resource, and its id unless that is the name; on two lines where one is too short."""
        sign = f"{SIGNS[action]} {action}".ljust(12)
        named = f"{kind} {name}"
        extra = f"({identity})" if identity and identity != name and not identity.startswith("arn:") else ""
        named, extra = CONTROLS.sub(" ", named), CONTROLS.sub(" ", extra)
        fits = len(sign) + len(named) + 1 + len(extra) <= self.width
        first, *rest = [f"{named} {extra}".strip()] if fits else [named, *filter(None, [extra])]
        yield self.paint(action, sign) + first
        for line in rest:
            yield INDENT + line

    def change(self, change: Mapping[str, Any]) -> Iterator[str]:
        """Yield a change: property: before → after, or the lines that go and come."""
        before, after = change["before"], change["after"]
        replaces = " (forces replacement)" if change["forces_replacement"] else ""
        if change["sensitive"]:
            yield from self.wrapped(f"{change['property']}: sensitive, not shown{replaces}")
        elif change["unknown"]:
            yield from self.wrapped(f"{change['property']}: {_value(before)} → known after apply{replaces}")
        elif _is_nested(before) or _is_nested(after):
            yield from self.wrapped(f"{change['property']}:{replaces}")
            for sign, line in _compared(before, after):
                action = {"+": "create", "-": "delete"}.get(sign, "note")
                for part in self.wrapped(line, f"{INDENT}  {sign} ", f"{INDENT}      "):
                    yield self.paint(action, part)
        else:
            yield from self.wrapped(f"{change['property']}: {_value(before)} → {_value(after)}{replaces}")

    def wrapped(self, said: str, indent: str = INDENT, following: str | None = None) -> Iterator[str]:
        """Yield a text in lines of the width."""
        lines = textwrap.wrap(
            CONTROLS.sub(" ", said),
            self.width,
            initial_indent=indent,
            subsequent_indent=indent + "  " * bool(indent) if following is None else following,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (line.replace(TOGETHER, " ") for line in lines)

    def paint(self, action: str, said: str) -> str:
        """Return a text in an action's colour."""
        return f"\033[{COLOURS[action]}m{said}\033[0m" if self.colour else said


def _created(change: Mapping[str, Any], room: int) -> str:
    """Return a new resource's property, not broken if it is shorter than ``room``; of lists and policies their length."""
    name, value = change["property"], change["after"]
    if change["unknown"]:
        said = f"{name}: known after apply"
    elif change["sensitive"]:
        said = f"{name}: sensitive"
    elif _is_nested(value):
        elements = value.get("Statement", value) if isinstance(value, Mapping) else value
        said = f"{name} ({len(elements)})"
    else:
        said = f"{name}: {_value(value)}"
    return said if len(said) > room else said.replace(" ", TOGETHER)


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value) if str(value) else '""'


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value)
    )


def _compared(before: object, after: object) -> Iterator[tuple[str, str]]:
    """Yield the lines of two values that go (-) and come (+), with those around them in documents."""
    if isinstance(before or [], list) and isinstance(after or [], list):
        gone, come = [_element(one) for one in before or []], [_element(one) for one in after or []]
        yield from (("-", one) for one in gone if one not in come)
        yield from (("+", one) for one in come if one not in gone)
        return
    old, new = (_document(one) if one else [] for one in (before, after))
    if old == new:
        old, new = (_dumped(one) for one in (before, after))
    # Behind the two lines of file names and the first position.
    for line in list(difflib.unified_diff(old, new, n=2, lineterm=""))[3:]:
        yield (" ", "...") if line.startswith("@@") else (line[0], line[1:])


def _element(value: object) -> str:
    """Return an element of a list on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_element(one)}" for name, one in value.items() if one not in ("", None))
    return _value(value)


def _document(value: object) -> list[str]:
    """Return the lines of a document; a policy's statements by their Sid, so that each is beside its own earlier form."""
    if isinstance(value, Mapping) and isinstance(value.get("Statement"), list):
        statements = [
            {key: _as_list(key, one[key]) for key in one} if isinstance(one, Mapping) else one
            for one in value["Statement"]
        ]
        value = {**value, "Statement": sorted(statements, key=_sid)}
    return _dumped(value)


def _sid(statement: object) -> str:
    return str(statement.get("Sid", "")) if isinstance(statement, Mapping) else ""


def _dumped(value: object) -> list[str]:
    return yaml.safe_dump(value, allow_unicode=True, width=1000).splitlines()


def _as_list(key: str, value: object) -> object:
    return value if isinstance(value, list | Mapping) or key in ("Sid", "Effect") else [value]


def _is_unknown(one: Mapping[str, Any]) -> bool:
    """Tell whether a resource may exist or not: a denied read is the only reason for no action."""
    return one["action"] == "none" and bool(one["reason"])


def _summary(plan: Mapping[str, Any]) -> str:
    """Return the counts as a sentence."""
    counts, unknown = plan["counts"], sum(map(_is_unknown, plan["resources"]))
    parts = [f"{counts[action]} {verb}" for action, verb in VERBS.items() if counts[action]]
    parts.append(f"{counts['none'] - unknown} unchanged")
    parts += [f"{unknown} unknown"] if unknown else []
    parts += [f"{counts['unmanaged']} unmanaged"] if counts["unmanaged"] else []
    begins = {"no changes": "No changes", "changes": "Plan", "incomplete": "No changes in what could be read"}
    end = "" if plan["complete"] else " Incomplete: reads were denied."
    return f"{begins[plan['status']]}: {', '.join(parts)}.{end}"


def _cost(cost: Mapping[str, Any]) -> str:
    """Return the cost before, after and the difference as a sentence."""
    before, after = cost["monthly_before"], cost["monthly_after"]
    if before is None or after is None:
        return "Cost: unknown, there are no prices for this region."
    unpriced = sum(one["monthly_usd"] is None for one in cost["items"])
    return (
        f"Cost in {cost['currency']} a month: {before:.2f} → {after:.2f} ({after - before:+.2f}), "
        f"prices of {cost['prices_dated']}"
        + (f"; without {unpriced} that no source gives." if unpriced else ".")
    )


def main(arguments: Sequence[str]) -> int:
    """Print the plan in a file; returns 0 for no changes, 2 for changes, 1 if reads were denied and no change is known."""
    plan = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    terminal = sys.stdout.isatty()
    width = min(shutil.get_terminal_size((80, 24)).columns, 120) if terminal else 80
    print(text(plan, terminal and not os.environ.get("NO_COLOR"), width))
    return {"no changes": 0, "changes": 2}.get(plan["status"], 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

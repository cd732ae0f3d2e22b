# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filter that compares the contents of a live database with those of its restored backup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

SHOWN = 5
"""Lines of a schema in one sentence."""


def contents_compared(
    restored: Mapping[str, Any], live: Mapping[str, Any], newest_of: str = ""
) -> dict[str, Any]:
    """Return ``problems`` and ``notes`` (sentences), ``tables``, ``rows`` and ``newest`` of a restored database.

    Both are results of db_migrate_contents_info; the live one counts ``until`` the newest row of each restored table.
    ``newest`` is ISO 8601, of the table ``newest_of`` if that exists, otherwise of the table with the newest row; empty for none.
    ``newest_epoch`` is the same in seconds since 1970, -1 for none.
    """
    problems, notes = list(_schema(restored["schema"], live["schema"])), []
    for name, one in live["tables"].items():
        other = restored["tables"].get(name)
        if other is None:
            continue  # the schema says it
        problem, note = _table(name, other, one)
        problems += filter(None, [problem])
        notes += filter(None, [note])
    tables = restored["tables"]
    times = {name: one["newest"] for name, one in tables.items() if one["newest"]}
    chosen = {name: at for name, at in times.items() if newest_of in (name, name.partition(".")[2])}
    newest = max((chosen or times).values(), default="")
    at = datetime.fromisoformat(newest) if newest else None
    return {
        "problems": problems,
        "notes": notes,
        "tables": len(tables),
        "rows": sum(one["rows"] or 0 for one in tables.values()),
        "newest": newest,
        "newest_epoch": int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) if at else -1,
    }


def _schema(restored: list[str], live: list[str]) -> Iterator[str]:
    for lines, where in ((set(live) - set(restored), "live"), (set(restored) - set(live), "restored")):
        if lines:
            more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
            shown = "; ".join(sorted(lines)[:SHOWN])
            yield f"Only the {where} database has: {shown}{more}. A migration since the backup explains it, nothing else."


def _table(name: str, restored: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[str, str]:
    """Return the problem and the note about one table."""
    for one, where in ((restored, "restored"), (live, "live")):
        if one["problem"]:
            return f"{name} of the {where} database could not be counted: {one['problem']}", ""
    if restored["newest"]:
        missing = live["until"] - restored["rows"]
        what = f"up to its newest row of {restored['newest']}"
    else:
        missing, what = live["rows"] - restored["rows"], "of all times"
        if restored["rows"] or not live["rows"]:
            # Rows without a time may have been added since.
            return "", f"{name}: {restored['rows']} rows restored, {live['rows']} live." if missing else ""
    if missing > 0:
        return f"{name}: the backup lacks {missing} of {restored['rows'] + missing} rows {what}.", ""
    return "", f"{name}: {-missing} restored rows have been deleted since." if missing else ""


class FilterModule:
    """The filters of this file, by the names that task files use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"db_migrate_contents_compared": contents_compared}

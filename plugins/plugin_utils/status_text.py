# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Print a status (plugin_utils/status.py) for people.

python -m plugins.plugin_utils.status_text FILE    in colours on a terminal, unless NO_COLOR is set
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

WIDTH = 80
# Without colours the signs tell the state.
SIGNS = {"fine": "ok", "note": "- ", "attention": "!!", "unknown": "??"}
COLOURS = {"fine": 32, "note": 2, "attention": 31, "unknown": 35}
CODES = {"fine": 0, "attention": 1, "unknown": 2}
AREA = 14
# Names and messages from elsewhere must not steer a terminal.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(status: Mapping[str, Any], colour: bool = False, width: int = WIDTH) -> str:
    """Return the status as text of at most ``width`` columns, except for longer words."""
    return "\n".join(_lines(status, colour, width))


def _lines(status: Mapping[str, Any], colour: bool, width: int) -> Iterator[str]:
    account = status["account"] or "of an unknown number"
    head = f"Status of {status['service']} ({status['environment']}): account {account}, {status['region']}"
    yield from textwrap.wrap(f"{head}, {status['at'][:16].replace('T', ' ')} UTC", width)
    yield ""
    for area, checks in groupby(status["checks"], lambda check: check["area"]):
        title = area
        for state, said, do in _said(list(checks)):
            lines = _wrapped(said, width - AREA - 3)
            for number, line in enumerate(lines):
                sign = SIGNS[state] if number == 0 else "  "
                painted = f"\033[{COLOURS[state]}m{sign}\033[0m" if colour and number == 0 else sign
                yield f"{title:{AREA}}{painted} {line}".rstrip()
                title = ""
            for number, line in enumerate(_wrapped(do, width - AREA - 6)):
                yield f"{'':{AREA + 3}}{'->' if number == 0 else '  '} {line}"
    yield ""
    yield _end(status)


def _said(checks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield state, text and what to do for each line of an area; what nobody could look at for one reason is one line."""
    for (unknown, reason), group in groupby(
        checks, lambda one: (one["state"] == "unknown", one["text"] if one["state"] == "unknown" else "")
    ):
        if unknown:
            names = ", ".join(one["what"] for one in group)
            yield "unknown", f"could not look at {names}: {reason}", ""
        else:
            yield from ((one["state"], one["text"], one["do"]) for one in group)


def _wrapped(said: str, width: int) -> list[str]:
    return textwrap.wrap(CONTROLS.sub(" ", said), width, break_long_words=False, break_on_hyphens=False)


def _end(status: Mapping[str, Any]) -> str:
    counts = {state: sum(one["state"] == state for one in status["checks"]) for state in SIGNS}
    if status["status"] == "fine":
        return f"Fine: nothing needs a person ({counts['fine']} checks)."
    parts = [f"{counts['attention']} need a person" if counts["attention"] != 1 else "1 needs a person"]
    parts += [f"{counts['unknown']} could not be looked at"] if counts["unknown"] else []
    return f"{', '.join(parts)}; {counts['fine']} are fine."


def main(arguments: Sequence[str]) -> int:
    """Print the status in a file; returns 0 for fine, 1 if something needs a person, 2 if something could not be looked at."""
    status = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    print(text(status, sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return CODES[status["status"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

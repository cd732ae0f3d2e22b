"""The results of all drills in one file, so that an interrupted run goes on, and one table shows what was measured.

A part is a file of drills: its tests build on each other, so it passes or is repeated as a whole. A drill says what it has measured
with pytest's ``record_property``: ``rto`` and ``rpo`` (seconds), ``failed`` (requests), ``lost`` (orders) and ``document``, the
figure of the deployment document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e import site

FILE = site.ROOT / ".state/drills.json"
MEASURES = {
    "rto": "RTO",
    "rpo": "RPO",
    "failed": "requests failed",
    "lost": "orders lost",
    "document": "document",
}
# Part -> test -> {result, seconds, at, commit, and the measures}.
type Results = dict[str, dict[str, dict[str, Any]]]


def read(file: Path = FILE) -> Results:
    """Return the results of earlier runs; none without a file."""
    return json.loads(file.read_text()) if file.exists() else {}


def write(results: Results, file: Path = FILE) -> None:
    """Replace the file as a whole: the run may be killed at any time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(results, indent=1) + "\n")
    new.replace(file)


def part(test: str) -> str:
    """Return the part of a test, by its name in pytest: scale of tests/drills/test_scale.py::test_x."""
    return Path(test.partition("::")[0]).stem.removeprefix("test_")


def has_passed(results: Results, tests: list[str]) -> bool:
    """Tell whether all these tests of a part have passed."""
    found = results.get(part(tests[0]), {})
    return all(found.get(test.partition("::")[2], {}).get("result") == "passed" for test in tests)


def to_run(results: Results, tests: list[str]) -> list[str]:
    """Return the tests of the parts that have not passed."""
    parts: dict[str, list[str]] = {}
    for test in tests:
        parts.setdefault(part(test), []).append(test)
    return [test for its in parts.values() if not has_passed(results, its) for test in its]


def table(results: Results) -> str:
    """Return all results as a table of Markdown."""
    lines = [
        f"| drill | result | took | {' | '.join(MEASURES.values())} | commit |",
        f"|---|---|---|{'---|' * len(MEASURES)}---|",
    ]
    for name, tests in sorted(results.items()):
        for test, one in tests.items():
            measures = " | ".join(shown(one, measure) for measure in MEASURES)
            what = f"{name}: {test.removeprefix('test_').replace('_', ' ')}"
            lines.append(
                f"| {what} | {one['result']} | {time(one['seconds'])} | {measures} | {one['commit']} |"
            )
    return "\n".join(lines)


def shown(one: Mapping[str, Any], measure: str) -> str:
    """Return a measure for the table; empty if it was not measured."""
    value = one.get(measure, "")
    return time(value) if measure in ("rto", "rpo") and value != "" else str(value)


def time(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

"""One site for all drills but those that make theirs; DRILLS_KEEP=1 begins with the one that is there, and leaves it.

A run repeats no part that has passed (results.py); DRILLS_AGAIN=1 does, and so does DRILL, which names one part.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.drills import results
from tests.e2e import site


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the parts that have passed."""
    if os.environ.get("DRILLS_AGAIN") or os.environ.get("DRILL"):
        return
    wanted = results.to_run(results.read(), [item.nodeid for item in items])
    if passed := [item for item in items if item.nodeid not in wanted]:
        config.hook.pytest_deselected(items=passed)
        items[:] = [item for item in items if item.nodeid in wanted]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the result, and say at once why a drill failed: the rest takes hours, and may be broken off."""
    if report.failed:
        print(f"\n{report.longreprtext}", flush=True)
    if report.when == "call" or report.outcome != "passed":
        commit = ["git", "rev-parse", "--short", "HEAD"]
        known = subprocess.run(
            commit, cwd=site.ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
        found = results.read()
        found.setdefault(results.part(report.nodeid), {})[report.nodeid.partition("::")[2]] = {
            "result": report.outcome,
            "seconds": round(report.duration),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": known,
            **dict(report.user_properties),
        }
        results.write(found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the results of all drills, those of earlier runs as well."""
    terminalreporter.write_line(results.table(results.read()))


@pytest.fixture(scope="session", autouse=True)
def _site(request: pytest.FixtureRequest) -> Iterator[None]:
    keep = os.environ.get("DRILLS_KEEP")
    if not all(getattr(item.module, "MAKES_ITS_SITE", False) for item in request.session.items):
        if not keep:
            site.fresh_cloud()
        site.play("site.yml").check()
    yield
    if not keep:
        site.cloud("stop")

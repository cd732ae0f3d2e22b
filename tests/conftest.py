"""A test that is skipped says nothing, so a run with one has failed, unless its reason is among the expected."""

from __future__ import annotations

import pytest

# Reason of a skip -> why this is right. There is none at present: what a test needs, the set-up brings, or the test fails.
EXPECTED: dict[str, str] = {}


def unexpected(reports: list[pytest.TestReport]) -> list[str]:
    """Return test and reason of each skip that nobody expects."""
    reasons = [(report.nodeid, str(report.longrepr[2]).removeprefix("Skipped: ")) for report in reports]
    return [f"{test}: {reason}" for test, reason in reasons if reason not in EXPECTED]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a run with such a skip fail."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    found = unexpected(reporter.stats.get("skipped", [])) if reporter else []
    if found:
        reporter.write_line("")
        for line in found:
            reporter.write_line(f"FAILED: skipped: {line}", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

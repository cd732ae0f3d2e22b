"""A test that is skipped says nothing, so a run with one has failed, unless its reason is among the expected."""

from __future__ import annotations

import pytest

# Expected reason of a skip -> justification. The set-up provides every test's needs.
EXPECTED: dict[str, str] = {
    "Graphviz is missing: scripts/setup --test installs it": "pytest alone, without the set-up; the texts have tests without it",
}


def unexpected(reports: list[pytest.TestReport]) -> list[str]:
    """Return test and reason of each unexpected skip."""
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

"""One site for all drills but those that make theirs; DRILLS_KEEP=1 begins with the one that is there, and leaves it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import site


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once why a drill failed: the rest takes hours, and may be broken off."""
    if report.failed:
        print(f"\n{report.longreprtext}", flush=True)


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

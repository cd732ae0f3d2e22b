"""One local cloud for all end-to-end tests; each phase begins with an empty account."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from iam import usage
from tests.e2e import site


@dataclass(frozen=True)
class FirstRun:
    """The first run of site.yml on an empty account, without delays, and the requests it made."""

    run: site.Run
    recording: Path
    # The writing calls that it made, as tests/e2e/kills.py names them.
    calls: list[str]


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where recordings, outputs and screenshots are kept."""
    directory = site.ROOT / ".state/artifacts"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session", autouse=True)
def _local_cloud() -> Iterator[None]:
    site.fresh_cloud()
    yield
    beyond = usage.problems(site.permissions()["used"], usage.named(usage.README.read_text()))
    if not os.environ.get("E2E_KEEP"):
        site.cloud("stop")
    assert beyond == []


@pytest.fixture(autouse=True)
def _permissions(artifacts: Path) -> Iterator[None]:
    """Nothing is refused to the operator or the server, also where a module hides it; what was used is kept, by playbook."""
    yield
    found = site.permissions()
    (artifacts / "permissions.json").write_text(json.dumps(found["used"], indent=1) + "\n")
    assert found["enforced"]
    assert found["refused"] == []


@pytest.fixture(scope="session")
def first_run(artifacts: Path) -> FirstRun:
    """Build the whole site once; most tests look at its result."""
    site.start_recording()
    site.order_stops()
    run = site.play("site.yml")
    recording = site.stop_recording(artifacts / "first-run.jsonl")
    (artifacts / "first-run.txt").write_text(run.output)
    return FirstRun(run.check(), recording, site.stops()["made"])

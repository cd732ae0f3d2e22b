"""One local cloud of the rehearsed inventory's own, and its operator's policies enforced, as in tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import site
from tests.e2e.conftest import _local_cloud, _permissions, first_run

__all__ = ["_local_cloud", "_permissions", "first_run"]


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where recordings and outputs are kept."""
    directory = site.ROOT / ".state/artifacts" / Path(site.INVENTORY).name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session", autouse=True)
def _rehearsal() -> None:
    assert "rehearsal" in site.INVENTORY, "run this with: make rehearsal"

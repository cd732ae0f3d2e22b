"""A full restaurant behind one address, and production's limits, which the tests' site has not: their load exceeds them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.deployment import play
from tests.load.connection import Connection, Service

# 40 phones that load the page, the menu and its images within half a minute, then ask for the status of their orders; 10 tablets.
PHONES, TABLETS, REQUESTS_OF_A_PHONE = 40, 10, 35
RATE_AFTERWARDS = 20


@pytest.fixture
def limits() -> Iterator[None]:
    """Have nginx limit requests as in production."""
    play("configure", nginx_limits=True).check()
    yield
    play("configure").check()


async def phone(service: Service) -> list[int]:
    """Request the menu as often as a phone's page and its images take; returns the statuses."""
    connection = await Connection.open(service)
    statuses = [
        (await connection.request("GET", "/api/menus?store_id=1")).status for _ in range(REQUESTS_OF_A_PHONE)
    ]
    connection.close()
    return statuses


def all_at_once(what: Any, service: Service, count: int) -> list[Any]:
    """Run ``what`` (a coroutine of a service that returns a list) ``count`` times at once; returns one list."""

    async def run() -> list[Any]:
        return await asyncio.gather(*(what(service) for _ in range(count)))

    return [one for each in asyncio.run(run()) for one in each]

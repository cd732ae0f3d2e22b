"""A restaurant behind one address, with production's limits on: it loses nothing, and a flood is answered with 429."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import load, play
from tests.load.connection import Answer, Connection, LostError, Service

# 40 phones that load the page, the menu and its images within half a minute, then ask for the status of their orders; 10 tablets.
PHONES, TABLETS, REQUESTS_OF_A_PHONE = 40, 10, 35
RATE_AFTERWARDS = 20
# More than the burst and what flows off meanwhile.
FLOOD_CONNECTIONS, FLOOD_SECONDS = 100, 30


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    play("configure", nginx_limits=True).check()
    yield
    play("configure").check()


async def phone(service: Service) -> list[int]:
    connection = await Connection.open(service)
    statuses = [
        (await connection.request("GET", "/api/menus?store_id=1")).status for _ in range(REQUESTS_OF_A_PHONE)
    ]
    connection.close()
    return statuses


async def flood(service: Service) -> list[Answer]:
    until, answers = time.monotonic() + FLOOD_SECONDS, []
    while time.monotonic() < until:
        try:
            connection = await Connection.open(service)
            while connection.reusable and time.monotonic() < until:
                answers.append(await connection.request("GET", "/api/no-such-path"))
            connection.close()
        except (LostError, OSError, TimeoutError):
            continue
    return answers


def all_at_once(what, service: Service, count: int) -> list:
    async def run() -> list:
        return await asyncio.gather(*(what(service) for _ in range(count)))

    return [one for each in asyncio.run(run()) for one in each]


def test_a_full_restaurant_loses_nothing(tmp_path: Path) -> None:
    service = Service.of(site.url(), deployment.certificate())
    with load(tmp_path, RATE_AFTERWARDS, TABLETS) as running:
        statuses = all_at_once(phone, service, PHONES)
        time.sleep(20)
    print(f"a full restaurant: {json.dumps(running.shown)}")
    assert Counter(statuses) == {200: PHONES * REQUESTS_OF_A_PHONE}
    assert running.lost() == {}


def test_a_flood_is_told_to_come_later_and_cuts_no_stream(tmp_path: Path) -> None:
    service = Service.of(site.url(), deployment.certificate())
    with load(tmp_path, 1, TABLETS) as running:
        answers = all_at_once(flood, service, FLOOD_CONNECTIONS)
    refused = [answer for answer in answers if answer.status == 429]
    print(f"a flood: {len(answers)} requests, {len(refused)} refused")
    assert refused
    assert {answer.headers.get("retry-after") for answer in refused} == {"5"}
    assert running.shown["streams_reconnected"] == 0

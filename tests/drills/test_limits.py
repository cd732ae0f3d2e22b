"""With production's limits a full restaurant behind one address loses nothing, and a flood is answered with 429."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import load
from tests.e2e.restaurant import (
    PHONES,
    RATE_AFTERWARDS,
    REQUESTS_OF_A_PHONE,
    TABLETS,
    all_at_once,
    limits,  # noqa: F401 - a fixture
    phone,
)
from tests.load.connection import Answer, Connection, LostError, Service

# More than the burst and what flows off meanwhile.
FLOOD_CONNECTIONS, FLOOD_SECONDS = 100, 30


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


@pytest.mark.usefixtures("limits")
def test_a_full_restaurant_within_productions_limits_loses_nothing(tmp_path: Path) -> None:
    service = Service.of(site.url(), deployment.certificate())
    with load(tmp_path, RATE_AFTERWARDS, TABLETS) as running:
        statuses = all_at_once(phone, service, PHONES)
        time.sleep(20)
    print(f"a full restaurant: {json.dumps(running.shown)}")
    assert Counter(statuses) == {200: PHONES * REQUESTS_OF_A_PHONE}
    assert running.lost() == {}


@pytest.mark.usefixtures("limits")
def test_a_flood_is_told_to_come_later_and_cuts_no_stream(tmp_path: Path) -> None:
    service = Service.of(site.url(), deployment.certificate())
    with load(tmp_path, 1, TABLETS) as running:
        answers = all_at_once(flood, service, FLOOD_CONNECTIONS)
    refused = [answer for answer in answers if answer.status == 429]
    print(f"a flood: {len(answers)} requests, {len(refused)} refused")
    assert refused
    assert {answer.headers.get("retry-after") for answer in refused} == {"5"}
    assert running.shown["streams_reconnected"] == 0

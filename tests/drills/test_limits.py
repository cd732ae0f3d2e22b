"""With production's limits a flood from one address is answered with 429. tests/e2e has a full restaurant within them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e import deployment, site
from tests.e2e.deployment import load
from tests.e2e.restaurant import TABLETS, all_at_once, limits  # noqa: F401 - limits is a fixture
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
def test_a_flood_is_told_to_come_later_and_cuts_no_stream(tmp_path: Path) -> None:
    service = Service.of(site.url(), deployment.certificate())
    with load(tmp_path, 1, TABLETS) as running:
        answers = all_at_once(flood, service, FLOOD_CONNECTIONS)
    refused = [answer for answer in answers if answer.status == 429]
    print(f"a flood: {len(answers)} requests, {len(refused)} refused")
    assert refused
    assert {answer.headers.get("retry-after") for answer in refused} == {"5"}
    assert running.shown["streams_reconnected"] == 0

"""Runs are killed at each boundary between two changes; the next run continues, and in the end each resource exists once.

In each life of an account or a server several runs are killed one after the other, and the last one finishes. What has passed is
kept in .state/artifacts/kills.json: a drill that was broken off goes on, after a commit it begins again. It is the last of the
drills, since it takes the site away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e import kills, site
from tests.e2e.deployment import settled, state
from tests.e2e.test_uninstall import DATA, DESTROY

# 1 has each kill made up for by a run that finishes: that takes a day.
KILLS_IN_A_LIFE = int(os.environ.get("DRILLS_KILLS", "10"))
MAKES_ITS_SITE = True
PROVISION = ("playbooks/provision.yml",)
SERVER = ("playbooks/configure.yml", "playbooks/deploy.yml")
HOST = f"{site.TARGET.name}-app-server"


@dataclass(frozen=True)
class Kind:
    """A kind of runs: the playbook, the initial state, the way of killing, and the checks at the end."""

    arguments: tuple[str, ...]
    begin: Callable[[], None]
    killer: Callable[[], kills.Calls | kills.Changes]
    finished: Callable[[], None]
    between: Callable[[], None] = lambda: None

    def all_boundaries(self) -> list[str]:
        """Find them in a run from beginning to end."""
        self.begin()
        killer = self.killer()
        site.order_stops()
        run = site.play(*self.arguments).check()
        self.finished()
        if isinstance(killer, kills.Changes):
            return kills.changes(run.output.splitlines(), killer.host)
        return site.stops()["made"]


def with_an_account() -> None:
    site.fresh_cloud()
    site.play(*PROVISION).check()


def at_most_one() -> None:
    found = site.inventory_of_resources()
    found |= found.pop("secrets")
    assert max(found.values(), default=0) <= 1, found


def one_of_everything() -> None:
    assert site.inventory_of_resources() == site.ONE_OF_EVERYTHING


def served() -> None:
    one_of_everything()
    settled(state())
    assert "FAIL " not in site.play("playbooks/verify.yml").check().output


def only_data() -> None:
    assert set(site.left_over()) == DATA


KINDS = {
    "creation": Kind(PROVISION, site.fresh_cloud, kills.Calls, one_of_everything, at_most_one),
    "server": Kind(SERVER, with_an_account, lambda: kills.Changes(HOST), served),
    "removal": Kind(DESTROY, with_an_account, kills.Calls, only_data),
}


def live(kind: Kind, boundaries: list[str]) -> list[str]:
    """Kill runs at these boundaries until one finishes; return those that were reached."""
    kind.begin()
    killer, reached = kind.killer(), []
    while left := [one for one in boundaries if one not in reached]:
        started = time.monotonic()
        place = killer.kill(left, *kind.arguments)
        if not place:
            break
        print(f"killed after {place}: {time.monotonic() - started:.0f} s", flush=True)
        kind.between()
        reached.append(place)
    run = site.play(*kind.arguments).check()
    kind.finished()
    again = site.play(*kind.arguments).check()
    assert again.changed == 0, "\n".join(again.changes)
    print(
        f"{len(reached)} kills made up for: {run.seconds:.0f} s, unchanged: {again.seconds:.0f} s", flush=True
    )
    return reached


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_was_killed_anywhere_is_finished_by_the_next(name: str) -> None:
    kind, progress = KINDS[name], kills.Progress(kills.PROGRESS, kills.version())
    found = progress.boundaries(name, kind.all_boundaries)
    left = progress.left(name)
    print(f"{name}: {len(found)} boundaries, {len(left)} to go", flush=True)
    # Boundaries that the shared life's runs passed without a stop get a separate life.
    for number in (KILLS_IN_A_LIFE, 1):
        for boundaries in kills.lives(progress.left(name), number):
            progress.passed(name, live(kind, boundaries))
    assert progress.left(name) == [], "never reached"

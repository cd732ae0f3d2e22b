"""What AWS creates slowly is created at the same time."""

from __future__ import annotations

from tests.e2e import site


def test_slow_creations_overlap() -> None:
    site.fresh_cloud()
    at_once = site.play("site.yml").check()
    site.fresh_cloud(database=60, cache=45, server=30)
    slow = site.play("site.yml").check()
    longer = slow.seconds - at_once.seconds
    print(f"with delays of 60, 45 and 30 s: {slow.seconds:.0f} s, {longer:.0f} s longer")
    assert longer <= 60

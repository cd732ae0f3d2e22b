"""Holds a run for a test that kills it: after one of the operator's writing calls.

That call is carried out and its answer withheld; the writing calls of the run's other lanes are withheld before anything is
done. So the test has all the time it needs to kill the run exactly there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from local_cloud.calls import OPERATOR_KEY, of_request
from local_cloud.faults import Environ


class Stops:
    """The writing calls since the last order, and the call that is held.

    A call is named by its action and its number since the order, for instance "ec2:CreateSubnet 2".
    """

    def __init__(self) -> None:
        """Start without an order."""
        self.wanted: set[str] | None = None
        self.made: list[str] = []
        self.held = ""
        self.orders = 0
        self.ordered = threading.Condition()

    def order(self, wanted: Iterable[str]) -> None:
        """Count from now on, and hold these calls. A held call continues."""
        with self.ordered:
            self.wanted = set(wanted)
            self.made, self.held = [], ""
            self.orders += 1
            self.ordered.notify_all()

    def as_json(self) -> dict[str, Any]:
        """Return the writing calls since the order, in their order, and the one that is held (or "")."""
        return {"made": list(self.made), "held": self.held}

    def name(self, environ: Environ, body: bytes) -> str:
        """Return the name of a call to count; "" for reads, for other callers than the operator, and before the first order."""
        if self.wanted is None:
            return ""
        try:
            call = of_request(environ, body)
        except (KeyError, ValueError):
            return ""
        return call.name if call and call.access_key == OPERATOR_KEY and call.writes else ""

    def done(self, name: str) -> None:
        """Count an executed call, and hold it if ordered."""
        with self.ordered:
            numbered = f"{name} {1 + sum(made.rpartition(' ')[0] == name for made in self.made)}"
            self.made.append(numbered)
            if numbered in (self.wanted or ()):
                self.held = numbered

    def wait(self) -> None:
        """Wait for the next order, if a call is held."""
        with self.ordered:
            if self.held:
                orders = self.orders
                self.ordered.wait_for(lambda: self.orders != orders)

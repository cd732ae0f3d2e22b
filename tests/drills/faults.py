"""Faults of AWS for the drills, as docs/local-cloud.md describes them, and what a run under them must not do."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

from tests.e2e import site

OPERATOR = {"action": "*", "times": 0, "access_key": "local"}
THROTTLED = {**OPERATOR, "kind": "throttling", "every": 3}
FAILING = {**OPERATOR, "kind": "internal", "every": 4}
AWAY = {**OPERATOR, "kind": "unavailable", "every": 4}
SLOW = {**OPERATOR, "seconds": 1, "every": 4}
EXPIRED = {**OPERATOR, "kind": "expired"}
DENIED = {**OPERATOR, "code": "AccessDenied", "message": "is not authorized to perform it", "status": 403}
SIGN_IN = "Sign in again"
STOPPED = "The run stopped at the task"
CONFIRMED = ("-e", f"table_order_confirm={site.TARGET.name}")


@contextlib.contextmanager
def faults(*ordered: dict[str, object]) -> Iterator[None]:
    """Let the operator's calls meet these faults. Fails if one was never met."""
    for fault in ordered:
        site.call("POST", "/local-cloud/faults", fault)
    try:
        yield
        met = [one["met"] for one in json.loads(site.call("GET", "/local-cloud/faults"))["faults"]]
    finally:
        site.call("DELETE", "/local-cloud/faults")
    assert all(met), f"faults were met {met} times"


def check_no_secrets(output: str) -> None:
    """Fail if an output has a secret's value."""
    for name, secret in site.secrets().items():
        for key, value in secret.items():
            assert not (re.search("password|key", key) and str(value) in output), f"{name} {key} is shown"


def one_of_everything() -> None:
    """Fail if there are two of a resource, or none. Rotations leave versions of secrets."""
    found, wanted = site.inventory_of_resources(), dict(site.ONE_OF_EVERYTHING)
    assert found.pop("secrets").keys() >= wanted.pop("secrets").keys()
    assert found == wanted


def check_stopped(run: site.Run, *words: str) -> None:
    """Fail unless a run has ended with one message that has these words."""
    assert run.status != 0
    assert "Traceback" not in run.output
    check_no_secrets(run.output)
    _above, stopped, message = run.output.partition(STOPPED)
    assert stopped, run.output[-3000:]
    assert len(message.splitlines()) <= 8, message
    assert [word for word in words if word not in " ".join(message.split())] == [], message

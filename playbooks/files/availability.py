"""Measures what guests notice of a procedure: asks an address once a second, and writes what it found at the end of the procedure.

usage: availability.py URL HOST RESULT PROCESS EARLIER. HOST is the requested host name, empty for the address's own. The procedure
ends with the file RESULT.end; the program waits for three good answers in a row then, at most ten minutes. PROCESS is the run's:
when it is gone, the program leaves what it found as EARLIER, and the run that continues counts on from there. The certificate is
not verified, because nothing is sent that matters.

RESULT is one JSON object: ``requests``, ``failed``, ``down``, the seconds from a first failed request until the next good one,
added up, ``healthy``: whether the last answer was good, and ``at``, its time (seconds since 1970).
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

TIMEOUT = 5
PAUSE = 1
HEALTHY = 3
PATIENCE = 600
# What an older run has left is of another procedure.
CONTINUED = 3600


def answers(url: str, host: str) -> bool:
    """Return whether a request is answered without an error of the server."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    # As the service has it, also before DNS knows the name: the address, and the name in the request.
    options = {"context": ssl._create_unverified_context()} if parts.scheme == "https" else {}  # noqa: S323
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT, **options)
    try:
        connection.request("GET", parts.path or "/", headers={"Host": host or parts.netloc})
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def measured(samples: Iterable[tuple[float, bool]], earlier: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the result of samples: the time of a request (seconds), whether its answer was good; ``earlier`` a run's before."""
    found = earlier or {"requests": 0, "failed": 0, "down": 0, "healthy": False, "at": 0.0}
    requests, failed, down, at = found["requests"], found["failed"], found["down"], found["at"]
    # While no run looked the service counts as away, unless it was good before and after.
    since, good = at if earlier else None, None
    for at, answer in samples:
        if answer and good is None and found["healthy"]:
            since = None
        good = answer
        requests += 1
        failed += not good
        if not good and since is None:
            since = at
        elif good and since is not None:
            down, since = down + at - since, None
    if since is not None:
        down += at - since
    return {
        "requests": requests,
        "failed": failed,
        "down": round(down),
        "healthy": found["healthy"] if good is None else good,
        "at": at,
    }


def left(earlier: Path) -> dict[str, Any] | None:
    """Return what an interrupted run of this procedure has found."""
    try:
        found = json.loads(earlier.read_text())
        return found if time.time() - found["at"] < CONTINUED else None
    except (OSError, ValueError, KeyError):
        return None


def sampled(ask: Callable[[], bool], end: Path, process: Path) -> Iterable[tuple[float, bool]]:
    """Yield the samples until ``end`` is there and the service healthy, or ``process`` (a directory of /proc) is gone."""
    good, late = 0, 0.0
    while process.exists() and not (late and (good >= HEALTHY or time.monotonic() > late)):
        at = time.monotonic()
        # An interrupted run may have been on another boot of this machine.
        clock, answer = time.time(), ask()
        good = good + 1 if answer else 0
        yield clock, answer
        if not late and end.exists():
            late, good = time.monotonic() + PATIENCE, min(good, 1)
        time.sleep(max(0, at + PAUSE - time.monotonic()))


def main() -> None:
    """Run the program."""
    url, host, result, process, earlier = sys.argv[1:]
    end, running = Path(f"{result}.end"), Path("/proc", process)
    found = measured(sampled(lambda: answers(url, host), end, running), left(Path(earlier)))
    new = Path(f"{result}.new")
    new.write_text(json.dumps(found))
    # As a whole: another process waits for the file.
    if running.exists():
        Path(earlier).unlink(missing_ok=True)
        new.rename(result)
    else:
        new.rename(earlier)


if __name__ == "__main__":
    main()

"""Turns a recording of requests into calls: service, action, parameters."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Headers

from local_cloud.calls import Call, read


class Calls(list[Call]):
    """Calls in the order in which they were made."""

    def of(self, *names: str) -> Iterator[Call]:
        """Yield the calls of these names, for instance rds:CreateDBInstance."""
        return (call for call in self if call.name in names)

    def by(self, access_key: str) -> "Calls":
        """Return the calls signed with this access key: the operator's, not the server's."""
        return Calls(call for call in self if call.access_key == access_key)


def load(path: str | Path) -> Calls:
    """Read a recording: a file of JSON lines."""
    return parse(Path(path).read_text(encoding="utf-8").splitlines())


def parse(lines: Iterable[str]) -> Calls:
    """Parse the lines of a recording. Requests without a signature are no calls to AWS."""
    calls = (_call(json.loads(line)) for line in lines if line.strip())
    return Calls(call for call in calls if call)


def writes(calls: Iterable[Call]) -> list[Call]:
    """Return the calls that are no mere reads. A check run has none, nor has a second run."""
    return [call for call in calls if call.writes]


def _call(entry: dict[str, Any]) -> Call | None:
    body = base64.b64decode(entry["body"]) if entry["body_encoded"] else (entry["body"] or "").encode()
    return read(entry["method"], entry["url"], Headers(entry["headers"]), body)

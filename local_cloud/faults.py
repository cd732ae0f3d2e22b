"""Ordered errors: the next N calls of an action return the error of a test."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
import uuid
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session

# A request, as WSGI has it.
type Environ = dict[str, Any]


@dataclasses.dataclass
class Fault:
    """An AWS error for the next `times` calls of `action` (RunInstances, PutBucketPolicy, ...)."""

    action: str
    code: str
    message: str = "ordered through /local-cloud/faults"
    times: int = 1
    status: int = 400


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


class Faults:
    """The pending faults."""

    def __init__(self) -> None:
        """Start without faults."""
        self.pending: list[Fault] = []
        self.lock = threading.Lock()

    def add(self, values: dict[str, Any]) -> Fault:
        """Order a fault, given the fields of Fault. Raises TypeError for a key that is missing or unknown."""
        fault = Fault(**values)
        with self.lock:
            self.pending.append(fault)
        return fault

    def clear(self) -> None:
        """Drop all faults."""
        with self.lock:
            self.pending.clear()

    def answer(self, environ: Environ, body: bytes) -> Answer | None:
        """The ordered error for this request, if any."""
        if not self.pending:
            return None
        action = action_of(environ, body)
        with self.lock:
            fault = next((fault for fault in self.pending if fault.action == action), None)
            if fault is None:
                return None
            fault.times -= 1
            if fault.times <= 0:
                self.pending.remove(fault)
        return render(fault, environ, body)


def action_of(environ: Environ, body: bytes) -> str:
    """The name of the AWS action that a request calls, in any of AWS's protocols; "" when unclear."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
    path = environ.get("PATH_INFO", "")
    if "/operation/" in path:
        return path.rpartition("/")[2]
    if _is_query(environ):
        return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return _s3_action(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""))


def render(fault: Fault, environ: Environ, body: bytes) -> Answer:
    """The error in the protocol of the request."""
    request_id = str(uuid.uuid4())
    if "HTTP_X_AMZ_TARGET" in environ:
        document = json.dumps({"__type": fault.code, "message": fault.message})
        return Answer(fault.status, "application/x-amz-json-1.1", document.encode())
    error = f"<Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    if not _is_query(environ):
        document = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    elif b"Version=2016-11-15" in body:  # EC2 has a different envelope
        document = (
            f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        document = (
            f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Answer(fault.status, "text/xml", document.encode())


def _is_query(environ: Environ) -> bool:
    return environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")


# S3's requests without words in the query, by method and depth of the path (1: bucket, 2: object).
S3_PLAIN = {
    ("GET", 0): "ListBuckets",
    ("PUT", 1): "CreateBucket",
    ("GET", 1): "ListObjects",
    ("HEAD", 1): "HeadBucket",
    ("DELETE", 1): "DeleteBucket",
    ("PUT", 2): "PutObject",
    ("GET", 2): "GetObject",
    ("HEAD", 2): "HeadObject",
    ("DELETE", 2): "DeleteObject",
}


@functools.cache
def _s3_operations() -> list[tuple[str, str, int, frozenset[str]]]:
    """S3's other operations as (name, HTTP method, depth of the path, words of the query)."""
    model = botocore.session.Session().get_service_model("s3")
    operations = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        words = frozenset(word.partition("=")[0] for word in query.split("&") if word)
        if words:
            operations.append((name, http["method"], _depth(path), words))
    return operations


def _depth(path: str) -> int:
    """0 for the service, 1 for a bucket, 2 for an object."""
    parts = path.strip("/").split("/", 1)
    return 0 if parts == [""] else len(parts)


def _s3_action(method: str, path: str, query: str) -> str:
    """The S3 action of a path-style request: the one with most words of the query, else the plain one."""
    present = set(parse_qs(query, keep_blank_values=True))
    depth = _depth(path)
    matching = [
        (len(words), name)
        for name, verb, level, words in _s3_operations()
        if verb == method and level == depth and words <= present
    ]
    return max(matching)[1] if matching else S3_PLAIN.get((method, depth), "")

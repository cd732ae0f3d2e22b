"""Ordered faults: calls of an action meet an error, or a slow answer, as a test wants it."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import json
import re
import threading
import time
import uuid
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session

# A request, as WSGI has it.
type Environ = dict[str, Any]

# The access key and the service of a signature; in an address its slashes are escaped.
CREDENTIAL = re.compile(
    r"Credential=([^/%&\s]+)(?:/|%2F)\d{8}(?:/|%2F)[^/%&]+(?:/|%2F)([^/%&]+)(?:/|%2F)aws4_request"
)


# Code and HTTP status of a kind of fault, in each of AWS's ways to say it.
KINDS = {
    "throttling": {
        "ec2": ("RequestLimitExceeded", 503),
        "s3": ("SlowDown", 503),
        "query": ("Throttling", 400),
        "json": ("ThrottlingException", 400),
    },
    "unavailable": {
        "ec2": ("Unavailable", 503),
        "s3": ("ServiceUnavailable", 503),
        "query": ("ServiceUnavailable", 503),
        "json": ("ServiceUnavailableException", 503),
    },
    "internal": {
        "ec2": ("InternalError", 500),
        "s3": ("InternalError", 500),
        "query": ("InternalFailure", 500),
        "json": ("InternalFailure", 500),
    },
    "expired": {
        "ec2": ("RequestExpired", 400),
        "s3": ("ExpiredToken", 400),
        "query": ("ExpiredToken", 403),
        "json": ("ExpiredTokenException", 400),
    },
}


@dataclasses.dataclass
class Fault:
    """What the next `times` calls of `action` meet (0: all until it is cleared).

    action: a pattern such as RunInstances, rds:Modify*, *. access_key: only this key's calls; the operator's is "local".
    after: matching calls that pass first; every: then only each n-th. seconds: the answer comes that much later.
    Either a `kind` of KINDS, which knows each service's words, or `code` and `status`; with neither the call is only slow.
    """

    action: str
    code: str = ""
    message: str = "ordered through /local-cloud/faults"
    times: int = 1
    status: int = 400
    kind: str = ""
    after: int = 0
    every: int = 1
    seconds: float = 0.0
    access_key: str = ""
    seen: int = 0
    met: int = 0

    def check(self) -> None:
        """Raise ValueError for values that make no sense."""
        if self.kind and self.kind not in KINDS:
            raise ValueError(f"there is no kind {self.kind}; there is {', '.join(KINDS)}")
        if not (self.kind or self.code or self.seconds):
            raise ValueError("a fault needs a kind, a code or seconds")
        if min(self.times, self.after, self.seconds, self.seen, self.met) < 0 or self.every < 1:
            raise ValueError("times, after and seconds are not negative, every is at least 1")

    def meets(self, name: str, key: str) -> bool:
        """Count a call (service:Action); whether it meets the fault."""
        action = name.rpartition(":")[2]
        matching = any(fnmatch.fnmatchcase(one, self.action) for one in (name, action))
        if not matching or self.access_key not in ("", key) or (self.times and self.met >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.seen - self.after) % self.every:
            return False
        self.met += 1
        return True


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


class Faults:
    """The ordered faults."""

    def __init__(self) -> None:
        """Start without faults."""
        self.ordered: list[Fault] = []
        self.lock = threading.Lock()

    def add(self, values: dict[str, Any]) -> Fault:
        """Order a fault, given the fields of Fault.

        Raises TypeError for a key that is missing or unknown, ValueError for a wrong value.
        """
        fault = Fault(**values)
        fault.check()
        with self.lock:
            self.ordered.append(fault)
        return fault

    def clear(self) -> None:
        """Drop all faults."""
        with self.lock:
            self.ordered.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The faults since the last clearing, with the numbers of calls that they saw and that met them."""
        with self.lock:
            return [dataclasses.asdict(fault) for fault in self.ordered]

    def answer(self, environ: Environ, body: bytes) -> Answer | None:
        """The error for this request, if one is ordered; waits as long as the fault says."""
        if not self.ordered:
            return None
        name, key = signed_by(environ)
        call = f"{name}:{action_of(environ, body)}"
        with self.lock:
            fault = next((fault for fault in self.ordered if fault.meets(call, key)), None)
        if fault is None:
            return None
        time.sleep(fault.seconds)
        return render(fault, environ, body) if fault.kind or fault.code else None


def signed_by(environ: Environ) -> tuple[str, str]:
    """The service and the access key of a request's signature; "" without one."""
    signature = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", "") or environ.get("QUERY_STRING", ""))
    return (signature[2], signature[1]) if signature else ("", "")


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
    protocol = _protocol(environ, body)
    code, status = KINDS[fault.kind][protocol] if fault.kind else (fault.code, fault.status)
    if protocol == "json":
        document = json.dumps({"__type": code, "message": fault.message})
        return Answer(status, "application/x-amz-json-1.1", document.encode())
    error = f"<Code>{escape(code)}</Code><Message>{escape(fault.message)}</Message>"
    document = {
        "s3": f"<Error>{error}<RequestId>{request_id}</RequestId></Error>",
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
        "query": f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
    }[protocol]
    return Answer(status, "text/xml", document.encode())


def _protocol(environ: Environ, body: bytes) -> str:
    """The way of a request's service to say errors: one of the keys of KINDS' values."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if not _is_query(environ):
        return "s3"
    return "ec2" if b"Version=2016-11-15" in body else "query"


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

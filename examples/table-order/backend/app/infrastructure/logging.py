"""JSON logs on standard output: one object per line, uvicorn's own lines included."""

import json
import logging
import re
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID_HEADER = "X-Request-ID"
_ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_log = logging.getLogger("app.request")


class JsonFormatter(logging.Formatter):
    """A record as one line: time, level, logger, message, request_id, extra={"fields": {...}}, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Serialize the record; line breaks in it are escaped by JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := _request_id.get():
            entry["request_id"] = request_id
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging() -> None:
    """Send everything through one JSON handler.

    Called when app.main is imported, that is after uvicorn installed its own handlers. uvicorn's access lines
    are dropped: RequestLog writes better ones, and without query strings.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


class RequestLog:
    """ASGI middleware: gives each request an id and logs one line when its response has ended.

    A proxy's X-Request-ID is kept when it looks like one. An exception that nobody handled is logged with its
    traceback and becomes a 500 without details.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        given = Headers(scope=scope).get(_REQUEST_ID_HEADER, "")
        request_id = given if _ACCEPTABLE_REQUEST_ID.fullmatch(given) else uuid4().hex
        _request_id.set(request_id)
        status: int | None = None
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_REQUEST_ID_HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            _log.exception("unhandled error")
            if status is not None:
                raise  # half a response was sent: only the server can break the connection off
            response = JSONResponse({"detail": "Something went wrong; it has been logged."}, 500)
            await response(scope, receive, send_with_id)
        finally:
            fields = {
                "method": scope["method"],
                "path": scope["path"],  # without the query string
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            }
            _log.info("request", extra={"fields": fields})

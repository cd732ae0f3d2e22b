"""How much a request may send.

JSON is read and parsed as a whole on the event loop before anybody asks who sent it: ten megabytes of it, which nginx lets pass
for pictures, stop a process for a third of a second and take hundreds of megabytes. A form's file goes to the disk instead.
"""

import re

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# An order of 50 lines is a tenth of it.
MAX_JSON_BYTES = 64 * 1024
_UPLOADS = re.compile(r"(POST /api/admin/menus|PUT /api/admin/menus/[0-9]+/image)/?")


class BodyLimit:
    """ASGI middleware: refuses a body that is no picture's and too large, by its announced length, without reading it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if refusal := _refusal(scope):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _refusal(scope: Scope) -> JSONResponse | None:
    if scope["type"] != "http" or _UPLOADS.fullmatch(f"{scope['method']} {scope['path']}"):
        return None
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:  # nginx reads it to its end, and announces how long it was
        return JSONResponse({"detail": "Say how long the request is (Content-Length)."}, 411)
    if int(headers.get("content-length", 0)) > MAX_JSON_BYTES:
        return JSONResponse({"detail": f"The request is larger than {MAX_JSON_BYTES // 1024} KiB."}, 413)
    return None

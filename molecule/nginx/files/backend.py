"""The application's placeholder: describes the request, and streams events with long pauses.

Usage: backend.py PORT
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers GET and POST under /api/."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Stream events, answer slowly, or describe the request, depending on the path."""
        if self.path.startswith(
            ("/api/admin/orders/stream", "/api/events", "/api/buffered", "/api/unbuffered")
        ):
            self._stream(buffered="/unbuffered" not in self.path)
            return
        if self.headers["Upgrade"]:
            self._upgrade()
            return
        if self.path == "/api/slow":
            time.sleep(5)
        self._describe(b"")

    def do_POST(self) -> None:
        """Describe the request with its body's length."""
        self._describe(self.rfile.read(int(self.headers["Content-Length"])))

    def _describe(self, body: bytes) -> None:
        answer = {
            "path": self.path,
            "headers": dict(self.headers),
            "body": len(body),
            "client": self.client_address,
            "port": self.server.server_port,
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Set-Cookie", "s=" + "x" * int(self.headers.get("X-Cookie", 0)))
        if own := {
            "/api/framed": ("X-Frame-Options", "DENY"),
            "/api/open": ("Access-Control-Allow-Origin", "*"),
        }.get(self.path):
            self.send_header(*own)
        self.end_headers()
        self.wfile.write(content)

    def _upgrade(self) -> None:
        """Accept a WebSocket, and say which upgrade was asked for."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "upgrade")
        self.end_headers()
        self.wfile.write(f"{self.headers['Connection']} to {self.headers['Upgrade']}\n".encode())
        self.wfile.flush()
        self.close_connection = True

    def _stream(self, *, buffered: bool) -> None:
        self.send_response(200)
        if not buffered:
            self.send_header("X-Accel-Buffering", "no")
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number in range(3):
            self.wfile.write(f"event: order_created\ndata: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(30)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

"""An instance metadata service (IMDSv2) with one instance and one role. Usage: metadata.py PORT."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SESSION = "molecule"
VALUES = {
    "/latest/meta-data/instance-id": "i-0123456789abcdef0",
    "/latest/meta-data/iam/security-credentials/": "server",
    "/latest/meta-data/iam/security-credentials/server": json.dumps(
        {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": "ASIAMOLECULE",
            "SecretAccessKey": "molecule",
            "Token": "molecule",
            "LastUpdated": "2026-01-01T00:00:00Z",
            "Expiration": "2099-01-01T00:00:00Z",
        }
    ),
}


class Handler(BaseHTTPRequestHandler):
    """Returns a token for a PUT, and values for a GET with the token."""

    def do_PUT(self) -> None:
        """Answer with the token."""
        self._answer(200, SESSION)

    def do_GET(self) -> None:
        """Answer with a value."""
        if self.headers.get("X-aws-ec2-metadata-token") != SESSION:
            self._answer(401, "")
        elif self.path in VALUES:
            self._answer(200, VALUES[self.path])
        else:
            self._answer(404, "")

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(body.encode())


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

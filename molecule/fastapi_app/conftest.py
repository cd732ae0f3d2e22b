"""What the tests of the first container share."""

import json

import pytest

SERVICE = "fastapi-app.service"
HOME = "/opt/fastapi-app"


class Application:
    """The application of the first container, asked from inside it."""

    def __init__(self, host):
        self.host = host

    def request(self, path: str, method: str = "GET"):
        """Return the body, parsed, or None without an answer of status 200."""
        script = "import sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[1], method=sys.argv[2])).read().decode())"
        answer = self.host.run("python3 -c %s %s %s", script, f"http://127.0.0.1:8000{path}", method)
        return json.loads(answer.stdout) if answer.rc == 0 else None

    def release(self) -> str:
        """Return the name of the release that is live."""
        return self.host.check_output(f"readlink {HOME}/backend").split("/")[-2]

    def process_id(self) -> str:
        return self.host.check_output(f"systemctl show --property MainPID --value {SERVICE}")


@pytest.fixture
def application(host) -> Application:
    return Application(host)

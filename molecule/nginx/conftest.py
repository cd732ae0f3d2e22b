"""Fixtures of both containers."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest


@dataclass
class Answer:
    """curl's answer. Header names are in lower case; a header that was sent twice has both values, with a comma between."""

    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture
def ask(host) -> Callable[..., Answer]:
    """Send a request from inside the container: ask("http://localhost/api/x", "--data", "y")."""

    def request(url: str, *options: str) -> Answer:
        # No "Expect: 100-continue", or a large body would be answered with two heads.
        command = ["curl", "-sS", "--insecure", "--include", "--http1.1", "--max-time", "20", "-H", "Expect:"]
        run = host.run(shlex.join([*command, *options, url]))
        assert run.rc == 0, run.stderr
        head, _, body = run.stdout.replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.split("\n")
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(": ") for line in lines):
            headers[name.lower()] = ", ".join(filter(None, (headers.get(name.lower()), value)))
        return Answer(int(status.split()[1]), headers, body)

    return request


@pytest.fixture(scope="class")
def start_backend(host) -> Iterator[Callable[[int], None]]:
    """Run the application's placeholder on a loopback port until the end of the test or its class."""

    def start(port: int) -> None:
        host.check_output(
            f"systemd-run --quiet --unit=molecule-backend-{port} python3 /mnt/scenario/backend.py {port}"
        )
        host.check_output(
            f"timeout 10 sh -c 'until curl -s http://127.0.0.1:{port}/api/live; do sleep 0.1; done'"
        )

    yield start
    host.run("systemctl stop 'molecule-backend-*'")


@pytest.fixture(scope="class")
def make_frontends(host) -> Iterator[Callable[..., None]]:
    """Build front ends until the end of the test or its class: make_frontends("/srv/frontend", "customer-ui/build")."""
    made = []

    def make(root: str, *builds: str) -> None:
        made.append(root)
        host.check_output(shlex.join(["/mnt/scenario/make-frontends", root, *builds]))

    yield make
    for root in made:
        host.check_output("rm -r %s", root)


@pytest.fixture
def wait_for_line(host) -> Callable[[str, str], str]:
    """Wait for a line with a text, and return the line: nginx logs a request after its answer."""

    def wait(path: str, text: str) -> str:
        script = "for try in $(seq 50); do grep -F -- %s %s && exit; sleep 0.1; done; exit 1"
        return host.check_output(script, text, path)

    return wait


@pytest.fixture
def flag_directory(host):
    """The flag's directory; its removal keeps a flag from outliving its test."""
    host.check_output("mkdir -p /run/kitchen")
    yield
    host.check_output("rm -r /run/kitchen")


@pytest.fixture
def pair(host) -> tuple[str, str]:
    """The files of the certificate and of its key that the site app names."""
    script = "sed -n '/# BEGIN site app /,/# END site app$/s/^ *%s \\([^ ]*\\);$/\\1/p' /etc/nginx/nginx.conf"
    return tuple(host.check_output(script % name) for name in ("ssl_certificate", "ssl_certificate_key"))

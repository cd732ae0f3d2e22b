"""Two servers with different keys behind one address, on staging's and production's own connection settings."""

import base64
import http.server
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from tests.unit.roles.cloud_runs import INTERPRETER, warm_python
from tests.unit.roles.preflight_runs import INLINE

ROOT = Path(__file__).parents[2]
SSHD = "/usr/sbin/sshd"
OLD, NEW = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"
PLAY = [
    {
        "hosts": "aws:app_server",
        "gather_facts": False,
        "any_errors_fatal": True,
        "tasks": [{"import_role": {"name": "table_order.infra.table_order", "tasks_from": "server"}}],
    },
    {"hosts": "app_server", "gather_facts": False, "tasks": [{"raw": "echo rea''ched"}]},
]


class Ec2(http.server.BaseHTTPRequestHandler):
    """As much of EC2 as prints a console and takes tags."""

    console, tags = "", []

    def do_POST(self):
        sent = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        action = sent["Action"]
        if action == "CreateTags":
            Ec2.tags.append((sent["ResourceId.1"], sent["Tag.1.Key"], sent["Tag.1.Value"]))
        output = base64.b64encode(Ec2.console.encode()).decode() if action == "GetConsoleOutput" else ""
        body = f"<{action}Response><return>true</return><output>{output}</output></{action}Response>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def ec2():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ec2)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Ec2.console, Ec2.tags = "", []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def keygen(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    return path


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


class Site:
    """An inventory with ``environment``'s own group_vars, and one address where one sshd answers at a time."""

    def __init__(self, directory: Path, environment: str, endpoint: str):
        self.directory, self.endpoint, self.sshd = directory, endpoint, None
        self.inventory = directory / "inventories" / environment
        self.inventory.mkdir(parents=True)
        (self.inventory / "group_vars").symlink_to(ROOT / "inventories" / environment / "group_vars")
        self.state = directory / ".state" / environment
        self.user = keygen(directory / "user")
        self.environment = environment
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)

    def answer(self, host_key: Path) -> None:
        """Let a server with this key answer at the address."""
        self.stop()
        options = {
            "HostKey": host_key,
            "AuthorizedKeysFile": self.user.with_suffix(".pub"),
            "ListenAddress": "127.0.0.1",
            "Port": self.port,
            "StrictModes": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "PermitRootLogin": "yes",
        }
        arguments = [f"-o{name}={value}" for name, value in options.items()]
        self.sshd = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", "/dev/null", *arguments], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, "sshd does not start"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.sshd:
            self.sshd.terminate()
            self.sshd.wait()

    def hosts(self, instance_id: str, tag: str = "") -> None:
        server = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "table_order_instance_id": instance_id,
            "table_order_host_key": tag,
            "table_order_launch_time": "",
            "table_order_ssh_user": os.environ.get("USER", "root"),
            "ansible_become": False,
            "aws_compute_public_key_file": str(self.user.with_suffix(".pub")),
            "ansible_ssh_args": "-o ControlMaster=no -o ControlPath=none",
        }
        lane = {"ansible_connection": "local", "ansible_python_interpreter": INTERPRETER}
        cloud = {
            "table_order_environment": self.environment,
            "table_order_cloud_name": self.environment,
            "table_order_region": "ap-northeast-2",
            "table_order_poll_seconds": 1,
        }
        lanes = {"hosts": dict.fromkeys(("network", "account", "compute", "data"), lane)}
        children = {"app_server": {"hosts": {"table-order-app-server": server}}, "aws": lanes}
        value = {"all": {"vars": cloud, "children": children}}
        (self.inventory / "hosts.json").write_text(json.dumps(value))

    def run(self, program: list[str], *arguments: str) -> subprocess.CompletedProcess:
        """Run an Ansible command; return what it printed (also as ``stdout``)."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "no-secret-of-any-account",
            "AWS_REGION": "ap-northeast-2",
            **warm_python()[0],
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_RETRIES": "0",
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "2000",
        }
        return subprocess.run(
            [*program, "-i", self.inventory / "hosts.json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )

    def play(self) -> subprocess.CompletedProcess:
        playbook = self.directory / "play.yml"
        playbook.write_text(json.dumps(PLAY))
        return self.run(INLINE, str(playbook))

    def connect(self) -> subprocess.CompletedProcess:
        """Connect without any playbook: what ssh makes of the settings alone."""
        return self.run(["ansible"], "app_server", "-m", "ansible.builtin.raw", "-a", "echo rea''ched")

    @property
    def known(self) -> str:
        return (self.state / "known_hosts").read_text()


@pytest.fixture(params=["staging", "production"])
def site(request, tmp_path, ec2):
    made = Site(tmp_path, request.param, ec2)
    yield made
    made.stop()


def test_the_first_connection_learns_the_key_and_another_server_is_refused(site, tmp_path):
    first, second, other_type = (
        keygen(tmp_path / "a"),
        keygen(tmp_path / "b"),
        keygen(tmp_path / "c", "ecdsa"),
    )
    site.hosts(OLD)
    site.answer(first)
    run = site.play()
    assert run.returncode == 0, run.stdout
    assert site.known.split() == [OLD, *public(first).split()]
    assert site.state.stat().st_mode & 0o777 == 0o700
    # Said where a person looks: below the recap.
    assert f"The host key of {OLD} was unknown" in run.stdout.partition("PLAY RECAP")[2]
    again = site.play()
    assert again.returncode == 0, again.stdout
    assert "was unknown" not in again.stdout

    for impostor in (second, other_type):
        site.answer(impostor)
        refused = site.play()
        assert refused.returncode != 0
        assert OLD in refused.stdout
        assert f"ssh-keygen -R {OLD}" in refused.stdout
        assert "reached" not in refused.stdout
        by_ssh = site.connect()
        assert by_ssh.returncode != 0
        assert "reached" not in by_ssh.stdout
        assert site.known.split() == [OLD, *public(first).split()]

    site.hosts(NEW)  # a replaced server has another id
    site.answer(second)
    replaced = site.play()
    assert replaced.returncode == 0, replaced.stdout
    assert f"{NEW} {public(second)}" in site.known


def test_the_console_says_the_key_before_the_first_connection(site, tmp_path):
    ours, others = keygen(tmp_path / "a"), keygen(tmp_path / "b")
    block = f"-----BEGIN SSH HOST KEY KEYS-----\n{public(ours)} root@ip\n-----END SSH HOST KEY KEYS-----"
    Ec2.console = f"[   17.2] cloud-init[1]: done\n{block}\n"
    site.hosts(OLD)
    site.answer(others)
    refused = site.play()
    assert refused.returncode != 0
    assert "reached" not in refused.stdout
    site.hosts(OLD, tag=Ec2.tags[0][2])  # as the inventory reads it
    site.answer(ours)
    run = site.play()
    assert run.returncode == 0, run.stdout
    assert "was unknown" not in run.stdout
    assert Ec2.tags == [(OLD, "HostKey", public(ours))]


def test_the_way_on_after_a_changed_key_leads_to_a_connection(site, tmp_path):
    """The console has the old key for ever: cloud-init prints the keys once."""
    old, changed = keygen(tmp_path / "a"), keygen(tmp_path / "b")
    Ec2.console = f"-----BEGIN SSH HOST KEY KEYS-----\n{public(old)} root@ip\n-----END SSH HOST KEY KEYS-----"
    site.hosts(OLD, tag=public(old))
    site.answer(changed)
    refused = site.play()
    assert refused.returncode != 0
    way = re.search(r"aws ec2 create-tags .* && ssh-keygen -R \S+ -f \S+/known_hosts", refused.stdout)[0]
    create_tags, forget = map(shlex.split, way.split(" && "))
    assert create_tags[-1] == f"Key=HostKey,Value={public(changed)}"
    subprocess.run(forget, check=True)
    site.hosts(OLD, tag=public(changed))
    this_clone = site.play()
    assert this_clone.returncode == 0, this_clone.stdout
    (site.state / "known_hosts").unlink()
    another_clone = site.play()
    assert another_clone.returncode == 0, another_clone.stdout
    assert site.known.split() == [OLD, *public(changed).split()]


def test_another_clone_reads_the_key_from_the_tag(site, tmp_path):
    ours, others = keygen(tmp_path / "a"), keygen(tmp_path / "b")
    site.hosts(OLD, tag=public(ours))
    site.answer(others)
    refused = site.play()
    assert refused.returncode != 0
    assert f"ssh-keygen -R {OLD}" in refused.stdout
    site.answer(ours)
    assert site.play().returncode == 0
    assert Ec2.tags == []

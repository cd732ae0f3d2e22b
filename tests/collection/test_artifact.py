"""The collection as others get it: built, installed into an empty folder, and used without this checkout's configuration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/table-order/debian12-host:latest"
CONTAINERS_CONF = ROOT / ".state/containers.conf"
# Where HTTPS leaves through a proxy with a CA of its own, the container trusts it as this machine does.
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
TRUSTED = [f"{name}={CA_BUNDLE}" for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
STRANGER = str(ROOT / "tests/collection/stranger.cfg")
# What lies around in a checkout, or could.
PLANTED = (
    ".state/local/id_ed25519",
    ".env",
    "inventories/production/group_vars/all/local.yml",
    "key.pem",
    "playbooks/files/server.key",
    "plugins/modules/.netrc",
    "roles/fastapi_app/files/id_ed25519",
    "roles/nginx/files/server.pem",
    "roles/nginx/templates/site.j2.orig",
)
PACKED = re.compile(
    r"(FILES|MANIFEST)\.json|(CHANGELOG|CONTRIBUTING|README|README\.ko|SECURITY)\.md|LICENSE|LICENSES/[^/]+\.txt|meta/runtime\.yml|changelogs/changelog\.yaml"
    r"|docs/.+\.(json|md|svg)|(playbooks|plugins|roles)/.+"
)


def command(*argv: str, cwd: Path, **environment: str) -> str:
    """Run a program as somebody who has only installed Ansible; return what it printed."""
    programs = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    containers = {"CONTAINERS_CONF": str(CONTAINERS_CONF)} if CONTAINERS_CONF.exists() else {}
    run = subprocess.run(
        argv,
        cwd=cwd,
        env=kept | containers | {"PATH": programs, "ANSIBLE_CONFIG": STRANGER} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"{argv}: {run.stdout[-6000:]}{run.stderr[-2000:]}"
    return run.stdout


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files of this checkout, without those that are planted."""
    listed = command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def artifact(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built collection, of a copy of this checkout in which secrets lie around."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in tracked:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    for name in PLANTED:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("planted\n")
    built = tmp_path_factory.mktemp("built")
    command("ansible-galaxy", "collection", "build", "--output-path", str(built), cwd=checkout)
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of collections into which it is installed."""
    folder = tmp_path_factory.mktemp("collections")
    command(
        "ansible-galaxy", "collection", "install", str(artifact), "-p", str(folder), "--no-deps", cwd=folder
    )
    return folder


@pytest.fixture
def host() -> Iterator[str]:
    """A server that has nothing yet."""
    name = f"table-order-test-collection-{uuid.uuid4().hex[:8]}"
    own_ca = any(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    volumes = [f"--volume={CA_BUNDLE}:{CA_BUNDLE}:ro"] if own_ca else []
    start = ("podman", "run", "--detach", "--systemd=always", "--name", name, *volumes, IMAGE, "/sbin/init")
    command(*start, cwd=ROOT)
    try:
        if own_ca:
            told = f"printf '%s\\n' {' '.join(TRUSTED)} >>/etc/environment"
            command("podman", "exec", name, "sh", "-c", told, cwd=ROOT)
        yield name
    finally:
        command("podman", "rm", "--force", "--time=0", name, cwd=ROOT)


def test_only_what_is_meant_is_packed(artifact: Path, tracked: list[str]) -> None:
    """No file that lies around, and each tracked file of the parts that are meant."""
    with tarfile.open(artifact) as tar:
        packed = {member.name for member in tar if member.isfile()}
    assert packed - {"FILES.json", "MANIFEST.json"} <= set(tracked)
    assert {name for name in packed if not PACKED.fullmatch(name)} == set()
    assert {name for name in tracked if PACKED.fullmatch(name)} - packed == set()


def test_a_stranger_serves_an_application_with_it(installed: Path, host: str, tmp_path: Path) -> None:
    """Twice: the second run changes nothing."""
    where = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
    settings = {
        "ansible_connection": "containers.podman.podman",
        "ansible_python_interpreter": "/usr/bin/python3",
        "fastapi_app_source": {"type": "local", "path": str(ROOT / "molecule/fastapi_app/files/source")},
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {host: settings}}}))
    play = ("ansible-playbook", "--inventory", str(inventory), str(ROOT / "tests/collection/shop.yml"))
    command(*play, cwd=installed, **where)
    page = (
        "podman",
        "exec",
        host,
        "curl",
        "--silent",
        "--fail",
        "--insecure",
        "https://127.0.0.1/api/health",
    )
    assert "ok" in command(*page, cwd=ROOT)
    again = command(*play, cwd=installed, **where)
    assert re.search(rf"{host}\s+: ok=\d+\s+changed=0\s", again), again[-6000:]

"""What the role does when a release does not work, or a run was killed; before any fault, so these run once."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
SOURCE = SCENARIO / "files/source"
FIRST = "table-order-molecule-fastapi_app"
SERVICE = "table-order-backend.service"
HOME = "/opt/table-order"
BROKEN = 'raise RuntimeError("this release does not start")\n'


def request(host, path: str, method: str = "GET"):
    """Ask the application, from inside the server; the body, parsed, or None without an answer of status 200."""
    script = "import sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[1], method=sys.argv[2])).read().decode())"
    answer = host.run("python3 -c %s %s %s", script, f"http://127.0.0.1:8000{path}", method)
    return json.loads(answer.stdout) if answer.rc == 0 else None


def deploy(*arguments: str, playbook: str = "deploy.yml") -> tuple[int, str]:
    """Run a playbook of the scenario; returns the exit status and everything it printed, wrapped lines joined."""
    command = ["ansible-playbook", f"--inventory={PROJECT / 'molecule/shared/inventory'}"]
    command += [
        f"--inventory={SCENARIO / 'inventory'}",
        f"--limit={FIRST}",
        str(SCENARIO / playbook),
        *arguments,
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, re.sub(r"\s+", " ", run.stdout + run.stderr)


def variables(**values) -> str:
    return f"--extra-vars={json.dumps(values)}"


def live(host) -> str:
    return host.check_output(f"readlink {HOME}/backend").split("/")[-2]


def process_id(host) -> str:
    return host.check_output(f"systemctl show --property MainPID --value {SERVICE}")


@pytest.fixture
def source(tmp_path) -> Path:
    """Return a copy of the sample application that a test may change."""
    return Path(shutil.copytree(SOURCE, tmp_path / "source"))


@pytest.fixture
def restored():
    """Bring the scenario's own release back, whatever the test has left."""
    yield
    status, output = deploy()
    assert status == 0, output


def test_release_from_git_that_cannot_be_imported_is_removed(host, source):
    before, pid = live(host), process_id(host)
    (source / "backend/app/main.py").write_text(BROKEN)
    tree = subprocess.run(["tar", "-C", str(source), "-c", "."], capture_output=True, check=True).stdout
    script = (
        "rm -rf /srv/source && mkdir /srv/source && cd /srv/source && tar -x && git init -q && git add . "
    )
    script += "&& git -c user.name=x -c user.email=x@example.com commit -qm x && git rev-parse HEAD"
    command = [host.backend.get_connection_type(), "exec", "-i", host.backend.name, "sh", "-c", script]
    commit = subprocess.run(command, input=tree, capture_output=True, check=True).stdout.decode().strip()
    git = {"type": "git", "url": "file:///srv/source", "version": commit}
    status, output = deploy(variables(fastapi_app_source=git, fastapi_app_health_tries=3))
    assert status != 0
    assert "app.main:app cannot be imported" in output
    assert "this release does not start" in output
    assert f"Release {commit[:12]}" in output
    assert f"is removed; live is {before}" in output
    assert live(host) == before
    assert host.check_output(f"ls {HOME}/releases") == before
    # It was not disturbed.
    assert process_id(host) == pid
    assert request(host, "/api/health")["release"] == before


def test_environment_that_does_not_work_is_taken_back(host):
    before = host.file(f"{HOME}/backend/.env").content_string
    status, output = deploy(
        variables(
            fastapi_app_environment={"HEALTHY": "false", "PASSWORD": "sesame-open"},
            fastapi_app_health_tries=10,
        )
    )
    assert status != 0
    assert "told to be unhealthy" in output
    assert "it got no request" in output
    assert "sesame-open" not in output
    assert host.file(f"{HOME}/backend/.env").content_string == before
    assert host.check_output(f"ls -A {HOME}/backend | grep -F .env") == ".env"
    assert request(host, "/api/health")


def test_release_from_an_archive_replaces_what_a_killed_run_left_and_is_rolled_back(
    host, source, tmp_path, restored
):
    first = live(host)
    (source / "backend/app/version.py").write_text("VERSION = 2\n")
    archive = shutil.make_archive(str(tmp_path / "source"), "gztar", source)
    content = hashlib.sha256(Path(archive).read_bytes()).hexdigest()[:12]
    half_built = f"{HOME}/releases/{content}-{first.split('-')[1]}"
    host.run_test(f"mkdir -p {half_built}/backend/venv/bin && touch {half_built}/backend/half-built")
    release = variables(fastapi_app_source={"type": "archive", "path": archive})
    status, output = deploy(release)
    assert status == 0, output
    second = live(host)
    assert f"{HOME}/releases/{second}" == half_built
    assert not host.file(f"{half_built}/backend/half-built").exists
    assert request(host, "/api/health")["release"] == second
    assert set(host.check_output(f"ls {HOME}/releases").split()) == {first, second}
    status, output = deploy(playbook="rollback.yml")
    assert status == 0, output
    assert live(host) == request(host, "/api/health")["release"] == first
    # Neither the next rollback nor the next deployment lands on what was left.
    status, output = deploy(playbook="rollback.yml")
    assert status != 0
    assert f"names no release before {first} that is still there" in output
    status, output = deploy(release)
    assert status != 0
    assert f"was rolled back from release {second}" in output


def test_what_a_killed_run_has_left_is_cleared_away(host, restored):
    release = live(host)
    host.run_test(
        f"ln -sfn {HOME}/releases/{release}/backend {HOME}/candidate && "
        f"cp -p {HOME}/backend/.env {HOME}/backend/.env.candidate && systemctl start table-order-backend-candidate && "
        "touch /run/table-order/candidate-live && mkdir -p /opt/table-order/releases/half/backend && "
        """echo '{"token": "x", "who": "ann@laptop", "what": "deploy", "why": "a test", "since": "then", "machine": "m", """
        """"process": 1, "started": "1"}' > /var/lib/table-order/lock.json"""
    )
    status, output = deploy()
    assert status != 0
    assert "deploy by ann@laptop since then (a test)" in output
    assert host.file("/run/table-order/candidate-live").exists
    status, output = deploy(variables(fastapi_app_lock_break=True))
    assert status == 0, output
    assert "Took over the lock of a run that did not end: deploy by ann@laptop" in output
    assert f"requests go to the candidate {release}" in output
    assert not host.file("/run/table-order/candidate-live").exists
    assert not host.file(f"{HOME}/candidate").exists
    assert host.run("systemctl is-active table-order-backend-candidate").rc != 0
    assert host.check_output(f"ls -A {HOME}/backend | grep -F .env") == ".env"
    assert not host.file("/opt/table-order/releases/half").exists
    assert request(host, "/api/health")["release"] == release


def test_restart_that_a_killed_run_did_not_come_to_is_made_up_for(host):
    release, pid = live(host), process_id(host)
    host.run_test("rm /var/lib/table-order/started-from")
    status, output = deploy()
    assert status == 0, output
    assert process_id(host) != pid
    assert request(host, "/api/health")["release"] == release

"""Broken releases and killed runs. These tests run once, before side_effect breaks the hosts."""

import hashlib
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from playbook import SCENARIO, Result, run, settings

HOME = "/opt/fastapi-app"
STATE = "/var/lib/fastapi-app"
FLAG = "/run/fastapi-app/candidate-live"
LOCK = {
    **{"token": "x", "who": "ann@laptop", "what": "deploy", "why": "a test", "since": "then"},
    **{"machine": "m", "process": 1, "started": "1"},
}
BROKEN = 'raise RuntimeError("this release does not start")\n'


@pytest.fixture
def source(tmp_path) -> Path:
    """Return a copy of the sample application that a test may change."""
    return Path(shutil.copytree(SCENARIO / "files/source", tmp_path / "source"))


def deploy(playbook: str = "deploy.yml", *arguments: str, **values) -> Result:
    return run(playbook, "--limit=table-order-molecule-fastapi_app", settings(**values), *arguments)


def test_release_from_git_that_cannot_be_imported_is_removed(host, application, source):
    before, pid = application.release(), application.process_id()
    (source / "backend/app/main.py").write_text(BROKEN)
    tree = subprocess.run(["tar", "-C", str(source), "-c", "."], capture_output=True, check=True).stdout
    script = (
        "rm -rf /srv/source && mkdir /srv/source && cd /srv/source && tar -x && git init -q && git add . "
    )
    script += "&& git -c user.name=x -c user.email=x@example.com commit -qm x && git rev-parse HEAD"
    command = [host.backend.get_connection_type(), "exec", "-i", host.backend.name, "sh", "-c", script]
    commit = subprocess.run(command, input=tree, capture_output=True, check=True).stdout.decode().strip()
    git = {"type": "git", "url": "file:///srv/source", "version": commit}
    result = deploy(fastapi_app_source=git, fastapi_app_health_tries=3)
    assert result.status == 2, result.output
    assert "app.main:app cannot be started" in result.output
    assert "this release does not start" in result.output
    assert f"Release {commit[:12]}" in result.output
    assert f"is removed; live is {before}" in result.output
    assert application.release() == before
    assert host.check_output(f"ls {HOME}/releases") == before
    # The service was not disturbed.
    assert application.process_id() == pid
    assert application.request("/api/health")["release"] == before


def assert_only_the_environment_is_there(host) -> None:
    """Files of the source with such names stay: no run mistakes them for leftovers."""
    assert host.check_output(f"ls -A {HOME}/backend | grep -F .env").split() == [
        ".env.before",
        ".env.example",
    ]
    assert host.file(f"{HOME}/backend/.env.before").content_string == "OF_THE_SOURCE=1\n"
    assert host.check_output("ls -A /var/lib/fastapi-app/environments") == ""


def test_a_broken_environment_is_reverted(host, application):
    before = host.file(f"{HOME}/backend/../environment").content_string
    given = {
        "fastapi_app_environment": {"HEALTHY": "false", "PASSWORD": "sesame-open"},
        "fastapi_app_health_tries": 10,
        # A diff must not show the secret either, without no_log.
        "fastapi_app_no_log": False,
    }
    result = deploy("deploy.yml", "--diff", **given)
    assert result.status == 2, result.output
    assert "told to be unhealthy" in result.output
    assert "it got no request" in result.output
    assert "sesame-open" not in result.output
    assert "added PASSWORD" in result.output
    assert host.file(f"{HOME}/backend/../environment").content_string == before
    assert_only_the_environment_is_there(host)
    assert application.request("/api/health")


def test_leftovers_of_a_killed_run_are_removed_and_the_next_release_is_rolled_back(
    host, application, source, tmp_path
):
    first = application.release()
    (source / "backend/app/version.py").write_text("VERSION = 2\n")
    archive = shutil.make_archive(str(tmp_path / "source"), "gztar", source)
    second = f"{hashlib.sha256(Path(archive).read_bytes()).hexdigest()[:12]}-{first.split('-')[1]}"
    release = {"fastapi_app_source": {"type": "archive", "path": archive}}
    # A run killed while the candidate served, after a killed build.
    host.run_test(
        f"mkdir -p {HOME}/releases/{second}/backend/venv/bin && touch {HOME}/releases/{second}/backend/half-built && "
        f"ln -sfn {HOME}/releases/{first}/backend {HOME}/candidate && "
        f"mkdir -p -m 700 {STATE}/environments && cp -p {HOME}/backend/../environment {STATE}/environments/{first}.env && "
        f"ln -s environments/{first}.env {STATE}/candidate.env && systemctl start fastapi-app-candidate && "
        f"touch {FLAG} && mkdir -p {HOME}/releases/half/backend && echo {shlex.quote(json.dumps(LOCK))} > {STATE}/lock.json"
    )
    refused = deploy(**release)
    assert refused.status == 2, refused.output
    assert "deploy by ann@laptop since then (a test)" in refused.output
    assert host.file(FLAG).exists

    result = deploy(**release, fastapi_app_lock_break=True)
    assert result.status == 0, result.output
    assert "Took over the lock of an interrupted run: deploy by ann@laptop" in result.output
    assert f"requests go to the candidate {first}" in result.output
    assert application.release() == application.request("/api/health")["release"] == second
    assert not host.file(FLAG).exists
    assert not host.file(f"{HOME}/candidate").exists
    assert host.run("systemctl is-active fastapi-app-candidate").rc != 0
    assert_only_the_environment_is_there(host)
    assert not host.file(f"{HOME}/backend/half-built").exists
    assert set(host.check_output(f"ls {HOME}/releases").split()) == {first, second}

    result = deploy("rollback.yml", fastapi_app_release=first)
    assert result.status == 0, result.output
    assert application.release() == application.request("/api/health")["release"] == first
    # Neither the next rollback nor the next deployment chooses a void release.
    refused = deploy("rollback.yml")
    assert refused.status == 2, refused.output
    assert f"has no release before {first} that is still on the server" in refused.output
    refused = deploy(**release)
    assert refused.status == 2, refused.output
    assert f"was rolled back from release {second}" in refused.output


def test_a_missing_restart_of_a_killed_run_is_completed(host, application):
    release, pid = application.release(), application.process_id()
    host.run_test(f"rm {STATE}/started-from")
    result = deploy()
    assert result.status == 0, result.output
    assert application.process_id() != pid
    assert application.request("/api/health")["release"] == release


CONFIGURATION = "/etc/nginx/nginx.conf"
# One of the answers that tests/unit/cutover/test_host.py goes through.
FLAG_ELSEWHERE = "s#/run/fastapi-app/candidate-live#/run/other/candidate-live#"


def has_newer_nginx(host, expression: str) -> None:
    """Run nginx with a configuration that differs from the file on disk: a reload is outstanding."""
    host.run_test(
        f"cp -p {CONFIGURATION} /run/right.conf && sed -i {shlex.quote(expression)} {CONFIGURATION} && nginx -t -q && "
        f"! cmp -s {CONFIGURATION} /run/right.conf && nginx -s reload && sleep 1 && cp -p /run/right.conf {CONFIGURATION}"
    )


def test_a_wrong_traffic_target_stops_the_deployment_before_the_build(host, application, source):
    before, pid = application.release(), application.process_id()
    (source / "backend/app/version.py").write_text("VERSION = 3\n")
    has_newer_nginx(host, FLAG_ELSEWHERE)
    try:
        result = deploy(fastapi_app_source={"type": "local", "path": str(source)})
    finally:
        host.run_test("nginx -s reload && sleep 1")
    assert result.status == 2, result.output
    assert "/run/other/candidate-live" in result.output
    assert "--tags nginx" in result.output
    assert "Dependencies |" not in result.output
    assert (application.release(), application.process_id()) == (before, pid)


def test_a_candidate_without_traffic_is_reverted(host, application, source):
    before, pid = application.release(), application.process_id()
    (source / "backend/app/version.py").write_text("VERSION = 4\n")
    # Its workers cannot see the file.
    host.run_test("chmod 0700 /run/fastapi-app")
    try:
        result = deploy(fastapi_app_source={"type": "local", "path": str(source)})
    finally:
        host.run_test("chmod 0755 /run/fastapi-app")
    assert result.status == 2, result.output
    assert "candidate-live exists, but nginx cannot see it" in result.output
    assert f"live is {before}" in result.output
    assert (application.release(), application.process_id()) == (before, pid)
    assert host.check_output(f"readlink {HOME}/frontend") == f"{HOME}/releases/{before}/frontend"
    assert not host.file(FLAG).exists
    assert host.run("systemctl is-active fastapi-app-candidate").rc != 0
    assert json.loads(host.check_output(f"tail -n 1 {HOME}/logs/deployments.log"))["result"] == "failed"

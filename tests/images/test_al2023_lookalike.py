"""The stand-in for Amazon Linux 2023: what the roles' dnf path, and an operator who patches, may rely on."""

import json
import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/table-order/al2023-lookalike:latest"
OWN, NEWER, NEWEST = "2023.5.20241001", "2023.6.20250115", "2023.7.20250331"
# What scripts/setup has found out about this machine.
CONTAINERS_CONF = ROOT / ".state/containers.conf"
ENVIRONMENT = os.environ | ({"CONTAINERS_CONF": str(CONTAINERS_CONF)} if CONTAINERS_CONF.exists() else {})


def command(*argv, check=True):
    run = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert not check or run.returncode == 0, f"{argv}: {run.stdout}{run.stderr}"
    return run


def started(name):
    """What systemd says of the whole system, or nothing while it does not answer yet."""
    return command("podman", "exec", name, "systemctl", "is-system-running", check=False).stdout.strip()


@pytest.fixture(scope="module")
def container():
    """A started look-alike. The tests below go through one server's life, in the order of this file."""
    name = f"table-order-test-lookalike-{uuid.uuid4().hex[:8]}"
    # The network is for nothing: every package is inside the image.
    command(
        "podman", "run", "--detach", "--systemd=always", "--network=none", "--name", name, IMAGE, "/sbin/init"
    )
    try:
        deadline = time.monotonic() + 60
        while (state := started(name)) not in ("running", "degraded") and time.monotonic() < deadline:
            time.sleep(0.2)
        assert state == "running", command(
            "podman", "exec", name, "systemctl", "--failed", check=False
        ).stdout
        yield name
    finally:
        command("podman", "rm", "--force", "--time=0", name)


@pytest.fixture
def server(container):
    def run(*argv, check=True):
        return command("podman", "exec", container, *argv, check=check).stdout.strip()

    return run


def test_ansible_takes_it_for_amazon_linux(container):
    module = "ansible -m ansible.builtin.{} -c containers.podman.podman -e ansible_python_interpreter=/usr/bin/python3"
    environment = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    facts = {}
    for name in ("setup", "package_facts"):
        run = subprocess.run(
            [*module.format(name).split(), "-i", f"{container},", container],
            env=ENVIRONMENT | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        facts |= json.loads(run.stdout.partition("=>")[2])["ansible_facts"]
    found = {
        name: facts[f"ansible_{name}"]
        for name in ("os_family", "distribution", "distribution_version", "pkg_mgr")
    }
    assert found == {
        "os_family": "RedHat",
        "distribution": "Amazon",
        "distribution_version": "2023",
        "pkg_mgr": "dnf",
    }
    assert facts["packages"]["system-release"][0]["source"] == "rpm"


def test_it_says_what_it_is(server):
    assert "look-alike made of Debian files" in server("cat", "/etc/os-release")


def test_debians_package_manager_is_hidden(server):
    assert server(
        "sh", "-c", "command -v apt apt-get dpkg; python3 -c 'import apt' 2>&1 | tail -1", check=False
    ) == ("ModuleNotFoundError: No module named 'apt'")


def test_the_services_of_a_server_run(server):
    assert server("systemctl", "is-active", "sshd", "logrotate.timer") == "active\nactive"
    assert server("su", "ec2-user", "-c", "sudo id -un") == "root"


def test_every_package_can_be_installed_together(server):
    wanted = server("dnf", "--quiet", "repoquery", "--queryformat", "%{name}").split()
    assert {"nginx", "python3.11", "postgresql15", "redis6", "amazon-cloudwatch-agent"} <= set(wanted)
    server("dnf", "--quiet", "--assumeyes", "install", *wanted)
    assert set(wanted) <= set(server("rpm", "--query", "--all", "--queryformat", "%{name}\n").split())


@pytest.mark.parametrize(
    "program",
    [
        "git --version",
        "gzip --version",
        "logrotate --version",
        "nginx -t",
        "openssl version",
        "psql --version",
        "pg_dump --version",
        "redis6-cli --version",
        "redis6-server --version",
        "tar --version",
        "python3 -c 'import psycopg2'",
        "python3 -c 'import boto3'",
        "pip3.11 --version",
        "sh -c 'python3.11 -m venv /tmp/venv && /tmp/venv/bin/pip --version'",
    ],
)
def test_the_program_works(server, program):
    server("sh", "-c", program)


def test_python311_does_not_see_the_systems_modules(server):
    assert "ModuleNotFoundError" in server("sh", "-c", "python3.11 -c 'import psycopg2' 2>&1", check=False)


def test_nginx_serves_that_familys_start_page(server):
    server("systemctl", "start", "nginx")
    assert "Welcome to nginx" in server("curl", "--silent", "--fail", "http://127.0.0.1/")
    assert server("stat", "--format=%U", "/var/lib/nginx") == "nginx"


def release_of(server, package):
    return server("rpm", "--query", "--queryformat", "%{version}-%{release}", package)


def test_an_update_stays_in_its_release(server):
    before = server("rpm", "--query", "--all")
    assert release_of(server, "system-release").startswith(OWN)
    server("dnf", "--assumeyes", "update")
    assert server("rpm", "--query", "--all") == before


def test_the_newest_release_is_named(server):
    named = ("dnf", "--quiet", "check-release-update", "--version-only")
    assert server(*named).split() == [NEWER, NEWEST]
    assert server(*named, "--latest-only") == NEWEST


def test_latest_is_the_newest_release(server):
    # 100: there are updates.
    argv = ("dnf", "--quiet", "check-update", "--releasever")
    newer, newest, latest = (server(*argv, release, check=False) for release in (NEWER, NEWEST, "latest"))
    assert newest == latest
    assert "nginx" in newer
    assert "kernel6.12" in newest
    assert "kernel6.12" not in newer


def test_an_update_to_another_release_brings_its_packages(server):
    before = {name: release_of(server, name) for name in ("git", "nginx", "tzdata")}
    server("dnf", "--assumeyes", "update", f"--releasever={NEWER}")
    after = {name: release_of(server, name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"nginx", "tzdata"}
    # From now on the server belongs to that release.
    assert release_of(server, "system-release").startswith(NEWER)
    assert NEWER in server("cat", "/etc/system-release")
    assert server("rpm", "--eval", "%{_dbpath}") == "/var/lib/rpm"


def test_a_new_kernel_stays_beside_the_old_one(server):
    kernels = ("rpm", "--query", "--queryformat", "%{version}\n", "kernel6.12")
    assert len(server(*kernels).split()) == 1
    server("dnf", "--assumeyes", "update", f"--releasever={NEWEST}")
    assert len(server(*kernels).split()) == 2
    assert server("dnf", "--quiet", "check-release-update", "--version-only") == ""

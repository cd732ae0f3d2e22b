"""The role with the opposite of all defaults, on the other platform."""

import json
import os
import shlex
import time
from pathlib import Path

import pytest
import testinfra
import yaml

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
INVENTORY = yaml.safe_load(
    (Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory/hosts.yml").read_text()
)
ENVIRONMENT = INVENTORY["molecule"]["vars"]["fastapi_app_environment"]
LOG = "/srv/shop-logs/fastapi.log"
# The look-alike has two releases of its repository; the real image is what it is.
LOOKALIKE = not os.environ.get("TABLE_ORDER_OTHER_IMAGE")


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-fastapi_app-options")


def ask(host, path: str, *arguments: str) -> str:
    """Ask the application by its name, from inside the server; fails without an answer of success."""
    command = ["curl", "--silent", "--show-error", "--fail", "--header", "Host: shop.example.org", *arguments]
    return host.check_output(shlex.join([*command, f"http://127.0.0.1:9000{path}"]))


def restart(host) -> None:
    host.check_output("systemctl restart shop")
    deadline = time.monotonic() + 60
    while host.run("curl --silent --fail -H 'Host: shop.example.org' http://127.0.0.1:9000/ready").rc:
        assert time.monotonic() < deadline, host.run("journalctl --no-pager --lines=50 --unit shop").stdout
        time.sleep(0.5)


def test_a_full_log_directory_stops_nothing(host):
    host.run("dd if=/dev/zero of=/srv/shop-logs/filler bs=64k")
    assert host.check_output("df --output=avail /srv/shop-logs | tail -1").strip() == "0"
    restart(host)
    assert json.loads(ask(host, "/ready")) == {"open": True}
    host.check_output("rm /srv/shop-logs/filler")
    ask(host, "/ready?there-is-room-again")
    assert "there-is-room-again" in host.file(LOG).content_string


def test_the_environment_arrives_byte_for_byte(host):
    meant = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in ENVIRONMENT.items()
    }
    environment = json.loads(ask(host, "/environment"))
    assert {name: environment[name] for name in meant} == meant
    # The repository has one beside a module, where load_dotenv() finds it.
    assert host.check_output("find /srv/shop/backend/ -name .env") == ""


def test_the_environment_file_is_private(host):
    file = host.file("/srv/shop/backend/../environment")
    assert (file.user, file.group, file.mode) == ("root", "shop", 0o640)
    assert host.run("setpriv --reuid=65534 --clear-groups cat /srv/shop/backend/../environment").rc != 0


def test_the_service_runs_with_the_settings(host):
    unit = host.service("shop.service")
    assert unit.is_enabled
    assert unit.is_running
    said = unit.systemd_properties
    assert said["WorkingDirectory"] == "/srv/shop/backend"
    assert said["LimitNOFILE"] == "4096"
    assert said["ReadWritePaths"] == "/srv/shop-uploads"
    command = host.check_output("ps -o args= -p %s", said["MainPID"])
    assert command.endswith(
        "gunicorn src:app --workers 1 --worker-class=uvicorn_worker.UvicornWorker --access-logfile=-"
    )
    assert said["MemoryMax"] == str(1024**3)
    assert host.socket("tcp://0.0.0.0:9000").is_listening


def test_a_worker_runs_from_the_live_release(host):
    live = host.check_output("readlink -f /srv/shop/backend")
    # Its first line may have met the full directory above.
    host.check_output("systemctl restart shop-process-worker.service && sleep 2")
    worker = host.service("shop-process-worker.service")
    assert worker.is_enabled
    assert worker.is_running
    said = worker.systemd_properties
    assert host.file("/srv/shop-logs/worker.log").content_string.splitlines()[-1] == live
    assert (said["User"], said["ProtectSystem"], said["NRestarts"]) == ("shop", "strict", "0")


def test_the_commands_after_the_switch_have_ended_well(host):
    assert not host.file("/var/lib/shop/after-switch").exists


def test_a_job_runs_at_its_times(host):
    timer = host.service("shop-process-report.timer")
    assert timer.is_enabled
    assert timer.is_running
    assert "03:30:00 Asia/Seoul" in timer.systemd_properties["TimersCalendar"]
    job = host.service("shop-process-report.service")
    assert (job.systemd_properties["MemoryMax"], job.systemd_properties["TimeoutStopUSec"]) == (
        str(256 * 1024**2),
        "5s",
    )
    host.check_output("systemctl start shop-process-report.service")
    live = host.check_output("readlink -f /srv/shop/backend")
    assert host.file("/srv/shop-logs/report.log").content_string.splitlines()[-1] == f"report {live}"


def test_the_process_has_no_rights(host):
    process = json.loads(ask(host, "/process"))
    assert process["NoNewPrivs"] == "1"
    # The container has a filter for all its processes.
    assert int(process["Seccomp_filters"]) > int(
        host.check_output("awk '/^Seccomp_filters/ {print $2}' /proc/1/status")
    )
    assert {process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert process["Uid"].split()[0] == str(host.user("shop").uid)


def test_the_application_may_write_to_the_writable_paths(host):
    ask(host, "/write", "--request", "POST")
    assert host.file("/srv/shop-uploads/order.txt").content_string == "one soup"
    cart = host.file("/srv/shop/shared/var/carts/1.txt")
    assert (cart.content_string, cart.user, host.file("/srv/shop/shared/var").user) == (
        "one cart",
        "shop",
        "root",
    )
    # The release has an empty directory in its place.
    assert host.file("/srv/shop/backend/var/carts").listdir() == []


def test_the_dependencies_are_those_of_the_lock(host):
    lock = (Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "files/shop/services/shop/uv.lock").read_text()
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    installed = json.loads(host.check_output("/srv/shop/backend/venv/bin/python -c %s", code))
    assert f'name = "fastapi"\nversion = "{installed["fastapi"]}"' in lock
    # A dependency of developers only.
    assert 'name = "iniconfig"' in lock
    assert "iniconfig" not in installed


def test_the_release_is_the_requested_commit(host):
    commit = host.check_output("git -C /srv/shop.git rev-parse v1.0.0")
    release = host.check_output("readlink /srv/shop/backend").split("/")[-2]
    assert release.startswith(commit[:12] + "-")
    assert (
        json.loads(host.file(f"/srv/shop/releases/{release}/manifest.json").content_string)["source"][
            "commit"
        ]
        == commit
    )


def test_the_application_owns_no_code(host):
    data = "-path /srv/shop/shared -prune -o"
    assert host.check_output(f"find /srv/shop {data} -user shop -not -path '/srv/shop/cache*' -print") == ""
    assert host.check_output("find /srv/shop -perm /022 -not -type l -not -path '/srv/shop/cache*'") == ""
    # A file of the cache that were a file of a release as well could be written to.
    assert host.check_output("find /srv/shop/releases -type f -links +1") == ""


def test_the_code_is_compiled(host):
    # uv compiles nothing, and the application may not.
    for directory in ("src", "venv/lib/python3.11/site-packages/gunicorn"):
        assert host.check_output(f"find /srv/shop/backend/{directory} -name '__init__*.pyc'"), directory


@pytest.mark.parametrize("program", ["git", "psql", "redis-cli", "python3.11", "nginx"])
def test_program_is_there(host, program):
    assert host.run_test("command -v %s", program).stdout


def test_no_ca_bundle_is_installed(host):
    assert not host.file("/etc/ssl/certs/rds-ca.pem").exists


def test_log_rotation_follows_the_setting(host):
    assert "rotate 3\n" in host.file("/etc/logrotate.d/shop").content_string
    log = host.file(LOG)
    assert (log.user, log.group, log.mode) == ("root", "shop", 0o640)


@pytest.mark.skipif(not LOOKALIKE, reason="the look-alike only has a newer release of its repository")
def test_the_system_was_updated_to_the_requested_release(host):
    assert host.file("/var/lib/shop/system-updated").exists
    # The image was made from 2023.5.20241001; both packages are newer in the release that was named.
    assert host.check_output("rpm --query --queryformat '%{VERSION}' system-release") == "2023.6.20250115"
    available = host.check_output(
        "dnf --quiet --releasever=2023.6.20250115 check-update || test $? = 100 && echo"
    )
    assert available.strip() == ""

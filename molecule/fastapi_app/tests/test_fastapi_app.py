"""The server after the role has run with default settings."""

import json
import os
import re
import time
from pathlib import Path

import pytest
import yaml

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
SETTINGS = yaml.safe_load((SCENARIO / "inventory/hosts.yml").read_text())["molecule"]["vars"]
SERVICE = "fastapi-app.service"
HOME = "/opt/fastapi-app"


def test_environment_arrives_byte_for_byte(application):
    meant = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in SETTINGS["fastapi_app_environment"].items()
    }
    environment = application.request("/api/environment")
    # side_effect.yml adds it to the file.
    assert "PASSWORD" not in environment
    assert {name: environment[name] for name in meant} == meant
    assert environment["RELEASE_ID"] == application.release() == application.request("/api/health")["release"]


def test_a_shell_reads_the_environment_file_the_same_way(host):
    script = "set -a; . /var/lib/fastapi-app/service.env; python3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    environment = json.loads(host.check_output("sh -c %s", script))
    assert environment["DOLLARS"] == SETTINGS["fastapi_app_environment"]["DOLLARS"]
    assert environment["QUOTES"] == SETTINGS["fastapi_app_environment"]["QUOTES"]


def test_environment_file_is_private(host):
    assert host.run(f"ls {HOME}/backend/.env {HOME}/releases/*/backend/.env").stdout == ""
    file = host.file(f"{HOME}/backend/../environment")
    assert (file.user, file.group, file.mode) == ("root", "fastapi-app", 0o640)
    assert host.run(f"setpriv --reuid=nobody --clear-groups cat {HOME}/backend/../environment").rc != 0


def test_secrets_are_in_the_environment_file_only(host):
    assert "pa%40ss" not in host.check_output(f"systemctl show {SERVICE}")
    find = "grep -rF %s /etc /var/lib/fastapi-app /var/log {0}/logs {0}/releases/*/manifest.json"
    assert host.run(find.format(HOME), "pa%40ss").rc == 1
    assert host.run(f"grep -F %s {HOME}/backend/../environment", "pa%40ss").rc == 0


def test_process_has_no_rights(host, application):
    process = application.request("/api/process")
    assert process["NoNewPrivs"] == "1"
    # The container has a filter for all its processes.
    assert int(process["Seccomp_filters"]) > int(
        host.check_output("awk '/^Seccomp_filters/ {print $2}' /proc/1/status")
    )
    assert {process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert process["Uid"].split()[0] == str(host.user("fastapi-app").uid)


def test_unit_is_hardened(host):
    assert host.check_output(f"systemd-analyze verify /etc/systemd/system/{SERVICE} 2>&1") == ""
    score = re.search(r"exposure level.*: ([\d.]+)", host.check_output(f"systemd-analyze security {SERVICE}"))
    assert float(score[1]) < 2
    service = host.service(SERVICE)
    assert service.is_enabled
    meant = {
        "ProtectSystem": "strict",
        "ProtectProc": "invisible",
        "CapabilityBoundingSet": "",
        "AmbientCapabilities": "",
        "ReadWritePaths": "",
        "UMask": "0027",
        "SystemCallErrorNumber": "1",
        "Restart": "always",
        "User": "fastapi-app",
    }
    switches = "NoNewPrivileges ProtectHome PrivateTmp PrivateDevices ProtectClock ProtectControlGroups ProtectHostname"
    switches += " ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RemoveIPC RestrictRealtime"
    switches += " RestrictSUIDSGID LockPersonality"
    meant |= dict.fromkeys(switches.split(), "yes")
    said = service.systemd_properties
    assert {name: said.get(name, "") for name in meant} == meant
    assert "mount" not in said["SystemCallFilter"].split()
    assert said["SystemCallArchitectures"] == "native"


def test_the_process_is_confined(application):
    # What a container enforces, too: the file system's protection does not show in one.
    attempts = application.request("/api/attempts")
    assert attempts == {
        "a raw socket": "EAFNOSUPPORT",
        "a user namespace": "EPERM",
        "a mount": "EPERM",
        "a trace": "EPERM",
        "a setuid file": "EPERM",
        "the clock": "EPERM",
        "its own code": "EPERM",
        "a password": "EACCES",
    }


def test_user_cannot_log_in(host):
    user = host.user("fastapi-app")
    assert user.shell == "/usr/sbin/nologin"
    assert user.uid < 1000


def test_build_and_migration_users_cannot_read_the_environment(host):
    pid = host.check_output(f"systemctl show --property MainPID --value {SERVICE}")
    for name in ("fastapi-app-build", "fastapi-app-migrate"):
        assert host.user(name).groups == [name]
        for path in (f"{HOME}/backend/../environment", f"/proc/{pid}/environ", f"{HOME}/logs/fastapi.log"):
            assert host.run("runuser -u %s -- cat %s", name, path).rc != 0, (name, path)
    assert host.run(f"runuser -u fastapi-app -- cat {HOME}/backend/../environment").rc == 0
    assert host.run(f"runuser -u fastapi-app -- test -w {HOME}/backend/../environment").rc != 0
    assert host.file(f"{HOME}/cache").user == "fastapi-app-build"


def test_the_application_owns_no_code(host):
    assert host.check_output(f"find {HOME} -user fastapi-app -not -path '{HOME}/cache*'") == ""
    assert host.check_output(f"find {HOME} -perm /022 -not -type l -not -path '{HOME}/cache*'") == ""


def test_layout_is_the_seeds(host):
    for path in ("backend/app/main.py", "backend/requirements.txt", "frontend/customer-ui/build/index.html"):
        assert host.file(f"{HOME}/{path}").is_file, path
    assert host.file(f"{HOME}/frontend/customer-ui/build/assets/index-abc123.js").is_file
    assert host.file(f"{HOME}/frontend/static/logo.txt").is_file
    assert not host.file(f"{HOME}/backend/tests").exists


def test_files_have_the_time_of_their_release(host):
    # nginx builds an ETag from time and size: see tasks/build/assemble.yml.
    for path in ("customer-ui/build/index.html", "customer-ui/build/assets/index-abc123.js"):
        assert time.time() - host.file(f"{HOME}/frontend/{path}").mtime.timestamp() < 86400


def test_log_is_written_and_survives_rotation(host, application):
    log = host.file(f"{HOME}/logs/fastapi.log")
    assert (log.user, log.group, log.mode) == ("root", "fastapi-app", 0o640)
    assert "GET /api/" in log.content_string
    host.run_test("logrotate --force /etc/logrotate.d/fastapi-app")
    application.request("/api/health?after-rotation")
    assert "after-rotation" in host.file(f"{HOME}/logs/fastapi.log").content_string


@pytest.mark.parametrize("program", ["git", "psql", "redis-cli", "python3.11"])
def test_program_is_there(host, program):
    assert host.run_test(f"{program} --version").stdout


def test_database_ca_is_there(host):
    assert host.file("/etc/ssl/certs/rds-ca.pem").content_string == (SCENARIO / "files/ca.pem").read_text()


def test_a_crash_is_repaired_and_requests_wait(host, application):
    before = application.process_id()
    # systemd holds the socket: the first request after the crash is answered, not refused.
    host.run_test(f"systemctl kill --signal=KILL {SERVICE}")
    assert application.request("/api/health"), host.run(
        f"journalctl --no-pager --lines=50 --unit {SERVICE}"
    ).stdout
    assert application.process_id() != before


def test_one_worker_per_cpu_serves(host, application):
    assert host.socket("tcp://127.0.0.1:8000").is_listening
    seen = {application.request("/api/process")["Pid"] for _ in range(20)}
    assert len(seen) == 2


def test_no_leftovers_of_a_deployment_remain(host):
    assert not host.file(f"{HOME}/candidate").exists
    assert not host.file("/run/fastapi-app/candidate-live").exists
    assert not host.file("/var/lib/fastapi-app/lock.json").exists
    assert not host.file("/var/lib/fastapi-app/switching.json").exists
    assert not host.service("fastapi-app-candidate.service").is_running
    assert host.file("/run/fastapi-app").mode == 0o755


@pytest.mark.parametrize("unit", [SERVICE, SERVICE.replace(".", "-candidate.")])
def test_the_cpu_weight_was_lowered_and_reset(host, unit):
    # Written when a deployment lowers and resets the CPU weight of the unit.
    assert host.file(f"/run/systemd/system.control/{unit}.d/50-CPUWeight.conf").contains("^CPUWeight=$")
    assert host.check_output(f"systemctl show --property CPUWeight {unit}") == "CPUWeight=[not set]"


def test_hashed_files_are_kept_for_open_pages(host):
    kept = host.file(f"{HOME}/assets/customer-ui/build/assets/index-abc123.js")
    live = host.file(f"{HOME}/frontend/customer-ui/build/assets/index-abc123.js")
    assert kept.content_string == live.content_string


def test_the_audit_log_names_the_live_release(host, application):
    entries = [
        json.loads(line) for line in host.file(f"{HOME}/logs/deployments.log").content_string.splitlines()
    ]
    went_live = [entry for entry in entries if entry["result"] == "live"]
    assert went_live[-1]["release"] == application.release()
    assert "@" in went_live[-1]["who"]

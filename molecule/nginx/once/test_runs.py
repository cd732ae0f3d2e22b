"""What takes runs of the role: a certificate that is not the key's, and a log that was deleted."""

import os
import subprocess
import time
from pathlib import Path

import pytest
import testinfra
from playbook import changes

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
HOST = "table-order-molecule-nginx-options"


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://{HOST}")


def converge(*settings: str) -> subprocess.CompletedProcess[str]:
    project, scenario = (Path(os.environ[f"MOLECULE_{name}_DIRECTORY"]) for name in ("PROJECT", "SCENARIO"))
    return subprocess.run(
        [
            "ansible-playbook",
            f"--inventory={project / 'molecule/shared/inventory'}",
            f"--inventory={scenario / 'inventory'}",
            f"--limit={HOST}",
            *(f"--extra-vars={setting}" for setting in settings),
            str(scenario / "converge.yml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("remote", [False, True], ids=["of the controller", "of the host"])
def test_a_key_of_another_certificate(host, tmp_path, remote):
    new_key = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out"
    other = Path("/root/other.key") if remote else tmp_path / "other.key"
    settings = ["nginx_client_max_body_size=77m", f"nginx_tls_key_file={other}"]
    if remote:
        host.check_output(f"{new_key} {other}")
        settings += ["nginx_tls_remote=true", "nginx_tls_certificate_file=/etc/nginx/tls/given.crt"]
    else:
        subprocess.run([*new_key.split(), str(other)], check=True)
    state = "sha256sum /etc/nginx/nginx.conf /etc/nginx/tls/*; systemctl show nginx -p StateChangeTimestamp"
    before = host.check_output(state)
    run = converge(*settings)
    assert run.returncode == 2
    said = " ".join((run.stdout + run.stderr).split())
    assert "nginx_tls_certificate_file" in said
    assert "nginx_tls_key_file" in said
    assert "another key" in said
    assert "PRIVATE KEY" not in run.stdout + run.stderr
    assert host.check_output(state) == before


def test_a_deleted_log_is_written_again(host, ask, wait_for_line):
    # Who wants room deletes it, and nginx goes on in the deleted file.
    host.check_output("rm /srv/logs/nginx-access.log")
    assert changes("converge.yml", f"--limit={HOST}") > 0
    path = f"/{time.time_ns()}"
    ask(f"https://localhost:8443{path}")
    wait_for_line("/srv/logs/nginx-access.log", path)

"""Tests that run the role: a certificate of another key, and a deleted log."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest
import testinfra
from playbook import changes, run, settings

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
HOST = "table-order-molecule-nginx-options"


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://{HOST}")


@pytest.mark.parametrize("remote", [False, True], ids=["of the controller", "of the host"])
def test_a_key_of_another_certificate(host, pair, tmp_path, remote):
    new_key = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out"
    other = Path("/root/other.key") if remote else tmp_path / "other.key"
    values = {"nginx_client_max_body_size": "77m", "nginx_tls_key_file": str(other)}
    if remote:
        host.check_output(f"{new_key} {other}")
        values |= {"nginx_tls_remote": True, "nginx_tls_certificate_file": pair[0]}
    else:
        subprocess.run([*new_key.split(), str(other)], check=True)
    state = "sha256sum /etc/nginx/nginx.conf /etc/nginx/tls/*/*; systemctl show nginx -p StateChangeTimestamp"
    before = host.check_output(state)
    result = run("converge.yml", f"--limit={HOST}", settings(**values))
    assert result.status == 2, result.output
    assert "nginx_tls_certificate_file" in result.output
    assert "nginx_tls_key_file" in result.output
    assert ("another key" if remote else "do not belong together") in " ".join(result.output.split())
    assert "PRIVATE KEY" not in result.output
    assert host.check_output(state) == before


@pytest.mark.parametrize(
    ("subject", "said"),
    [("other.example.org", "is for other.example.org and not for"), ("shop.example.org", "")],
)
def test_a_certificate_of_the_host_covers_the_name(host, subject, said):
    pair = f"/root/{subject}.crt", f"/root/{subject}.key"
    host.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
        f"-subj /CN={subject} -addext subjectAltName=DNS:{subject} -keyout {pair[1]} -out {pair[0]} 2>/dev/null && "
        f"cat {pair[1]} >> {pair[0]}"
    )
    values = {
        "nginx_tls_remote": True,
        "nginx_tls_certificate_file": pair[0],
        "nginx_tls_key_file": pair[1],
        "nginx_server_name": "shop.example.org",
    }
    result = run("converge.yml", f"--limit={HOST}", "--check", "-v", settings(**values))
    assert result.status == (2 if said else 0), result.output
    assert said in " ".join(result.output.split())
    assert "PRIVATE KEY" not in result.output


def test_lines_that_nginx_refuses_leave_it_as_it_is(host):
    before = host.check_output("sha256sum /etc/nginx/nginx.conf")
    result = run(
        "converge.yml", f"--limit={HOST}", settings(nginx_server_extra="location / { no_such_directive; }")
    )
    assert result.status == 2, result.output
    assert "no_such_directive" in result.output
    assert host.check_output("sha256sum /etc/nginx/nginx.conf") == before


SECOND = {
    "nginx_backend_address": "127.0.0.1:9100",
    "nginx_server_name": "second.example.org",
    "nginx_tls_certificate_file": "",
    "nginx_tls_key_file": "",
    "nginx_tls_self_signed_name": "second.example.org",
    "nginx_default_server": False,
}


def test_a_second_application_needs_a_site_of_its_own(host):
    before = host.check_output("sha256sum /etc/nginx/nginx.conf")
    result = run("converge.yml", f"--limit={HOST}", settings(**SECOND))
    assert result.status == 2, result.output
    assert "nginx on this host serves an application at localhost:9000 as the site app" in result.output
    assert host.check_output("sha256sum /etc/nginx/nginx.conf") == before


def test_a_second_site_beside_the_first(host, ask, start_backend, wait_for_line):
    for port in (9000, 9100):
        start_backend(port)
    state = "cat /run/nginx.pid; ls /etc/nginx/tls; sha256sum /etc/nginx/nginx.conf"
    before = host.check_output(state)

    def answers() -> list[str]:
        return [
            ask(f"https://{name}:8443/api/x", "--connect-to", "::127.0.0.1:8443").body.partition('"port": ')[
                2
            ][:4]
            for name in ("shop.example.org", "second.example.org", "unknown.example.org")
        ]

    assert answers() == ["9000", "9000", "9000"]
    try:
        assert changes("converge.yml", f"--limit={HOST}", settings(nginx_site="second", **SECOND)) > 0
        assert answers() == ["9000", "9100", "9000"]
        for name in ("shop", "second"):
            shown = f"openssl s_client -connect localhost:8443 -servername {name}.example.org </dev/null 2>/dev/null"
            assert f"{name}.example.org" in host.check_output(f"{shown} | openssl x509 -noout -subject")
        path = f"/{time.time_ns()}"
        ask(f"https://second.example.org:8443{path}", "--connect-to", "::127.0.0.1:8443")
        wait_for_line("/srv/logs/nginx-second-access.log", path)
        assert host.run(f"grep {path} /srv/logs/nginx-access.log").rc == 1
        assert host.check_output("nginx -t 2>&1 | grep -c warn || true") == "0"
        assert changes("converge.yml", f"--limit={HOST}", settings(nginx_site="second", **SECOND)) == 0
    finally:
        gone = run(
            "converge.yml", f"--limit={HOST}", settings(nginx_site="second", nginx_state="absent", **SECOND)
        )
    assert gone.status == 0, gone.output
    assert answers() == ["9000", "9000", "9000"]
    # The same process, without the second site's certificate.
    assert host.check_output(state) == before
    assert not host.file("/etc/logrotate.d/nginx-site-second").exists


def test_a_deleted_log_is_written_again_and_a_new_key_is_not_shown(host, pair, ask, wait_for_line, tmp_path):
    # An operator deletes the log for space, and nginx writes on to the deleted file.
    host.check_output("rm /srv/logs/nginx-access.log")
    certificate, key = tmp_path / "new.crt", tmp_path / "new.key"
    pair = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=shop.example.org -addext subjectAltName=DNS:shop.example.org "
        f"-keyout {key} -out {certificate}"
    )
    subprocess.run(pair.split(), check=True, capture_output=True)
    given = {
        "nginx_tls_certificate_file": str(certificate),
        "nginx_tls_key_file": str(key),
    }
    result = run("converge.yml", f"--limit={HOST}", "--diff", settings(**given))
    assert result.status == 0, result.output
    assert certificate.read_text().splitlines()[5] in result.output, "differences are shown"
    assert not [line for line in key.read_text().splitlines()[1:-1] if line in result.output]
    directory = f"/etc/nginx/tls/given-{hashlib.sha256(certificate.read_bytes()).hexdigest()[:16]}"
    assert host.file(f"{directory}/key.pem").content_string == key.read_text()
    shown = (
        "openssl s_client -connect localhost:8443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
    )
    assert host.check_output(shown) == host.check_output(
        f"openssl x509 -in {directory}/certificate.pem -noout -fingerprint"
    )
    assert not host.file(pair[0]).exists, "the pair of before has gone"
    path = f"/{time.time_ns()}"
    ask(f"https://localhost:8443{path}")
    wait_for_line("/srv/logs/nginx-access.log", path)

"""The role with every setting turned the other way."""

import os
import time

import pytest
import testinfra

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")


@pytest.fixture(scope="module")
def host():
    return testinfra.get_host(f"{ENGINE}://table-order-molecule-nginx-options")


@pytest.fixture
def backend(start_backend):
    start_backend(9000)


def test_http_only_leads_to_https(ask):
    answer = ask("http://localhost:8080/api/menus?store_id=1")
    assert (answer.status, answer.headers["location"]) == (301, "https://localhost:8443/api/menus?store_id=1")


def test_the_given_certificate_is_shown(host):
    shown = host.check_output(
        "openssl s_client -connect localhost:8443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
    )
    assert shown == host.check_output("openssl x509 -in /etc/nginx/tls/given.crt -noout -fingerprint")
    assert not host.file("/etc/nginx/tls/self-signed.key").exists


def test_the_given_key_stays_private(host):
    key = host.file("/etc/nginx/tls/given.key")
    assert (key.user, key.mode) == ("root", 0o600)
    assert host.run("runuser -u www-data -- cat /etc/nginx/tls/given.key").rc != 0


def test_the_front_end_is_served_under_its_path(ask, make_frontends):
    make_frontends("/srv/frontend", "shop")
    assert ask("https://localhost:8443/shop/basket").body == "<title>shop</title>\n"
    assert ask("https://localhost:8443/shop/assets/index-4f9a1c.js").status == 200
    assert ask("https://localhost:8443/").status == 404


def test_the_limits_are_the_given_ones(ask, backend):
    assert ask("https://localhost:8443/api/x", "--data", "x" * 1025).status == 413
    assert ask("https://localhost:8443/api/slow").status == 504


def test_a_silent_stream_ends_after_its_time(host, backend):
    begin = time.monotonic()
    run = host.run("curl -skN --max-time 20 https://localhost:8443/api/events")
    assert "data: 0" in run.stdout
    assert 1.5 < time.monotonic() - begin < 10


def test_the_log_directory_of_somebody_else_stays_his(host, ask, wait_for_line):
    directory = host.file("/srv/logs")
    assert (directory.user, directory.group, directory.mode) == ("admin", "admin", 0o771)
    before, after = f"/before-{time.time_ns()}", f"/after-{time.time_ns()}"
    ask(f"https://localhost:8443{before}")
    wait_for_line("/srv/logs/nginx-access.log", before)
    host.check_output("logrotate --force /etc/logrotate.d/table-order-nginx")
    time.sleep(1)
    ask(f"https://localhost:8443{after}")
    wait_for_line("/srv/logs/nginx-access.log", after)
    log = host.file("/srv/logs/nginx-access.log")
    assert (log.user, log.group, log.mode) == ("www-data", "www-data", 0o640)

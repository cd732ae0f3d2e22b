"""The role with non-default settings, on the stand-in for Amazon Linux 2023."""

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


@pytest.fixture
def full_logs(host):
    """Fill the logs' file system until the end of the test."""
    assert host.run("head -c 10M /dev/zero >/srv/logs/full").rc != 0
    assert host.check_output("df --output=avail /srv/logs | tail -1").strip() == "0"
    yield
    host.check_output("rm /srv/logs/full")


# First, because side_effect.yml has filled the logs, and later tests read them.
def test_a_full_disk_of_the_logs_does_not_keep_nginx_from_serving(
    host, ask, backend, full_logs, wait_for_line
):
    for _ in range(3):
        assert ask("https://localhost:8443/api/x").status == 200
    for action in ("reload", "restart"):
        host.check_output(f"systemctl {action} nginx")
        assert ask(f"https://localhost:8443/api/{action}").status == 200
    host.check_output("truncate --size 0 /srv/logs/full")
    # nginx does not retry within the second of a failed write.
    time.sleep(1.1)
    path = f"/{time.time_ns()}"
    ask(f"https://localhost:8443{path}")
    wait_for_line("/srv/logs/nginx-access.log", path)


def test_it_runs_and_starts_with_the_host(host):
    assert host.service("nginx").is_running, host.run("journalctl --unit nginx --no-pager").stdout
    assert host.service("nginx").is_enabled
    assert not host.service("nginx").is_masked
    assert host.check_output("nginx -t 2>&1 | grep -c warn || true") == "0"


def test_the_stock_server_of_the_family_is_gone(host):
    assert not host.socket("tcp://0.0.0.0:80").is_listening
    assert not host.socket("tcp://:::80").is_listening
    assert "default.d" not in host.check_output("nginx -T 2>/dev/null")


def test_http2_is_offered(host):
    assert host.check_output("curl -sko /dev/null -w '%{http_version}' https://localhost:8443/") == "2"


def test_the_workers_are_the_familys_user(host):
    assert host.check_output("ps -o user= -p $(pgrep --full 'nginx: worker process$' | head -1)") == "nginx"


def test_http_only_leads_to_https(ask):
    answer = ask("http://localhost:8080/api/menus?store_id=1")
    assert (answer.status, answer.headers["location"]) == (
        301,
        "https://shop.example.org:8443/api/menus?store_id=1",
    )


def test_a_load_balancer_that_ended_tls_is_not_redirected(ask, backend):
    answer = ask(
        "http://localhost:8080/api/x",
        "-H",
        "X-Forwarded-Proto: https",
        "-H",
        "X-Forwarded-Host: evil.example.org",
    )
    assert answer.status == 200
    assert '"X-Forwarded-Proto": "https"' in answer.body
    assert "evil" not in answer.body


def test_https_answers_alone_hold_browsers_to_https(ask, backend):
    assert "strict-transport-security" not in ask("http://localhost:8080/api/x").headers
    for path in ("/api/x", "/shop/", "/missing"):
        assert ask(f"https://localhost:8443{path}").headers["strict-transport-security"] == "max-age=3600"
    # Ended at a load balancer.
    answer = ask("http://localhost:8080/api/x", "-H", "X-Forwarded-Proto: https")
    assert answer.headers["strict-transport-security"] == "max-age=3600"


def test_the_headers_are_the_given_ones(ask):
    found = ask("https://localhost:8443/missing").headers
    assert found["content-security-policy"] == "default-src 'self'"
    assert found["permissions-policy"] == 'geolocation=(self "https://a.example.org")'
    assert not {"referrer-policy", "x-frame-options"} & found.keys()


CORS = {"allow-origin": "https://menu.example.org", "allow-credentials": "true"}
PREFLIGHT = CORS | {"allow-methods": "PUT", "allow-headers": "authorization", "max-age": "600"}


@pytest.mark.parametrize(
    ("origin", "options", "status", "expected"),
    [
        ("https://menu.example.org", (), 200, CORS),
        ("https://menu.example.org", ("-X", "OPTIONS"), 204, PREFLIGHT),
        ("https://menu.example.org.evil.example", (), 200, {}),
        ("https://menu.example.org.evil.example", ("-X", "OPTIONS"), 501, {}),
        ("null", (), 200, {}),
    ],
)
def test_pages_of_named_origins_may_call_the_application(ask, backend, origin, options, status, expected):
    asked = (
        "-H",
        "Access-Control-Request-Method: PUT",
        "-H",
        "Access-Control-Request-Headers: authorization",
    )
    answer = ask(
        "https://localhost:8443/api/x", "-H", f"Origin: {origin}", *options, *(asked if options else ())
    )
    assert answer.status == status
    prefix = "access-control-"
    found = {
        name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)
    }
    assert found == expected
    assert "Origin" in answer.headers["vary"].split(", ")
    assert answer.headers["content-security-policy"] == "default-src 'self'"


def test_the_application_s_own_cors_wins(ask, backend):
    answer = ask("https://localhost:8443/api/open", "-H", "Origin: https://menu.example.org")
    assert (
        answer.headers["access-control-allow-origin"],
        "access-control-allow-credentials" in answer.headers,
    ) == ("*", False)


def test_lines_of_ones_own_take_effect(ask, backend):
    assert ask("https://localhost:8443/mine").body == "mine\n"
    assert '"X-Own": "a"' in ask("https://localhost:8443/api/x").body


def test_a_form_over_http_is_refused_and_not_passed_on(ask):
    assert ask("http://localhost:8080/api/auth/login", "--data", "password=x").status == 403


def test_an_acme_challenge_is_answered_over_http(ask, host):
    host.check_output("install -D -m 644 /dev/stdin /srv/acme/.well-known/acme-challenge/token <<< proof")
    answer = ask("http://localhost:8080/.well-known/acme-challenge/token")
    assert (answer.status, answer.body.strip()) == (200, "proof")
    host.check_output("rm -r /srv/acme")


def test_the_given_certificate_is_shown(host, pair):
    shown = host.check_output(
        "openssl s_client -connect localhost:8443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
    )
    assert shown == host.check_output(f"openssl x509 -in {pair[0]} -noout -fingerprint")
    # Neither the role's own nor side_effect.yml's foreign one.
    assert "shop.example.org" in host.check_output(f"openssl x509 -in {pair[0]} -noout -subject")
    assert len(host.file("/etc/nginx/tls").listdir()) == 1


def test_the_given_key_stays_private(host, pair):
    key = host.file(pair[1])
    assert (key.user, key.mode) == ("root", 0o600)
    assert host.run(f"runuser -u nginx -- cat {pair[1]}").rc != 0


def test_the_front_end_is_served_under_its_path(ask, make_frontends):
    make_frontends("/srv/frontend", "shop")
    assert ask("https://localhost:8443/shop/basket").body == "<title>shop</title>\n"
    assert ask("https://localhost:8443/shop/assets/index-4f9a1c2b.js").status == 200
    assert ask("https://localhost:8443/").status == 404


@pytest.mark.parametrize("path", ["/api", "/api/v1/x", "/docs", "/docs/oauth2-redirect", "/openapi.json?x=1"])
def test_every_path_of_the_application_reaches_it(ask, backend, path):
    assert f'"path": "{path}"' in ask(f"https://localhost:8443{path}").body
    assert ask(f"https://localhost:8443/x{path}").status == 404


def test_the_limits_are_the_given_ones(ask, backend):
    assert ask("https://localhost:8443/api/x", "--data", "x" * 1025).status == 413
    assert ask("https://localhost:8443/api/slow").status == 504
    assert ask("https://localhost:8443/api/x", "-H", "X-Cookie: 8192").status == 502
    assert ask("https://localhost:8443/api/x", "-H", f"Cookie: {'x' * 8192}").status == 400


def test_a_client_behind_a_load_balancer_is_limited_and_another_is_not(ask, backend):
    """One request beyond a log-in's burst; the last address in X-Forwarded-For that is not a proxy's counts."""

    def log_in(client: str):
        return ask("https://localhost:8443/api/in", "-H", f"X-Forwarded-For: {client}, 127.0.0.9")

    answers = [log_in("192.0.2.1") for _ in range(4)]
    assert answers[0].status != 429
    assert answers[-1].status == 429
    assert answers[-1].headers["retry-after"] == "5"
    assert "Too many requests" in answers[-1].body
    assert log_in("192.0.2.1, 198.51.100.7").status != 429
    assert log_in("198.51.100.8, 192.0.2.1").status == 429


def test_another_users_log_directory_stays_unchanged(host, ask, wait_for_line):
    directory = host.file("/srv/logs")
    assert (directory.user, directory.group, directory.mode) == ("ec2-user", "ec2-user", 0o771)
    before, after = f"/before-{time.time_ns()}", f"/after-{time.time_ns()}"
    ask(f"https://localhost:8443{before}")
    wait_for_line("/srv/logs/nginx-access.log", before)
    host.check_output("logrotate --force /etc/logrotate.d/table-order-nginx")
    time.sleep(1)
    ask(f"https://localhost:8443{after}")
    wait_for_line("/srv/logs/nginx-access.log", after)
    log = host.file("/srv/logs/nginx-access.log")
    assert (log.user, log.group, log.mode) == ("nginx", "ec2-user", 0o640)


def test_without_a_candidate_and_an_archive_nothing_of_them_is_there(host):
    configuration = host.file("/etc/nginx/nginx.conf").content_string
    assert "app_candidate" not in configuration
    assert "if (-e" not in configuration
    assert "rewrite" not in configuration
    assert "proxy_pass http://app_backend;" in configuration

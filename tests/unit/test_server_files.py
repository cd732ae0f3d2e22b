"""What the application's unit and nginx's configuration say for the bad day: rendered, and read as systemd and nginx do."""

from __future__ import annotations

import ipaddress
import re

import pytest

from tests.unit.test_settings_wired import Scope, nginx, text


def unit(instance: str) -> dict[str, str]:
    scope = Scope("fastapi_app")
    said = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    )
    return dict(line.split("=", 1) for line in said.splitlines() if re.match(r"[A-Z]\w+=", line))


def seconds(value: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(ms|s|m|h)?", value).groups()
    return float(number) * {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600}[unit]


def argument(name: str, otherwise: str) -> float:
    """Return what uvicorn is told, or its own default."""
    given = text("roles/fastapi_app/defaults/main.yml")["fastapi_app_arguments"]
    return float(given[given.index(name) + 1] if name in given else otherwise)


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_a_service_that_ends_is_started_again_for_ever(instance):
    """systemd gives up after five starts in ten seconds, and a database that is away for a minute makes more of them."""
    said = unit(instance)
    assert said["Restart"] == "always"
    assert said["StartLimitIntervalSec"] == "0"
    # Slow enough to leave the CPUs to the recovery.
    assert seconds(said["RestartSec"]) >= 0.1


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_a_stop_lets_the_application_answer_what_it_was_asked(instance):
    said = unit(instance)
    # Otherwise the workers get the signal beside their parent, and drop what they hold.
    assert said["KillMode"] == "mixed"
    assert seconds(said["TimeoutStopSec"]) > 2 * argument("--timeout-graceful-shutdown", "0")


def test_each_stream_is_a_file_and_there_are_enough():
    assert int(unit("service")["LimitNOFILE"]) >= int(re.search(r"worker_connections (\d+);", nginx())[1])
    # A proxied request has two.
    assert int(re.search(r"worker_rlimit_nofile (\d+);", nginx())[1]) >= 2 * int(
        re.search(r"worker_connections (\d+);", nginx())[1]
    )


def test_before_the_first_release_nothing_is_started():
    """It would fail for ever, and the log would fill with it."""
    assert unit("service")["ConditionPathExists"] == "/var/lib/table-order/service.env"
    socket = Scope("fastapi_app").template("backend.socket.j2")
    assert "ConditionPathExists=/var/lib/table-order/service.env" in socket.splitlines()


@pytest.mark.parametrize(
    ("path", "missing", "caching"),
    [
        ("/menu/7", "page", "no-cache"),
        ("/users/john.doe", "page", "no-cache"),
        ("/admin/photo-1024x768.jpg", "page", "no-cache"),
        ("/admin/static/js/2.aaa.chunk.js", "file", "no-cache"),
        ("/admin/assets/logo.png", "file", "no-cache"),
        ("/.well-known/security.txt", "file", "no-cache"),
        ("/favicon.ico", "file", "no-cache"),
        ("/chunk-ABCD2345.js", "file", "public, max-age=31536000, immutable"),
        ("/logo.6ce24c58023cc2f8.svg", "file", "public, max-age=31536000, immutable"),
    ],
)
def test_a_missing_file_is_no_page_and_only_a_hash_is_kept_for_ever(path, missing, caching):
    for name, expected in (("missing", missing), ("caching", caching)):
        lines = re.search(rf"map \$uri \$app_{name} \{{\n(.*?)\n    \}}", nginx(), re.DOTALL)[1].splitlines()
        pairs = [re.fullmatch(r'\s+"?(.+?)"? "?([^"]+)"?;', line).groups() for line in lines]
        found = [value for form, value in pairs if form[0] == "~" and re.search(form[1:], path)]
        assert [*found, dict(pairs)["default"]][0] == expected


def test_each_way_to_the_application_passes_a_websocket_on_and_replaces_the_clients_claims():
    said = nginx(
        nginx_limits=True,
        nginx_backend_paths=["/v1", "/"],
        nginx_stream_paths=["/e/{id}"],
        nginx_applications=[],
    )
    ways = re.findall(r"proxy_pass .*?\n        \}", said, re.DOTALL)
    assert len(ways) == 5
    for way in ways:
        sent = dict(re.findall(r"proxy_set_header (\S+) (\S+);", way))
        assert (sent["Upgrade"], sent["Connection"]) == ("$app_upgrade", "$app_connection")
        claims = ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix")
        assert [sent[claim] for claim in claims] == ['""'] * 4
        assert sent["X-Forwarded-Proto"] == "$scheme"
        assert (sent["Host"], sent["X-Real-IP"], sent["X-Forwarded-For"]) == (
            "$app_host",
            "$remote_addr",
            "$remote_addr",
        )


@pytest.mark.parametrize(
    ("name", "sent"), [("_", "$server_addr"), ("*.a.test", "$server_addr"), ("a.test b.test", "a.test")]
)
def test_a_request_without_a_name_gets_one(name, sent):
    assert re.search(r'map \$http_host \$app_host \{[^}]*"" (\S+);', nginx(nginx_server_name=name))[1] == sent


def test_nginx_lets_go_of_a_connection_before_the_application_does():
    """Otherwise a request meets a connection that is just being closed, and a guest gets a 502."""
    found = re.findall(r"upstream \w+ \{[^}]*keepalive_timeout (\w+);", nginx())
    assert len(found) == 2
    # The unit's value: test_backend_unit.py.
    assert max(map(seconds, found)) * 10 < argument("--timeout-keep-alive", "75")


def test_a_reload_does_not_keep_old_workers_for_ever():
    """Each has its own streams, and the memory of a whole nginx."""
    assert 60 <= seconds(re.search(r"worker_shutdown_timeout (\w+);", nginx())[1]) <= 600


def test_what_was_recorded_yesterday_cannot_be_read_with_tomorrow_s_key():
    """Every suite has a separate key for each connection; tickets are off, since their key lives as long as nginx."""
    suites = re.search(r"ssl_ciphers (\S+);", nginx())[1].split(":")
    assert [
        one for one in suites if not re.fullmatch(r"ECDHE-\w+-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)", one)
    ] == []
    assert re.search(r"ssl_session_tickets (\w+);", nginx())[1] == "off"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::"),
        ("2001:db8:0a0a:0d0d:0a0a::1", "2001:db8:0a0a:0d0d::"),
    ],
)
def test_a_client_of_ipv6_is_its_network(address, counted):
    """As nginx sees an address, as bytes; it has all of its network to come from."""
    said = nginx(nginx_limits=True)
    assert len(re.findall(r"limit_req_zone \$app_client ", said)) == 3
    pattern = re.search(r'"~(.+)" \$app_network;', said)[1].replace("?<", "?P<")
    packed = ipaddress.ip_address(address).packed
    found = re.search(pattern.encode(), packed)
    assert (found["app_network"] if found else packed) == ipaddress.ip_address(counted).packed[:8]


def test_only_a_load_balancer_that_is_named_is_believed():
    assert "real_ip_header" not in nginx()
    named = nginx(nginx_trusted_proxies=["10.0.1.0/24"])
    assert re.findall(r"set_real_ip_from (\S+);", named) == ["10.0.1.0/24"]
    assert "real_ip_recursive on;" in named


@pytest.mark.parametrize(
    ("claim", "scheme"),
    [
        ("0 https", "$scheme"),
        ("1 https", "https"),
        ("1 HTTPS", "https"),
        ("1 http", "http"),
        ("1 http, https", "https"),
        ("1 https,http", "http"),
        ("1 ", "$scheme"),
        ("1 wss", "$scheme"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says_last(claim, scheme):
    said = nginx(nginx_trusted_proxies=["10.0.1.0/24", "2001:db8::1"], nginx_redirect_http=True)
    assert re.search(
        r"geo \$realip_remote_addr \$app_trusted \{\s+default 0;\s+10.0.1.0/24 1;\s+2001:db8::1 1;\s+\}", said
    )
    lines = re.search(r"\$app_scheme \{\n(.*?)\n    \}", said, re.DOTALL)[1]
    forms = re.findall(r'"~\*(.+)" (\w+);', lines)
    assert [*(value for form, value in forms if re.search(form, claim, re.IGNORECASE)), "$scheme"][
        0
    ] == scheme
    assert set(re.findall(r"X-Forwarded-Proto (\S+);", said)) == {"$app_scheme"}
    # One server: HTTP from a proxy that ended TLS is not redirected, and never to itself.
    assert said.count("listen 80 default_server;") == 1
    assert "if ($app_redirect = redirect) {" in said


def test_with_the_proxy_protocol_only_the_connection_is_believed():
    said = nginx(nginx_trusted_proxies=["10.0.1.0/24"], nginx_proxy_protocol="yes", nginx_redirect_http=False)
    assert re.findall(r"listen (\S+) .*proxy_protocol;", said) == ["80", "[::]:80", "443", "[::]:443"]
    assert "real_ip_header proxy_protocol;" in said
    assert set(re.findall(r"X-Forwarded-Proto (\S+);", said)) == {"$scheme"}


@pytest.mark.parametrize("ipv6", [True, False])
def test_nginx_listens_on_ipv6_where_the_host_has_it(ipv6):
    for redirect in (True, False):
        said = nginx(__nginx_ipv6={"stat": {"exists": ipv6}}, nginx_redirect_http=redirect)
        found = [" ".join(one.split()) for one in re.findall(r"listen (\S+) .*default_server;", said)]
        assert sorted(found) == sorted(["80", "443"] + ipv6 * ["[::]:80", "[::]:443"])


def test_lines_of_ones_own_are_in_the_server_and_in_each_way_to_the_application():
    server = "location = /mine {\n    return 204;\n}\n"
    said = nginx(
        nginx_server_extra=server,
        nginx_backend_extra="proxy_set_header X-Own a;\n",
        nginx_redirect_http=True,
        nginx_limits=True,
    )
    assert said.count("\n        location = /mine {\n            return 204;\n        }\n") == 1
    assert said.count("            proxy_set_header X-Own a;\n") == said.count("proxy_pass ") == 3


def test_a_flood_does_not_fill_the_disk_with_its_log():
    """Each line is also shipped, at a cost. One host can request tens of thousands of files, or of redirects, in a second."""
    for redirect in (True, False):
        said = nginx(nginx_limits=True, nginx_redirect_http=redirect)
        servers = [one for one in said.split("    server {\n")[1:] if "127.0.0.1:8008" not in one]
        assert len(servers) == 1 + redirect
        assert all("        limit_req zone=app_files " in one for one in servers)
        assert re.search(r"limit_req_zone \$app_client zone=app_files:", said)
        logs = re.findall(r"access_log \S+ site_requests ?(\S*);", said)
        assert logs == redirect * ["if=$app_sampled"] + ["if=$app_logged"]
    sampled = re.search(r"map \$status \$app_logged \{(.*?)\}", said, re.DOTALL)[1]
    assert re.findall(r"(\w+) \$app_sampled;", sampled) == ["301", "429"]
    assert re.search(r"default 1;", sampled)
    assert re.findall(r"access_log \S+ site_requests ?(\S*);", nginx(nginx_limits=False)) == [""]


def test_preflights_are_logged_like_what_no_limit_covers():
    said = nginx(nginx_limits=True, nginx_cors_origins=["https://a.example"])
    assert (
        "204 $app_logged_preflight;" in re.search(r"map \$status \$app_logged \{(.*?)\}", said, re.DOTALL)[1]
    )
    preflight = re.search(r"map \$app_preflight \$app_logged_preflight \{(.*?)\}", said, re.DOTALL)[1]
    assert preflight.split() == ["1", "$app_sampled;", "default", "1;"]
    # As a plain text a long name does not fit nginx's hash, and case would not count.
    assert '"~^https://a\\.example$" $http_origin;' in said
    # A page can read the 429.
    assert "Access-Control-Allow-Origin" in said.partition("location @too_many_requests")[2].partition("}")[0]


@pytest.mark.parametrize("extra", ["proxy_set_header X-Own a;", "add_header X-Own a;"])
def test_every_location_sends_the_headers(extra):
    """nginx passes the server's add_header on to locations without one of their own, and to no others."""
    said = nginx(
        nginx_limits=True,
        nginx_redirect_http=True,
        nginx_hsts_seconds=60,
        nginx_backend_extra=extra,
        nginx_headers={"X-A": 'say "a"', "X-B": "b", "X-None": ""},
    )
    every = [
        "X-A $app_header_1 always",
        "X-B $app_header_2 always",
        "Strict-Transport-Security $app_hsts always",
    ]
    servers = [one for one in said.split("    server {\n")[1:] if "127.0.0.1:8008" not in one]
    assert len(servers) == 2
    for server in servers:
        assert re.findall(r"^        add_header (.*);", server, re.MULTILINE) == every
    locations = re.findall(r"^        location .*?\n        \}", said, re.DOTALL | re.MULTILINE)
    own = [found for one in locations if (found := re.findall(r"add_header (.*);", one))]
    assert len(own) == (17 if "add_header" in extra else 14)
    assert all([header for header in found if header in every] == every for found in own)
    # The application's own header is the only one.
    assert re.search(r'map \$upstream_http_x_a \$app_header_1 \{\s+"" "say \\"a\\"";\s+default "";', said)
    assert re.search(
        r'map "\$scheme \$upstream_http_strict_transport_security" \$app_hsts \{\s+"https " "max-age=60";',
        said,
    )


TRUSTED = {
    "nginx_redirect_http": True,
    "nginx_tls_certificate_file": "/a.pem",
    "nginx_tls_key_file": "/a.key",
}


@pytest.mark.parametrize(
    ("turned", "seconds"),
    [
        ({}, None),
        ({"nginx_redirect_http": True}, None),
        (TRUSTED, "15552000"),
        ({**TRUSTED, "nginx_https_port": 8443}, None),
        ({"nginx_hsts_seconds": 60}, "60"),
    ],
)
def test_browsers_are_held_to_https_where_they_trust_the_certificate(turned, seconds):
    found = re.search(r'"https " "max-age=(\d+)"', nginx(**turned))
    assert (found and found[1]) == seconds


@pytest.mark.parametrize("path", ["/api/", "= /api/auth/login", "= /api/admin/orders/stream"])
def test_every_way_to_the_application_is_limited(path):
    said = nginx(nginx_limits=True)
    block = re.search(rf"location {re.escape(path)} \{{(.*?)\n        \}}", said, re.DOTALL)[1]
    zones = set(re.findall(r"limit_req zone=(\w+)", block))
    assert zones >= {"app_address", "app_session"}
    assert ("app_login" in zones) is ("login" in path)
    assert "error_page 429 @too_many_requests;" in block
    declared = re.findall(r"limit_req_zone \S+ zone=(\w+):", said)
    assert zones <= set(declared)

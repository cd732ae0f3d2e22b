"""The role with its defaults: the answers to requests, and the state of the host."""

import json
import re
import time

import pytest

ROOT = "/opt/fastapi-app/frontend"
LOGS = "/opt/fastapi-app/logs"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "strict-origin-when-cross-origin",
    "strict-transport-security": None,
}
SCHEMES = ("http", "https")


@pytest.fixture(scope="class")
def backend(start_backend):
    start_backend(8000)


@pytest.fixture(scope="class")
def frontends(make_frontends):
    make_frontends(ROOT, "customer-ui/build", "admin-ui/build", "superadmin-ui/build")


def test_it_runs_and_starts_with_the_host(host):
    assert host.service("nginx").is_running, host.run("journalctl --unit nginx --no-pager").stdout
    assert host.service("nginx").is_enabled
    assert host.socket("tcp://0.0.0.0:80").is_listening
    assert host.socket("tcp://0.0.0.0:443").is_listening
    ipv6 = host.file("/proc/net/if_inet6").exists
    assert [host.socket(f"tcp://:::{port}").is_listening for port in (80, 443)] == [ipv6, ipv6]


@pytest.mark.usefixtures("frontends")
class TestFrontEnds:
    """Existing front ends."""

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize(
        ("path", "build"),
        [
            ("/", "customer-ui"),
            ("/menu/7", "customer-ui"),
            ("/administrators", "customer-ui"),
            ("/admin/", "admin-ui"),
            ("/admin/orders/today", "admin-ui"),
            ("/superadmin/", "superadmin-ui"),
            ("/superadmin/stores", "superadmin-ui"),
        ],
    )
    def test_a_front_end_answers_each_of_its_paths(self, ask, scheme, path, build):
        answer = ask(f"{scheme}://localhost{path}")
        assert (answer.status, answer.body) == (200, f"<title>{build}/build</title>\n")
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"] == "text/html"

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/", 200),
            ("/menu/7", 200),
            ("/admin", 301),
            ("/assets/index-4f9a1c2b.js", 200),
            ("/assets/missing.js", 404),
            ("/static/x.txt", 200),
            ("/api/x", 502),
            ("/%", 400),
        ],
    )
    def test_every_answer_has_the_headers_once(self, ask, path, status):
        answer = ask(f"http://localhost{path}")
        assert answer.status == status
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS

    @pytest.mark.parametrize("path", ["/admin", "/superadmin"])
    def test_a_front_end_without_its_slash_is_redirected(self, ask, path):
        answer = ask(f"http://localhost{path}?store=1")
        assert (answer.status, answer.headers["location"]) == (301, f"{path}/?store=1")

    @pytest.mark.parametrize(
        ("prefix", "build"), [("", "customer-ui"), ("/admin", "admin-ui"), ("/superadmin", "superadmin-ui")]
    )
    def test_hashed_assets_are_kept_for_ever(self, ask, prefix, build):
        asset = ask(f"http://localhost{prefix}/assets/index-4f9a1c2b.js")
        assert f"{build}/build 1" in asset.body
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        icon = ask(f"http://localhost{prefix}/favicon.svg")
        assert (icon.body, icon.headers["cache-control"]) == (f"icon of {build}/build\n", "no-cache")

    def test_a_build_of_another_tool_is_served(self, host, ask):
        """create-react-app's scripts are below /static/, SvelteKit has pages of its own, Angular's chunks are beside index.html."""
        build, kept = f"{ROOT}/customer-ui/build", "/opt/fastapi-app/assets/customer-ui/build"
        host.check_output(
            f"cd {build} && mkdir -p static/js && echo script >static/js/main.abc.js && echo page >about.html"
            f" && echo logo >assets/logo.png"
            f" && mkdir -p {kept}/static/js && cd {kept} && echo old | tee static/js/2.aaa.chunk.js chunk-ABCD2345.js"
        )
        forever = "public, max-age=31536000, immutable"
        found = {
            "/static/js/main.abc.js": ("script\n", "no-cache"),
            "/about": ("page\n", "no-cache"),
            "/assets/logo.png": ("logo\n", "no-cache"),
            "/static/js/2.aaa.chunk.js": ("old\n", "no-cache"),
            "/chunk-ABCD2345.js": ("old\n", forever),
        }
        try:
            for path, expected in found.items():
                answer = ask(f"http://localhost{path}")
                assert (answer.body, answer.headers["cache-control"]) == expected, path
            missing = (
                "/static/js/3.chunk.js",
                "/chunk-GONE2345.js",
                "/admin/js/app.js",
                "/robots.txt",
                "/.well-known/security.txt",
            )
            assert {path: ask(f"http://localhost{path}").status for path in missing} == dict.fromkeys(
                missing, 404
            )
        finally:
            host.check_output("rm -r /opt/fastapi-app/assets")

    def test_a_missing_asset_is_not_answered_with_a_page(self, ask):
        answer = ask("http://localhost/admin/assets/index-000000.js")
        assert answer.status == 404
        assert "cache-control" not in answer.headers

    def test_large_texts_are_compressed_for_those_who_can_read_it(self, ask):
        url = "http://localhost/assets/index-4f9a1c2b.js"
        assert ask(url, "--compressed").headers["content-encoding"] == "gzip"
        assert "content-encoding" not in ask(url).headers

    def test_static_files_come_from_their_directory(self, ask):
        assert ask("http://localhost/static/x.txt").body == "a static file\n"
        assert ask("http://localhost/static/missing.txt").status == 404
        assert ask("http://localhost/static/../../../../etc/passwd", "--path-as-is").status in (400, 404)

    def test_a_page_from_before_a_deployment_finds_its_files(self, host, ask):
        kept = "/opt/fastapi-app/assets"
        for build in ("customer-ui/build", "admin-ui/build"):
            host.check_output(
                f"mkdir -p {kept}/{build}/assets && echo old > {kept}/{build}/assets/index-0a1b2c3d.js"
            )
        try:
            for path in ("/assets/index-0a1b2c3d.js", "/admin/assets/index-0a1b2c3d.js"):
                answer = ask(f"http://localhost{path}")
                assert (answer.status, answer.body) == (200, "old\n")
                assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
                assert answer.headers["content-type"] == "application/javascript"
            assert "console.log" in ask("http://localhost/assets/index-4f9a1c2b.js").body
            nobodys = ask("http://localhost/assets/never-was.js")
            assert (nobodys.status, "cache-control" in nobodys.headers) == (404, False)
            outside = ask("http://localhost/assets/../../../../../etc/passwd", "--path-as-is")
            assert outside.status in (400, 404)
            assert ask("http://localhost/superadmin/assets/index-0a1b2c3d.js").status == 404
        finally:
            host.check_output(f"rm -r {kept}")


@pytest.mark.parametrize("path", ["/", "/admin/", "/superadmin/stores", "/assets/x.js", "/static/x"])
def test_a_front_end_that_is_not_there_yet_is_not_found(host, ask, path):
    assert not host.file(ROOT).exists
    assert ask(f"http://localhost{path}").status == 404


def test_an_application_that_is_not_there_yet_is_a_bad_gateway(ask):
    assert ask("http://localhost/api/health").status == 502


@pytest.mark.usefixtures("backend")
class TestApplication:
    """A running application."""

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_the_application_sees_who_asks(self, ask, scheme):
        answer = ask(
            f"{scheme}://localhost/api/menus?store_id=1",
            *(
                "-H",
                "X-Forwarded-For: 203.0.113.9",
                "-H",
                "X-Forwarded-Proto: ftp",
                "-H",
                "Forwarded: for=203.0.113.9",
            ),
        )
        assert "203.0.113.9" not in answer.body
        assert answer.status == 200
        assert '"path": "/api/menus?store_id=1"' in answer.body
        assert '"Host": "localhost"' in answer.body
        assert '"X-Forwarded-For": "127.0.0.1"' in answer.body
        assert f'"X-Forwarded-Proto": "{scheme}"' in answer.body

    def test_connections_to_the_application_are_kept(self, host, ask):
        clients = {ask("http://localhost/api/x").body.rpartition('"client": ')[2] for _ in range(12)}
        workers = int(host.check_output("pgrep --count --full 'nginx: worker process$'"))
        assert len(clients) <= workers, "every worker keeps one connection and uses it again"

    def test_a_websocket_is_passed_on_and_no_other_upgrade(self, host, ask):
        ws = "curl -si --max-time 5 -H 'Connection: Upgrade' -H 'Upgrade: {}' http://localhost/api/ws"
        run = host.run(ws.format("WebSocket"))
        assert run.stdout.startswith("HTTP/1.1 101 ")
        assert "upgrade to websocket" in run.stdout
        assert '"path": "/api/ws"' in host.run(ws.format("h2c")).stdout

    def test_a_load_balancer_may_ask_without_a_name(self, host):
        run = host.run("curl -s --http1.0 -H 'Host:' http://127.0.0.1/api/x")
        assert '"Host": "127.0.0.1"' in run.stdout

    def test_long_cookies_pass_both_ways(self, ask):
        answer = ask("http://localhost/api/x", "-H", f"Cookie: s={'x' * 20000}", "-H", "X-Cookie: 20000")
        assert (answer.status, len(answer.headers["set-cookie"])) == (200, 20002)

    def test_an_image_is_uploaded_and_a_larger_body_refused(self, host, ask):
        host.check_output("truncate --size 9M /tmp/image && truncate --size 11M /tmp/too-large")
        answer = ask("http://localhost/api/admin/menus", "--data-binary", "@/tmp/image")
        assert (answer.status, f'"body": {9 * 1024 * 1024}' in answer.body) == (200, True)
        assert ask("http://localhost/api/admin/menus", "--data-binary", "@/tmp/too-large").status == 413

    def test_events_pass_while_the_stream_is_open(self, host):
        # The next event follows after 30 s: events within 2 s were not buffered.
        # 28: curl timed out on the open stream.
        first, stream = "event: order_created\ndata: 0\n\ncurl: 28\n", "/api/admin/orders/stream?token=x"
        expected = {
            f"http://localhost{stream}": first,
            f"https://localhost{stream}": first,
            "http://localhost/api/unbuffered": first,
            # Neither a stream's path nor its header.
            "http://localhost/api/buffered": "curl: 28\n",
        }
        curl = " ".join(
            f"{{ curl -skN --max-time 2 '{url}'; echo curl: $?; }} >/run/stream-{number} &"
            for number, url in enumerate(expected)
        )
        host.run_test(f"{curl} wait")
        arrived = [host.file(f"/run/stream-{number}").content_string for number in range(len(expected))]
        assert dict(zip(expected, arrived, strict=True)) == expected


def test_the_header_of_the_application_replaces_nginxs(ask, backend):
    framed = ask("http://localhost/api/framed")
    assert {name: framed.headers.get(name) for name in HEADERS} == HEADERS | {"x-frame-options": "DENY"}


def test_a_request_has_one_id_in_the_log_and_for_the_application(ask, backend, wait_for_line):
    path = f"/api/{time.time_ns()}"
    seen = json.loads(ask(f"http://localhost{path}", "-H", "X-Request-ID: the-clients").body)["headers"]
    [identity] = [value for name, value in seen.items() if name.lower() == "x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", identity)
    assert re.search(rf'" {identity} \d+[.]\d+ \d+[.]\d+$', wait_for_line(f"{LOGS}/nginx-access.log", path))


def test_a_client_that_sends_no_request_is_dropped(host):
    """Otherwise it holds a connection for as long as it likes."""
    began = time.monotonic()
    # nginx resets the connection.
    host.run(
        "timeout 40 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf \"GET / HTTP/1.1\\r\\n\" >&3; cat <&3'"
    )
    assert 10 < time.monotonic() - began < 30


def test_key_exchange_is_of_mozillas_intermediate_profile(host):
    for group, accepted in (
        ("X25519", True),
        ("prime256v1", True),
        ("secp384r1", True),
        ("X448", False),
        ("secp521r1", False),
    ):
        run = host.run(f"openssl s_client -groups {group} -connect localhost:443 </dev/null")
        assert (run.rc == 0) == accepted, group


def test_nothing_tells_the_version(ask):
    for path in ("/", "/api/x"):
        answer = ask(f"http://localhost{path}")
        assert answer.headers["server"] == "nginx"
        assert "nginx/" not in answer.body


@pytest.mark.parametrize(
    ("version", "accepted"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)]
)
def test_only_modern_tls_is_spoken(host, version, accepted):
    # Level 0: otherwise the client itself would refuse before the server does.
    run = host.run(f"openssl s_client -{version} -cipher 'ALL:@SECLEVEL=0' -connect localhost:443 </dev/null")
    assert (run.rc == 0) == accepted, run.stdout + run.stderr


def test_http2_is_offered(host):
    assert host.check_output("curl -sko /dev/null -w '%{http_version}' https://localhost/") == "2"


def test_the_self_signed_pair_is_made_for_itself(host, pair):
    file, key_file = pair
    certificate = host.check_output(f"openssl x509 -in {file} -noout -subject -ext subjectAltName")
    assert re.search("CN ?= ?kitchen.example.org", certificate)
    shown = host.check_output(
        "openssl s_client -connect localhost:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
    )
    assert shown == host.check_output(f"openssl x509 -in {file} -noout -fingerprint")
    assert "DNS:kitchen.example.org" in certificate
    # Valid for three days.
    for days, status in ((2, 0), (4, 1)):
        seconds = days * 86400
        assert host.run(f"openssl x509 -in {file} -noout -checkend {seconds}").rc == status
    key = host.file(key_file)
    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    directory = file.removesuffix("/certificate.pem")
    assert [host.file(path).mode for path in ("/etc/nginx/tls", directory)] == [0o700, 0o700]
    # Neither side_effect.yml's leftovers nor an older pair.
    assert host.check_output("ls -A /etc/nginx/tls") == directory.removeprefix("/etc/nginx/tls/")


def test_log_ins_are_limited_and_the_clients_own_claims_are_ignored(host, ask):
    # One command, because the limit is 30 a minute.
    statuses = host.check_output(
        "curl -sk -o /dev/null -w '%{http_code} ' -d x -H 'X-Forwarded-For: 192.0.2.1' 'https://localhost/api/auth/login?[1-40]'"
    ).split()
    assert statuses[0] != "429"
    assert statuses[-1] == "429"
    later = ask("https://localhost/api/auth/login", "-d", "x", "-H", "X-Forwarded-For: 192.0.2.2")
    assert (later.status, later.headers["retry-after"]) == (429, "5")
    assert {name: later.headers.get(name) for name in HEADERS} == HEADERS
    # Password attempts do not block the guests at the same address.
    assert ask("https://localhost/api/x").status != 429


def test_requests_are_logged_in_the_combined_format_and_more(host, ask, wait_for_line):
    path = f"/api/{time.time_ns()}"
    ask(f"http://localhost{path}", "-A", "molecule/1.0")
    line = wait_for_line(f"{LOGS}/nginx-access.log", path)
    when = r"\[\d\d/\w{3}/\d{4}(:\d\d){3} \+0000\]"
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - {when} "GET {path} HTTP/1\.1" 502 \d+ "-" "molecule/1\.0" [0-9a-f]{{32}} \d+[.]\d+ \d+[.]\d+',
        line,
    )
    assert "connect() failed" in wait_for_line(f"{LOGS}/nginx-error.log", path)
    for name in ("nginx-access.log", "nginx-error.log"):
        log = host.file(f"{LOGS}/{name}")
        assert (log.user, log.group, log.mode) == ("www-data", "adm", 0o640)


def test_a_rotated_log_goes_on_in_a_new_file(host, ask, wait_for_line):
    before, after = f"/before-{time.time_ns()}", f"/after-{time.time_ns()}"
    ask(f"http://localhost{before}")
    wait_for_line(f"{LOGS}/nginx-access.log", before)
    host.check_output("logrotate --force /etc/logrotate.d/table-order-nginx")
    # The workers reopen their logs shortly after the signal.
    time.sleep(1)
    ask(f"http://localhost{after}")
    wait_for_line(f"{LOGS}/nginx-access.log", after)
    log, rotated = host.file(f"{LOGS}/nginx-access.log"), host.file(f"{LOGS}/nginx-access.log.1")
    assert before in rotated.content_string
    assert after not in rotated.content_string
    assert (log.user, log.group, log.mode) == ("www-data", "adm", 0o640)


def test_the_stock_site_is_gone(host, ask):
    assert "Welcome to nginx" not in ask("http://localhost/").body
    # side_effect.yml creates a site that listens on 8099.
    assert "sites-enabled" not in host.check_output("nginx -T 2>/dev/null")
    assert not host.socket("tcp://0.0.0.0:8099").is_listening


def test_the_rotation_is_the_roles(host):
    assert host.check_output("systemctl is-active logrotate.timer") == "active"
    rule = host.file("/etc/logrotate.d/table-order-nginx").content_string
    assert "rotate 14\n" in rule
    assert "weekly" not in rule


# A request to each of the two, and to the first again, while the flag changes: on one connection, which the client must
# not replace by another (auto_open).
ONE_CONNECTION = """
import http.client, json, pathlib
flag = pathlib.Path("/run/kitchen/live")
connection = http.client.HTTPConnection("localhost", 80)
connection.connect()
connection.auto_open = 0
ports, own = [], set()
for live in (False, True, False):
    flag.touch() if live else flag.unlink(missing_ok=True)
    connection.request("GET", "/api/menus")
    ports.append(json.loads(connection.getresponse().read())["port"])
    own.add(connection.sock.getsockname())
print(*ports, len(own))
"""


def test_a_file_sends_each_request_to_the_candidate_and_closes_no_connection(
    host, start_backend, flag_directory
):
    start_backend(8000)
    start_backend(8001)
    assert host.check_output("python3 -c %s", ONE_CONNECTION) == "8000 8001 8000 1"


def test_a_candidate_that_is_not_there_is_a_bad_gateway(host, ask, backend, flag_directory):
    host.check_output("touch /run/kitchen/live")
    assert ask("http://localhost/api/x").status == 502
    host.check_output("rm /run/kitchen/live")
    assert ask("http://localhost/api/x").status == 200


def test_nginx_says_to_its_own_host_alone_where_requests_go(host, ask, flag_directory):
    def upstream() -> str:
        answer = json.loads(ask("http://127.0.0.1:8008/upstream").body)
        assert answer["flag"] == "/run/kitchen/live"
        return answer["addresses"][answer["upstream"]]

    assert upstream() == "127.0.0.1:8000"
    host.check_output("touch /run/kitchen/live")
    assert upstream() == "127.0.0.1:8001"
    host.check_output("rm /run/kitchen/live")
    assert upstream() == "127.0.0.1:8000"
    assert ask("http://127.0.0.1:8008/api/x").status == 404
    # It is unreachable from other hosts, with any Host header.
    address = host.check_output("hostname -I").split()[0]
    assert host.run(f"curl -s --max-time 2 http://{address}:8008/upstream").rc == 7
    assert "upstream" not in ask(f"http://{address}/upstream", "-H", "Host: 127.0.0.1:8008").body

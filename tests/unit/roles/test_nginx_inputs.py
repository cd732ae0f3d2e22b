"""Settings that try to break nginx: each is refused by name before the host is touched, or carried through unharmed.

One play runs the role's specification, preflight and templates for all cases at once: every case is a host of its own.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.modules import load
from tests.unit.roles.preflight_runs import assert_ansible_gives, run_play

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/nginx"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
problems = load("filter/nginx_problems.py")

PLAY = [
    {
        # Only those that get as far as the system.
        "hosts": "late",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.set_fact": {
                    "os_family": "{{ family }}",
                    "distribution": "{{ system }}",
                    "distribution_version": "0",
                    "cacheable": True,
                },
            },
        ],
    },
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "block": [
                    {
                        "ansible.builtin.validate_argument_spec": {
                            "argument_spec": "{{ (lookup('ansible.builtin.file', role + '/meta/argument_specs.yml') "
                            "| from_yaml).argument_specs.main.options }}"
                        },
                        "vars": {"role": str(ROLE)},
                    },
                    {
                        "ansible.builtin.import_role": {
                            "name": str(ROLE),
                            "tasks_from": "preflight",
                            "public": True,
                        }
                    },
                    {
                        "name": "Carried through",
                        "ansible.builtin.debug": {
                            "msg": "{{ {'nginx.conf': lookup('ansible.builtin.template', role + 'nginx.conf.j2'), "
                            "'logrotate': lookup('ansible.builtin.template', role + 'logrotate.j2')} }}"
                        },
                        "vars": {"role": f"{ROLE}/templates/"},
                    },
                ],
                "rescue": [
                    {"name": "Refused", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}
                ],
            },
        ],
    },
]
PAIR = {"nginx_tls_certificate_file": "{tmp}/서버 인증서.pem", "nginx_tls_key_file": "{tmp}/key.pem"}
REMOTE = {
    "nginx_tls_remote": True,
    "nginx_tls_certificate_file": "/etc/a.crt",
    "nginx_tls_key_file": "/etc/a.key",
}
SHOP = {"path": "/shop", "build": "shop"}


def applications(*entries):
    """Make the setting from (path, build), or from what is no such pair."""
    return {
        "nginx_applications": [
            dict(zip(("path", "build"), entry, strict=True)) if isinstance(entry, tuple) else entry
            for entry in entries
        ]
    }


# What is set, and what the refusal must hold: the setting's name and the reason or the fix.
REFUSED = {
    "unknown key": ({"nginx_htpp_port": 81}, ["nginx_htpp_port", "Did you mean nginx_http_port?"]),
    "unknown state": ({"nginx_state": "gone"}, ["nginx_state", "absent"]),
    "null text": ({"nginx_server_name": None}, ["nginx_server_name is null"]),
    "null list": ({"nginx_applications": None}, ["nginx_applications", "NoneType"]),
    "null number": ({"nginx_http_port": None}, ["nginx_http_port", "NoneType"]),
    "null state": ({"nginx_state": None}, ["nginx_state", "present, absent"]),
    "empty path": ({"nginx_frontend_root": ""}, ["nginx_frontend_root", "begins with /"]),
    "empty address": ({"nginx_backend_address": ""}, ["nginx_backend_address", "host:port"]),
    "empty name": ({"nginx_server_name": ""}, ["nginx_server_name", "host names"]),
    "list for a text": ({"nginx_server_name": ["a"]}, ["nginx_server_name"]),
    "text for a list": ({"nginx_stream_paths": "/api/events"}, ["nginx_stream_paths", "a list"]),
    "text for an application": (applications("/shop"), ["nginx_applications"]),
    "text for a number": ({"nginx_http_port": "eighty"}, ["nginx_http_port"]),
    "number for a time": ({"nginx_proxy_timeout": 60}, ["nginx_proxy_timeout", "such as 90s"]),
    "word for a switch": ({"nginx_redirect_http": "perhaps"}, ["nginx_redirect_http"]),
    "http port 0": ({"nginx_http_port": 0}, ["nginx_http_port", "from 1 to 65535"]),
    "https port above": ({"nginx_https_port": 65536}, ["nginx_https_port", "from 1 to 65535"]),
    "negative port": ({"nginx_http_port": -80}, ["nginx_http_port", "from 1 to 65535"]),
    "same port twice": (
        {"nginx_http_port": "443"},
        ["nginx_http_port", "nginx_https_port", "two different ports"],
    ),
    "backend port above": ({"nginx_backend_address": "127.0.0.1:70000"}, ["nginx_backend_address", "65535"]),
    "nginx as its own candidate": (
        {"nginx_candidate_address": "127.0.0.1:443"},
        ["nginx_candidate_address", "nginx itself"],
    ),
    "candidate as a URL": (
        {"nginx_candidate_address": "http://x:1"},
        ["nginx_candidate_address", "host:port"],
    ),
    "flag that closes a block": (
        {"nginx_candidate_flag": "/run/x) { return 200; }"},
        ["nginx_candidate_flag", "begins with /"],
    ),
    "archive that climbs": (
        {"nginx_asset_archive": "/srv/../etc"},
        ["nginx_asset_archive", "empty to disable it"],
    ),
    "traffic told to everybody": (
        {"nginx_traffic_address": "0.0.0.0:8008"},
        ["nginx_traffic_address", "loopback"],
    ),
    "traffic told by name": (
        {"nginx_traffic_address": "localhost:8008"},
        ["nginx_traffic_address", "loopback"],
    ),
    "traffic where requests come in": (
        {"nginx_traffic_address": "127.0.0.1:443"},
        ["nginx_traffic_address", "nginx itself"],
    ),
    "traffic where a release listens": (
        {"nginx_traffic_address": "127.0.0.1:8001"},
        ["nginx_traffic_address", "nginx_candidate_address ('127.0.0.1:8001') has the same port"],
    ),
    "candidate port above": (
        {"nginx_candidate_address": "127.0.0.1:65536"},
        ["nginx_candidate_address", "a port from 1 to 65535, such as 127.0.0.1:8001"],
    ),
    "candidate without a port": (
        {"nginx_candidate_address": "127.0.0.1"},
        ["nginx_candidate_address", "host:port"],
    ),
    "block closed by a candidate": (
        {"nginx_candidate_address": "127.0.0.1:8001; } server { listen 81"},
        ["nginx_candidate_address", "host:port"],
    ),
    "line break after a candidate": (
        {"nginx_candidate_address": "127.0.0.1:8001\n"},
        ["nginx_candidate_address", "\\n"],
    ),
    "empty flag": ({"nginx_candidate_flag": ""}, ["nginx_candidate_flag", "begins with /"]),
    "relative flag": ({"nginx_candidate_flag": "run/live"}, ["nginx_candidate_flag", "begins with /"]),
    "flag that is always there": (
        {"nginx_candidate_flag": "/"},
        ["nginx_candidate_flag", "itself is not accepted"],
    ),
    "variable in a flag": ({"nginx_candidate_flag": "/run/$host"}, ["nginx_candidate_flag", "$host"]),
    "relative archive": ({"nginx_asset_archive": "assets"}, ["nginx_asset_archive", "begins with /"]),
    "whole disk as the archive": ({"nginx_asset_archive": "/"}, ["nginx_asset_archive", "begins with /"]),
    "block closed by an archive": ({"nginx_asset_archive": "/srv; } location /x {"}, ["nginx_asset_archive"]),
    "list for an archive": ({"nginx_asset_archive": ["/srv/a"]}, ["nginx_asset_archive"]),
    "nginx as its own backend": (
        {"nginx_backend_address": "localhost:80"},
        ["nginx_backend_address", "nginx itself"],
    ),
    "password without a scheme": (
        {"nginx_backend_address": "user:a/tiger@b@host:8000"},
        ["nginx_backend_address is '***@host:8000'"],
    ),
    "URL with credentials": (
        {"nginx_backend_address": "http://user:a/tiger@b@host:8000"},
        ["nginx_backend_address", "host:port", "//***@host"],
    ),
    "block closed by a name": ({"nginx_server_name": "a; } server { listen 81"}, ["nginx_server_name"]),
    "block closed by a size": ({"nginx_client_max_body_size": "1m; } #"}, ["nginx_client_max_body_size"]),
    "block closed by a time": ({"nginx_stream_timeout": "1h;}"}, ["nginx_stream_timeout"]),
    "block closed by a path": (
        {"nginx_frontend_root": "/srv; } location /x { root /"},
        ["nginx_frontend_root"],
    ),
    "block closed by a location": (
        applications(("/a {} location /b", "shop")),
        ["nginx_applications", "/a {}"],
    ),
    "block closed by a stream": ({"nginx_stream_paths": ["/api/a{}"]}, ["nginx_stream_paths"]),
    "block closed by a file": ({**REMOTE, "nginx_tls_key_file": "/k;}"}, ["nginx_tls_key_file", "/k;}"]),
    "line break after a name": ({"nginx_server_name": "a.example.org\n"}, ["nginx_server_name", "\\n"]),
    "line break in a group": ({"nginx_log_group": "adm\nsu root"}, ["nginx_log_group"]),
    "rule closed by a log path": ({"nginx_log_directory": "/var/log/x { }"}, ["nginx_log_directory"]),
    "shell in a path": ({"nginx_log_directory": "/var/log/$(id)"}, ["nginx_log_directory"]),
    "shell in a group": ({"nginx_log_group": "adm;id"}, ["nginx_log_group"]),
    "variable of nginx": ({"nginx_server_name": "$host"}, ["nginx_server_name"]),
    "quote": ({"nginx_frontend_root": "/srv/'a"}, ["nginx_frontend_root"]),
    "percent": ({"nginx_frontend_root": "/srv/%s"}, ["nginx_frontend_root"]),
    "Korean name": ({"nginx_server_name": "주문.example.org"}, ["nginx_server_name", "주문", "xn--"]),
    "subject made longer": ({"nginx_tls_self_signed_name": "a/O=b"}, ["nginx_tls_self_signed_name"]),
    "name of 65": ({"nginx_tls_self_signed_name": "a" * 65}, ["nginx_tls_self_signed_name", "64"]),
    "no day": ({"nginx_tls_self_signed_days": 0}, ["nginx_tls_self_signed_days", "from 1 to"]),
    "negative days": ({"nginx_log_keep_days": -1}, ["nginx_log_keep_days", "from 0 to"]),
    "relative root": ({"nginx_frontend_root": "srv/www"}, ["nginx_frontend_root", "begins with /"]),
    "whole disk": ({"nginx_frontend_root": "/"}, ["nginx_frontend_root"]),
    "traversal": ({"nginx_frontend_root": "/srv/../etc"}, ["nginx_frontend_root", ".."]),
    "traversal in a build": (applications(("/a", "../../etc")), ["nginx_applications", "../../etc"]),
    "absolute build": (applications(("/a", "/etc")), ["nginx_applications", "below nginx_frontend_root"]),
    "empty build": (applications(("/a", "")), ["nginx_applications", "below nginx_frontend_root"]),
    "null path": (applications((None, "shop")), ["nginx_applications"]),
    "unknown key of an application": (applications({**SHOP, "root": "/etc"}), ["nginx_applications", "root"]),
    "application without a build": (applications({"path": "/shop"}), ["nginx_applications", "build"]),
    "relative path": (applications(("shop", "shop")), ["nginx_applications", "'shop'"]),
    "path that no request has": (applications(("/a//b", "shop")), ["nginx_applications", "/a//b"]),
    "same path twice": (
        applications(("/a", "x"), ("/a", "y")),
        ["nginx_applications", "'/a'", "a different path"],
    ),
    "same path with a slash": (
        applications(("/a", "x"), ("/a/", "y")),
        ["nginx_applications", "'/a/'", "a different path"],
    ),
    "path of another's assets": (
        applications(("/", "x"), ("/assets", "y")),
        ["nginx_applications", "/assets/"],
    ),
    "path of another's page": (
        applications(("/", "x"), ("/index.html", "y")),
        ["nginx_applications", "= /index.html"],
    ),
    "application at /api": (applications(("/api", "x")), ["nginx_applications", "/api/", "such as /shop"]),
    "application at /api/": (applications(("/api/", "x")), ["nginx_applications", "/api/", "such as /shop"]),
    "application below /api": (
        applications(("/api/docs", "x")),
        ["nginx_applications", "/api/", "such as /shop"],
    ),
    "application at /static": (
        applications(("/static", "x")),
        ["nginx_applications", "/static/", "such as /shop"],
    ),
    "stream outside": ({"nginx_stream_paths": ["/events"]}, ["nginx_stream_paths", "below /api/"]),
    "stream beside": ({"nginx_stream_paths": ["/apis/events"]}, ["nginx_stream_paths", "below /api/"]),
    "stream at the root": ({"nginx_stream_paths": ["/api/"]}, ["nginx_stream_paths", "below /api/"]),
    "stream out of it": ({"nginx_stream_paths": ["/api/../x"]}, ["nginx_stream_paths", ".."]),
    "stream twice": ({"nginx_stream_paths": ["/api/e", "/api/e"]}, ["nginx_stream_paths", "2 times"]),
    "null stream": ({"nginx_stream_paths": [None]}, ["nginx_stream_paths", "None"]),
    "half a certificate": (
        {**PAIR, "nginx_tls_key_file": ""},
        ["nginx_tls_certificate_file", "nginx_tls_key_file", "both"],
    ),
    "key of another": (
        {**PAIR, "nginx_tls_key_file": "{tmp}/other.pem"},
        ["nginx_tls_certificate_file", "nginx_tls_key_file", "do not belong together"],
    ),
    "missing certificate": (
        {**PAIR, "nginx_tls_certificate_file": "{tmp}/none.pem"},
        ["nginx_tls_certificate_file", "none.pem", "cannot be read"],
    ),
    "directory for a key": (
        {**PAIR, "nginx_tls_key_file": "{tmp}"},
        ["nginx_tls_key_file", "cannot be read"],
    ),
    "no certificate": (
        {**PAIR, "nginx_tls_certificate_file": "{tmp}/key.pem"},
        ["nginx_tls_certificate_file", "holds no certificate"],
    ),
    "no key": (
        {**PAIR, "nginx_tls_key_file": "{tmp}/서버 인증서.pem"},
        ["nginx_tls_key_file", "holds no private key"],
    ),
    "key with a passphrase": (
        {**PAIR, "nginx_tls_key_file": "{tmp}/locked.pem"},
        ["nginx_tls_key_file", "passphrase"],
    ),
    "relative file of the host": (
        {**REMOTE, "nginx_tls_certificate_file": "a.crt"},
        ["nginx_tls_certificate_file", "begins with /"],
    ),
    "group that is not there": ({"nginx_log_group": "no-such-group"}, ["nginx_log_group", "no such group"]),
    "unknown system": ({"system": "Plan9", "family": "Plan9"}, ["Plan9", "Amazon Linux 2023"]),
}
# What is set, and what the configuration must hold.
CARRIED = {
    "defaults": ({}, ["location = /superadmin {", "listen 443 ssl http2 default_server;"]),
    "the other family": (
        {"system": "Amazon", "family": "RedHat", "asked": "nginx/1.26.3"},
        ["user nginx;", "listen 443 ssl default_server;", "http2 on;"],
    ),
    "last version without the directive": (
        {"asked": "nginx/1.25.0"},
        ["listen 443 ssl http2 default_server;"],
    ),
    "first version with the directive": ({"asked": "nginx/1.25.1"}, ["http2 on;"]),
    "no application": ({"nginx_applications": []}, ["return 404;"]),
    "limits": (
        {"nginx_limit_address_rate": 7, "nginx_limit_session_burst": "9", "nginx_login_paths": ["/api/in"]},
        ["rate=7r/s;", "zone=table_order_session burst=9 nodelay;", "location = /api/in {"],
    ),
    "load balancers": (
        {"nginx_trusted_proxies": ["10.0.1.0/24", "2001:db8::1"]},
        ["set_real_ip_from 10.0.1.0/24;", "set_real_ip_from 2001:db8::1;", "real_ip_recursive on;"],
    ),
    "no stream": ({"nginx_stream_paths": []}, ["location /api/ {"]),
    "application within an application": (
        applications(("/a", "x"), ("/a/b", "y")),
        ["location /a/ {", "location /a/b/ {"],
    ),
    "path that begins like /api": (applications(("/apis", "x")), ["location /apis/ {"]),
    "texts of the command line": (
        {"nginx_http_port": "8080", "nginx_https_port": "443", "nginx_redirect_http": "false"},
        ["listen 8080 default_server;"],
    ),
    "text that redirects": (
        {"nginx_redirect_http": "true", "nginx_https_port": "443"},
        [
            "return 301 https://$host$request_uri;",
            "if ($request_method !~ ^(GET|HEAD)$) {",
            "location ^~ /.well-known/acme-challenge/ {",
        ],
    ),
    "a name that redirects follow": (
        {"nginx_redirect_http": True, "nginx_server_name": "shop.example.org www.example.org"},
        ["return 301 https://shop.example.org$request_uri;"],
    ),
    "two names": (
        {"nginx_server_name": "a.example.org *.b.example.org"},
        ["server_name a.example.org *.b.example.org;"],
    ),
    "a candidate by name": (
        {"nginx_candidate_address": "app.internal:9001", "nginx_candidate_flag": "/run/shop/live"},
        ["server app.internal:9001;", "if (-e /run/shop/live) {", "proxy_pass http://$table_order_backend;"],
    ),
    "an archive elsewhere": (
        {"nginx_asset_archive": "/srv/kept", **applications(("/", "x/build"), ("/a.b", "y"))},
        [
            "root /srv/kept;",
            "rewrite ^/(assets/.+)$ /x/build/$1 break;",
            r"rewrite ^/a\.b/(assets/.+)$ /y/$1 break;",
            "error_page 404 = @assets_2;",
        ],
    ),
    "a candidate and the answer to where requests go": (
        {"nginx_candidate_address": "app.internal:9001", "nginx_candidate_flag": "/run/shop/live"},
        [
            "listen 127.0.0.1:8008;",
            """return 200 '{"upstream": "$table_order_backend", "flag": "/run/shop/live", "addresses": {"table_order_backend": """
            """"127.0.0.1:8000", "table_order_candidate": "app.internal:9001"}}\\n';""",
        ],
    ),
    "the answer without a candidate": (
        {"nginx_candidate_address": "", "nginx_traffic_address": "127.0.0.2:9"},
        [
            "listen 127.0.0.2:9;",
            """return 200 '{"upstream": "table_order_backend", "flag": "", "addresses": {"table_order_backend": """
            """"127.0.0.1:8000"}}\\n';""",
        ],
    ),
    "neither candidate nor archive": (
        {
            "nginx_candidate_address": "",
            "nginx_asset_archive": "",
            "nginx_traffic_address": "",
            "nginx_limits": False,
        },
        ["proxy_pass http://table_order_backend;"],
    ),
    "unlimited size": ({"nginx_client_max_body_size": "0"}, ["client_max_body_size 0;"]),
    "Korean and blanks on the controller": (PAIR, ["ssl_certificate /etc/nginx/tls/given-"]),
    "files of the host": (REMOTE, ["ssl_certificate /etc/a.crt;", "ssl_certificate_key /etc/a.key;"]),
    "absence does not need the files": (
        {**PAIR, "nginx_state": "absent", "nginx_tls_key_file": "/gone", "nginx_log_group": "no-such-group"},
        [],
    ),
}


def host_name(case: str) -> str:
    return re.sub(r"\W", "_", case)


def make_pairs(folder: Path) -> None:
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    for arguments in (
        ["genpkey", *curve, "-out", "key.pem"],
        ["genpkey", *curve, "-out", "other.pem"],
        ["pkey", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "locked.pem"],
        [
            "req",
            "-x509",
            "-new",
            "-key",
            "key.pem",
            "-subj",
            "/CN=a",
            "-days",
            "2",
            "-out",
            "서버 인증서.pem",
        ],
    ):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple:
    """What the play is run with."""
    folder = tmp_path_factory.mktemp("nginx")
    make_pairs(folder)
    hosts = {}
    for name, (settings, _) in (REFUSED | CARRIED).items():
        values = {"asked": "nginx/1.22.1", "system": "Debian", "family": "Debian"} | settings
        hosts[host_name(name)] = {
            key: value.replace("{tmp}", str(folder)) if isinstance(value, str) else value
            for key, value in values.items()
        }
    late = {host_name(name): {} for name in [*CARRIED, "group that is not there", "unknown system"]}
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": INTERPRETER,
        "ansible_managed": "Managed",
        "__nginx_before": {"stderr": "nginx version: {{ asked }}"},
    }
    inventory = {"all": {"hosts": hosts, "vars": everywhere, "children": {"late": {"hosts": late}}}}
    return folder, PLAY, inventory


@pytest.fixture(scope="module")
def printed(given) -> str:
    """What the play has printed, as JSON."""
    return run_play(*given)


@pytest.fixture(scope="module")
def answers(printed) -> dict[str, tuple[str, object]]:
    """For each case "Refused" with the message, or "Carried through" with the rendered files."""
    found = {}
    for task in json.loads(printed)["plays"][1]["tasks"]:
        for host, result in task["hosts"].items():
            if task["task"]["name"] in ("Refused", "Carried through") and not result.get("skipped"):
                found[host] = (task["task"]["name"], result["msg"])
    return {name: found[host_name(name)] for name in REFUSED | CARRIED}


@pytest.mark.parametrize("name", DEFAULTS)
def test_null_is_refused_whatever_the_setting(name):
    assert f"{name} is null" in " ".join(problems.setting_problems(DEFAULTS | {name: None}))


# As above, but asked of the filter itself, which costs no play.
LIMITS = {
    "log-in outside": ({"nginx_login_paths": ["/login"]}, ["nginx_login_paths", "below /api/"]),
    "log-in that is a stream": (
        {"nginx_login_paths": ["/api/admin/orders/stream"]},
        ["nginx_login_paths", "nginx_stream_paths", "one of them"],
    ),
    "no requests at all": ({"nginx_limit_address_rate": 0}, ["nginx_limit_address_rate", "from 1 to"]),
    "a burst that nginx does not know": (
        {"nginx_limit_login_burst": 0},
        ["nginx_limit_login_burst", "from 1 to"],
    ),
    "a proxy by name": ({"nginx_trusted_proxies": ["lb.local; }"]}, ["nginx_trusted_proxies", "10.0.1.0/24"]),
    "a proxy with host bits": (
        {"nginx_trusted_proxies": ["10.0.1.7/24"]},
        ["nginx_trusted_proxies", "host bits"],
    ),
    "everybody a proxy": ({"nginx_trusted_proxies": ["0.0.0.0/0"]}, ["nginx_trusted_proxies", "all clients"]),
}


@pytest.mark.parametrize("case", LIMITS)
def test_limits_that_cannot_be_are_refused_by_name_with_the_fix(case):
    values, parts = LIMITS[case]
    [said] = problems.setting_problems(DEFAULTS | values)
    for part in parts:
        assert part in said


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_name_with_the_fix(answers, case):
    outcome, said = answers[case]
    assert outcome == "Refused"
    for part in REFUSED[case][1]:
        assert part in said


@pytest.mark.parametrize("case", CARRIED)
def test_it_is_carried_through(answers, case):
    outcome, said = answers[case]
    assert outcome == "Carried through", said
    for part in CARRIED[case][1]:
        assert part in said["nginx.conf"]


@pytest.mark.parametrize("trace", ["candidate", "$table_order_backend", "@assets", "error_page", "limit_req"])
def test_what_is_done_without_leaves_no_trace(answers, trace):
    assert trace not in answers["neither candidate nor archive"][1]["nginx.conf"]
    assert trace in answers["defaults"][1]["nginx.conf"]


@pytest.mark.parametrize(
    ("case", "folder"),
    [("Korean and blanks on the controller", "given-[0-9a-f]{16}"), ("defaults", "self-signed-new")],
)
def test_one_rename_replaces_certificate_and_key(answers, case, folder):
    """Both lie in a folder that follows from the certificate, so that nothing that nginx has is written over."""
    text = answers[case][1]["nginx.conf"]
    assert re.search(
        rf"ssl_certificate (/etc/nginx/tls/{folder})/certificate.pem;\s+ssl_certificate_key \1/key.pem;", text
    )


def test_requests_and_the_answer_to_where_they_go_are_chosen_alike(answers):
    chosen = re.findall(r"set \$table_order_backend .*?\}", answers["defaults"][1]["nginx.conf"], re.DOTALL)
    assert len(chosen) == 2
    assert chosen[0] == chosen[1]
    assert "if (-e /run/table-order/candidate-live)" in chosen[0]


def test_nobody_is_believed_about_the_client_unless_he_is_named(answers):
    assert "real_ip" not in answers["defaults"][1]["nginx.conf"]


def test_every_way_to_the_application_has_limits_and_log_ins_a_stricter_one(answers):
    found = re.findall(
        r"location (/api/|= /api/\S+) \{(.*?)\n        \}", answers["defaults"][1]["nginx.conf"], re.DOTALL
    )
    limits = {path: re.findall(r"limit_req zone=table_order_(\w+)", lines) for path, lines in found}
    assert limits == {
        "/api/": ["address", "session"],
        "= /api/auth/login": ["address", "session", "login"],
        "= /api/admin/orders/stream": ["address", "session"],
    }


def test_ansible_playbook_gives_the_same(printed, given):
    names = ("unknown key", "Korean name", "key of another", "unknown system", "group that is not there")
    hosts = [host_name(name) for name in (*names, "the other family", "Korean and blanks on the controller")]
    assert_ansible_gives(printed, hosts, *given)


def test_no_secret_is_in_what_was_said(answers, printed):
    assert "tiger" not in str([said for outcome, said in answers.values() if outcome == "Refused"])
    assert "PRIVATE KEY" not in printed


def test_nothing_on_the_host_is_touched_before():
    """Preflight comes first, and none of its tasks can change anything."""
    first = yaml.safe_load((ROLE / "tasks/main.yml").read_text())[0]
    assert first["ansible.builtin.import_tasks"] == "preflight.yml"
    harmless = {"assert", "setup", "include_vars", "command"}
    for task in yaml.safe_load((ROLE / "tasks/preflight.yml").read_text()):
        module = next(key for key in task if key.startswith("ansible.builtin.")).rpartition(".")[2]
        assert module in harmless
        if module == "command":
            assert task["ansible.builtin.command"]["argv"][0] == "getent"

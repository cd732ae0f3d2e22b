"""nginx's files hold what is set, and what does not fit the controller or the host is refused before the host is touched.

One play runs the role's specification, preflight and templates for all cases at once: every case is a host of its own.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.preflight_runs import assert_ansible_gives, run_play
from tests.unit.test_settings_wired import Scope, text, trusted

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/nginx"

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
                            "msg": "{{ {'nginx.conf': lookup('ansible.builtin.template', role + 'nginx.conf.j2') "
                            "+ lookup('ansible.builtin.template', role + 'site.conf.j2'), "
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


# The example's, from inventories/shared/site.yml.
SITE = yaml.safe_load((ROOT / "inventories/shared/site.yml").read_text())
EXAMPLE = {
    name: SITE[name]
    for name in ("nginx_backend_paths", "nginx_applications", "nginx_stream_paths", "nginx_login_paths")
}


def applications(*pairs):
    return {"nginx_applications": [{"path": path, "build": build} for path, build in pairs]}


# What is set on the controller or on the host, and what the refusal must hold.
REFUSED = {
    "text for a number": ({"nginx_http_port": "eighty"}, ["nginx_http_port"]),
    "Korean name": (
        {"nginx_server_name": "주문.example.org"},
        ["nginx_server_name is '주문.example.org'", "xn--"],
    ),
    "key of another": (
        PAIR | {"nginx_tls_key_file": "{tmp}/other.pem"},
        ["nginx_tls_key_file", "do not belong together"],
    ),
    "missing certificate": (
        PAIR | {"nginx_tls_certificate_file": "{tmp}/none.pem"},
        ["none.pem", "cannot be read"],
    ),
    "directory for a key": (PAIR | {"nginx_tls_key_file": "{tmp}"}, ["nginx_tls_key_file", "cannot be read"]),
    "no certificate": (
        PAIR | {"nginx_tls_certificate_file": "{tmp}/key.pem"},
        ["nginx_tls_certificate_file", "holds no certificate"],
    ),
    "no key": (
        PAIR | {"nginx_tls_key_file": "{tmp}/서버 인증서.pem"},
        ["nginx_tls_key_file", "holds no private key"],
    ),
    "key with a passphrase": (
        PAIR | {"nginx_tls_key_file": "{tmp}/locked.pem"},
        ["nginx_tls_key_file", "passphrase"],
    ),
    "certificate of another name": (
        PAIR | {"nginx_server_name": "b.example.org"},
        ["is for no host name and not for b.example.org"],
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
        ["rate=7r/s;", "zone=app_session burst=9 nodelay;", "location = /api/in {"],
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
        ["server app.internal:9001;", "if (-e /run/shop/live) {", "proxy_pass http://$app_backend;"],
    ),
    "an archive elsewhere": (
        {"nginx_asset_archive": "/srv/kept", **applications(("/", "x/build"), ("/a.b", "y"))},
        [
            "root /srv/kept;",
            "rewrite ^/(.+)$ /x/build/$1 break;",
            r"rewrite ^/a\.b/(.+)$ /y/$1 break;",
            "error_page 404 = @file_2;",
        ],
    ),
    "a candidate and the answer to where requests go": (
        {"nginx_candidate_address": "app.internal:9001", "nginx_candidate_flag": "/run/shop/live"},
        [
            "listen 127.0.0.1:8008;",
            """return 200 '{"upstream": "$app_backend", "flag": "/run/shop/live", "addresses": {"app_backend": """
            """"127.0.0.1:8000", "app_candidate": "app.internal:9001"}}\\n';""",
        ],
    ),
    "the answer without a candidate": (
        {"nginx_candidate_address": "", "nginx_traffic_address": "127.0.0.2:9"},
        [
            "listen 127.0.0.2:9;",
            """return 200 '{"upstream": "app_backend", "flag": "", "addresses": {"app_backend": """
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
        ["proxy_pass http://app_backend;"],
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
        values = {"asked": "nginx/1.22.1", "system": "Debian", "family": "Debian"} | EXAMPLE | settings
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
        "__nginx_ipv6": {"stat": {"exists": False}},
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


@pytest.mark.parametrize("trace", ["candidate", "$app_backend", "rewrite", "error_page", "limit_req"])
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
    chosen = re.findall(r"set \$app_backend .*?\}", answers["defaults"][1]["nginx.conf"], re.DOTALL)
    assert len(chosen) == 2
    assert chosen[0] == chosen[1]
    assert "if (-e /run/fastapi-app/candidate-live)" in chosen[0]


def test_nobody_is_believed_about_the_client_unless_he_is_named(answers):
    assert "real_ip" not in answers["defaults"][1]["nginx.conf"]


def test_every_way_to_the_application_has_limits_and_log_ins_a_stricter_one(answers):
    found = re.findall(
        r"location (/api/|= /api/\S+) \{(.*?)\n        \}", answers["defaults"][1]["nginx.conf"], re.DOTALL
    )
    limits = {path: re.findall(r"limit_req zone=app_(\w+)", lines) for path, lines in found}
    assert limits == {
        "/api/": ["address", "session"],
        "= /api/auth/login": ["address", "session", "login"],
        "= /api/admin/orders/stream": ["address", "session"],
    }


def test_ansible_playbook_gives_the_same(printed, given):
    names = ("Korean name", "key of another", "unknown system", "group that is not there")
    hosts = [host_name(name) for name in (*names, "the other family", "Korean and blanks on the controller")]
    assert_ansible_gives(printed, hosts, *given)


def test_no_key_is_in_what_was_said(printed):
    assert "PRIVATE KEY" not in printed


def test_nginx_serves_what_the_same_host_s_application_has():
    """Only the guide's table said so, and not of the front ends: a green run had 404 for the front page of a public application."""
    application = {"home": "/srv/shop", "user": "shop", "port": 9000, "log_directory": "/srv/shop/logs"}
    scope = Scope("nginx")
    wanted = {
        "nginx_frontend_root": "/srv/shop/frontend",
        "nginx_asset_archive": "/srv/shop/assets",
        "nginx_backend_address": "127.0.0.1:9000",
        "nginx_candidate_address": "127.0.0.1:9001",
        "nginx_candidate_flag": "/run/shop/candidate-live",
        "nginx_log_directory": "/srv/shop/logs",
    }
    defaults = yaml.safe_load((scope.role / "defaults/main.yml").read_text())
    scope.variables = trusted(
        defaults | {f"fastapi_app_{name}": value for name, value in application.items()}
    )
    assert {name: scope.see("{{ " + name + " }}") for name in wanted} == wanted
    alone = text("roles/fastapi_app/defaults/main.yml")
    scope.variables = trusted(defaults)
    assert scope.see("{{ nginx_frontend_root }}") == f"{alone['fastapi_app_home']}/frontend"
    assert scope.see("{{ nginx_backend_address }}") == f"127.0.0.1:{alone['fastapi_app_port']}"

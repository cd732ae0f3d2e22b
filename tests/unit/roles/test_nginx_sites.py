"""Several sites of one nginx: each run writes its own and keeps the others, and what two sites cannot share is refused by name."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.roles.modules import load, run
from tests.unit.test_settings_wired import Scope
from tests.unit.test_settings_wired import nginx as one_site

nginx_site = load("modules/nginx_site.py")
APP = {"nginx_server_name": "a.test", "nginx_limits": True, "nginx_traffic_address": "127.0.0.1:8008"}
SHOP = {
    "nginx_site": "shop",
    "nginx_server_name": "b.test www.b.test",
    "nginx_backend_address": "127.0.0.1:9000",
    "nginx_candidate_address": "127.0.0.1:9001",
    "nginx_candidate_flag": "/run/shop/live",
    "nginx_traffic_address": "127.0.0.1:9008",
    "nginx_limits": True,
}
# The same application as APP, under another name with a pair of its own.
ALIAS = {
    "nginx_site": "alias",
    "nginx_server_name": "c.test",
    "nginx_traffic_address": "",
    "nginx_limits": True,
}


@pytest.fixture
def nginx(tmp_path, monkeypatch):
    """A program nginx that refuses what has "no_such_directive", and the path of nginx.conf."""
    program = tmp_path / "bin/nginx"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\n! grep -q no_such_directive "$4" || { echo "no_such_directive in $4" >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path / "nginx.conf"


@functools.cache
def rendered(given: str) -> dict:
    """Return the arguments of the role's task, for settings as JSON."""
    scope = Scope("nginx", **json.loads(given))
    return {
        "name": scope.see(scope.variables["nginx_site"]),
        "settings": scope.see(scope.variables["__nginx_own"]),
        "move": scope.see(scope.variables["nginx_replace_application"]),
        "shared": scope.template("nginx.conf.j2"),
        "text": scope.template("site.conf.j2"),
    }


@pytest.fixture
def role(nginx, capsys):
    """Run the module as the role does: role("present", **settings)."""

    def play(state: str = "present", check: bool = False, **given: object) -> dict:
        arguments = {**rendered(json.dumps(given)), "state": state, "path": str(nginx), "mode": "0644"}
        if state == "absent":
            arguments = {name: arguments[name] for name in ("name", "state", "path", "mode")}
        return run(nginx_site, capsys, check, **arguments)

    return play


def sites(path: Path) -> list[str]:
    return re.findall(r"# BEGIN site (\w+) ", path.read_text())


def test_a_second_site_leaves_the_first_as_it_is(role, nginx):
    assert role(**APP)["changed"]
    first = nginx.read_text()
    assert not role(**APP)["changed"]
    added = role(**SHOP)
    assert (added["changed"], added["others"]) == (True, ["app"])
    both = nginx.read_text()
    assert not role(**SHOP)["changed"]
    assert not role(**APP)["changed"]
    assert nginx.stat().st_mode & 0o777 == 0o644
    changed = role(**APP | {"nginx_client_max_body_size": "9m"})
    assert changed["changed"]
    assert (
        both.count("client_max_body_size 10m;"),
        nginx.read_text().count("client_max_body_size 10m;"),
    ) == (2, 1)
    role(**APP)
    assert nginx.read_text() == both
    removed = role("absent", nginx_site="shop")
    assert (removed["changed"], removed["others"]) == (True, ["app"])
    assert nginx.read_text() == first
    assert not role("absent", nginx_site="shop")["changed"]


def test_no_name_of_nginx_is_of_two_sites(role, nginx):
    for settings in (APP, SHOP, ALIAS):
        role(**settings)
    text = nginx.read_text()
    assert sites(nginx) == ["alias", "app", "shop"]
    for form in (
        r"^    upstream (\S+) ",
        r"^    map .* \$(\w+) \{",
        r"^    limit_req_zone \S+ zone=(\w+):",
        r"^    split_clients \S+ \$(\w+) ",
        r"(?<=\?<)(\w+)(?=>)",
        r"^        listen (127\S+);",
        r"^        listen (443 ssl.* default_server);",
        r"/(nginx-[\w-]*(?:access|error)[.]log) site_requests if=\$\w+_logged;",
    ):
        found = re.findall(form, text, re.MULTILINE)
        assert found
        assert len(found) == len(set(found)), form
    blocks = {name: block for name, _settings, block in nginx_site.BLOCK.findall(text)}
    others = r"\bapp_(?!shop_)|nginx-(access|error)|a[.]test|127.0.0.1:80"
    assert re.findall(others, blocks["shop"]) == []
    assert "shop" not in blocks["app"]
    # The application's role asks for the same names in every site's answer.
    assert '"upstream": "$app_shop_backend"' in blocks["shop"]
    assert "set $app_shop_backend app_shop_candidate;" in blocks["shop"]


def test_a_site_that_nginx_refuses_leaves_all_as_it_is(role, nginx):
    role(**APP)
    before = nginx.read_text()
    result = role(**SHOP | {"nginx_server_extra": "no_such_directive;"})
    assert result["failed"]
    assert "nginx refuses the new configuration" in result["msg"]
    assert "no_such_directive in" in result["msg"]
    assert nginx.read_text() == before


def test_check_mode_writes_nothing(role, nginx):
    assert role(check=True, **APP)["changed"]
    assert not nginx.exists()
    role(**APP)
    before = nginx.read_text()
    result = role(check=True, **SHOP | {"nginx_server_extra": "no_such_directive;"})
    assert (result["changed"], nginx.read_text()) == (True, before)
    assert "BEGIN site shop" in result["diff"]["after"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"nginx_server_name": "www.A.test", "nginx_http_port": "8080"}, ""),
        ({"nginx_server_name": "x.test A.test"}, "nginx_server_name holds 'a.test', which the site app has on port 443 and 80"),
        ({"nginx_server_name": "a.test", "nginx_http_port": 8080, "nginx_https_port": "8443"}, ""),
        ({"nginx_server_name": "_"}, "nginx_default_server is true, which the site app has on port 443 and 80."),
        ({"nginx_default_server": "yes"}, "nginx_default_server is true, which the site app has"),
        ({"nginx_backend_address": "localhost:8000"}, "nginx_backend_address is 'localhost:8000', but the site app has "
         "nginx_backend_address '127.0.0.1:8000'. Set another one."),
        ({"nginx_backend_address": "127.0.0.1:8001"}, "the site app has nginx_candidate_address '127.0.0.1:8001'"),
        ({"nginx_candidate_address": "127.0.0.1:8008"}, "the site app has nginx_traffic_address '127.0.0.1:8008'"),
        ({"nginx_candidate_address": "localhost:443"}, "the site app has nginx_https_port 443"),
        ({"nginx_traffic_address": "127.0.0.1:8008"}, "Set another one, here and in fastapi_app_traffic_url."),
        ({"nginx_http_port": 443, "nginx_https_port": 8443}, "nginx_http_port is 443, but the site app has nginx_https_port 443"),
        ({"nginx_https_port": 8000}, "nginx_https_port is 8000, but the site app has nginx_backend_address"),
        ({"nginx_candidate_flag": "/run/table-order/candidate-live"}, "nginx_candidate_flag is '/run/table-order/candidate-live', "
         "which the site app has"),
        ({"nginx_candidate_flag": "/run/table-order/candidate-live", "nginx_candidate_address": ""}, ""),
        ({"nginx_backend_address": "app.internal:8000", "nginx_candidate_address": ""}, ""),
        ({"nginx_proxy_protocol": True, "nginx_trusted_proxies": ["10.0.0.0/8"]}, "nginx_proxy_protocol is not that which the site "
         "app has on port 443 and 80"),
    ],
)  # fmt: skip
def test_a_site_that_needs_what_another_has_is_refused_by_name(role, nginx, given, said):
    role(**APP)
    before = nginx.read_text()
    for state in ("checked", "present"):
        result = role(state, **SHOP | given)
        assert result.get("failed", False) is bool(said)
        assert said in result.get("msg", "")
    assert (nginx.read_text() == before) is bool(said)


def test_one_application_has_several_names_and_pairs(role, nginx):
    role(**APP)
    assert role(**ALIAS)["changed"]
    pairs = re.findall(r"ssl_certificate (\S+);", nginx.read_text())
    assert len(set(pairs)) == 2
    assert "/etc/nginx/tls/alias-self-signed-new/certificate.pem" in pairs
    # All of the application, or nothing.
    result = role(
        **ALIAS | {"nginx_site": "part", "nginx_server_name": "d.test", "nginx_candidate_address": ""}
    )
    assert "nginx_backend_address is '127.0.0.1:8000', but the site alias has" in result["msg"]


@pytest.mark.parametrize(
    "other", [{}, {"nginx_proxy_protocol": True, "nginx_trusted_proxies": ["10.0.0.0/8"]}]
)
def test_unknown_names_are_refused_where_no_site_answers_them(role, nginx, other):
    role(**SHOP | other)
    text = nginx.read_text()
    options = " proxy_protocol" if other else ""
    found = re.search(r"# BEGIN unknown names\n    server \{\n(.*?)\n    \}", text, re.DOTALL)[1]
    assert [line.strip() for line in found.splitlines()] == [
        f"listen 80 default_server{options};",
        f"listen [::]:80 default_server{options};",
        f"listen 443 ssl default_server{options};",
        f"listen [::]:443 ssl default_server{options};",
        "access_log off;",
        "ssl_reject_handshake on;",
        "return 421;",
    ]
    role(**APP | other)
    assert "unknown names" not in nginx.read_text()
    role(**APP | other | {"nginx_default_server": False, "nginx_http_port": 8080})
    assert sorted(re.findall(r"listen (\d+)[^;]*default_server", nginx.read_text())) == ["443", "80", "8080"]
    role("absent")
    assert nginx.read_text() == text


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, False),
        ({"nginx_server_name": "b.test", "nginx_candidate_flag": "/run/b/live"}, False),
        ({"nginx_backend_address": "127.0.0.1:9000"}, True),
        ({"nginx_backend_address": "127.0.0.1:9000", "nginx_replace_application": "yes"}, False),
    ],
)
@pytest.mark.parametrize("earlier", ["", "app_", "table_order_"])
def test_a_second_application_does_not_take_the_first_ones_place(role, nginx, given, refused, earlier):
    role(**APP)
    if earlier:
        nginx.write_text(re.sub("\n.*(BEGIN|END) site.*", "", one_site(**APP)).replace("app_", earlier))
    result = role("checked", **APP | given)
    assert result.get("failed", False) is refused
    assert not refused or "serves an application at 127.0.0.1:8000 as the site app." in result["msg"]
    if not refused:
        role(**APP | given)
        expected = one_site(**APP | given)
        assert nginx.read_text() == expected


def test_a_second_site_does_not_lose_one_of_an_earlier_version(role, nginx):
    nginx.write_text(re.sub("\n.*(BEGIN|END) site.*", "", one_site(**APP)))
    before = nginx.read_text()
    result = role(**SHOP)
    assert (
        "Run the role for that application first (nginx_site: app), then for the site shop." in result["msg"]
    )
    assert nginx.read_text() == before
    role(**APP)
    assert role(**SHOP)["changed"]


def test_a_package_s_nginx_conf_has_no_sites(role, nginx):
    nginx.write_text("http {\n    server {\n        listen 80;\n    }\n}\n")
    assert role(**SHOP)["others"] == []
    assert sites(nginx) == ["shop"]


@pytest.mark.parametrize(
    ("line", "edited", "said"),
    [
        ('# BEGIN site shop {"', "# BEGIN site shop {", "Expecting"),
        ("# BEGIN site shop", "# site shop", "END site shop has no other line for it"),
        ("    # END site shop\n", "", "BEGIN site shop has no other line for it"),
        ("    # END site shop", "# END site shop", "BEGIN site shop has no other line for it"),
    ],
)
def test_an_edited_line_loses_no_site(role, nginx, line, edited, said):
    role(**APP)
    role(**SHOP)
    nginx.write_text(nginx.read_text().replace(line, edited))
    before = nginx.read_text()
    for state in ("checked", "present", "absent"):
        message = role(state, **APP)["msg"]
        assert "was edited" in message
        assert said in message
    assert nginx.read_text() == before


def test_runs_on_one_host_wait_for_each_other(tmp_path):
    second = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    statuses = []
    with nginx_site.alone(tmp_path):
        statuses.append(
            subprocess.run(
                [sys.executable, "-c", second, tmp_path], stderr=subprocess.DEVNULL, check=False
            ).returncode
        )
    statuses.append(subprocess.run([sys.executable, "-c", second, tmp_path], check=False).returncode)
    assert statuses == [1, 0]

"""What `make up` prints opens: the customer's link has the table's code."""

import io
import json
import subprocess
from pathlib import Path

import pytest

from playbooks.files import addresses
from playbooks.files.verify import CheckError

ROOT = Path(__file__).parents[2]
LOCAL = {"table_order_environment": "local", "table_order_demo_data": True, "ansible_host": "127.0.10.1"}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "00-cloud.yml").write_text("endpoint: http://127.0.0.1:5000\nregion: ap-northeast-2\n")
    return tmp_path


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(_: object, _method: str, path: str) -> object:
        return {"store_id": 7} if path.endswith("whoami") else [{"number": 3, "code": "the-code"}]

    monkeypatch.setattr(addresses, "demo_password", lambda *_: "password")
    monkeypatch.setattr(addresses.Api, "log_in", lambda *_: None)
    monkeypatch.setattr(addresses.Api, "call", call)


@pytest.mark.usefixtures("api")
def test_the_demo_stores_table_opens_with_its_code(inventory):
    found = dict(addresses.addresses(LOCAL, inventory))
    assert found["Customer"] == "http://127.0.10.1/?store=7&table=3#code=the-code"
    assert found["Admin"] == "http://127.0.10.1/admin/"


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "changes",
    [
        {"table_order_demo_data": False},
        {"table_order_plain_http": False},
        {"table_order_environment": "production"},
    ],
)
def test_elsewhere_nothing_logs_in(inventory, monkeypatch, changes):
    monkeypatch.setattr(addresses, "demo_password", lambda *_: pytest.fail("a password was read"))
    found = dict(addresses.addresses(LOCAL | changes, inventory))
    assert found["Customer"] == addresses.ON_THE_PAGE


@pytest.mark.usefixtures("api")
def test_a_site_that_does_not_answer_has_addresses_all_the_same(inventory, monkeypatch):
    def fail(*_: object) -> None:
        raise CheckError("no answer")

    monkeypatch.setattr(addresses.Api, "log_in", fail)
    found = dict(addresses.addresses(LOCAL, inventory))
    assert "CheckError" in found["Customer"]
    assert found["Superadmin"] == "http://127.0.10.1/superadmin/"


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"nginx_http_port": 8081}, "http://127.0.10.1:8081"),
        ({"table_order_plain_http": False, "nginx_https_port": "8443"}, "https://127.0.10.1:8443"),
        ({"table_order_plain_http": False, "table_order_host_name": "shop.test"}, "https://shop.test"),
    ],
)
def test_the_address_has_the_port(changes, url):
    assert addresses.site_url(LOCAL | {"nginx_http_port": 80, "nginx_https_port": 443} | changes)[0] == url


def test_the_server_is_found_whatever_its_name_is():
    """That of staging is table-order-staging-app-server."""
    listed = {"app_server": {"hosts": ["a-server"]}, "_meta": {"hostvars": {"a-server": LOCAL, "data": {}}}}
    assert addresses.server(listed) == LOCAL
    assert addresses.server({"_meta": {"hostvars": {}}}) == {}


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda script: script.name)
def test_a_script_that_is_asked_what_it_does_says_so_and_does_nothing_else(script):
    run = subprocess.run([script, "--help"], capture_output=True, text=True, check=True, timeout=60)
    does = script.read_text().splitlines()[1].removeprefix("# ").split(".")[0].split(":")[0]
    assert does[:18] in run.stdout or "usage: scripts/policy" in run.stdout
    assert len(run.stdout.splitlines()) < 40


def test_what_ansible_inventory_marks_as_no_template_is_read(inventory, monkeypatch, capsys):
    """It wraps what an inventory plugin has read from AWS, and so the server's address."""
    listed = {
        "app_server": {"hosts": ["a-server"]},
        "_meta": {
            "hostvars": {
                "a-server": LOCAL
                | {"table_order_demo_data": False, "ansible_host": {"__ansible_unsafe": "127.0.10.1"}}
            }
        },
    }
    monkeypatch.setattr(addresses.sys, "stdin", io.StringIO(json.dumps(listed)))
    monkeypatch.setattr(addresses.sys, "argv", ["addresses.py", str(inventory)])
    addresses.main()
    assert "http://127.0.10.1/admin/" in capsys.readouterr().out

"""What `make up` prints opens: the customer's link has the table's code."""

from pathlib import Path

import pytest

from playbooks.files import addresses
from playbooks.files.verify import CheckError

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

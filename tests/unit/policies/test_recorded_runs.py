"""A recording says whose calls it has: the playbook's whose play runs, also when site.yml imports it, and the test's."""

import importlib.util
import json
from types import SimpleNamespace

import pytest

from tests.e2e import site

FILE = site.ROOT / "tests/e2e/callbacks/which_playbook.py"


@pytest.fixture
def told(monkeypatch):
    """What the local cloud is told, in order."""
    runs = []
    monkeypatch.setattr(site, "call", lambda method, path, value: runs.append(value))
    return runs


def test_a_run_is_noted_by_its_playbook_and_its_test_and_ends_as_nobody_s(told):
    with (
        pytest.raises(KeyError),
        site.recorded(["playbooks/deploy.yml", "--check", "-e", "@x.yml"]) as noting,
    ):
        raise KeyError
    test = "test_a_run_is_noted_by_its_playbook_and_its_test_and_ends_as_nobody_s"
    assert told == [f"deploy.yml --check | {test}", ""]
    with site.recorded(["site.yml"]) as noting:
        assert noting["TABLE_ORDER_TEST"] == test
        assert str(FILE.parent) in noting["ANSIBLE_CALLBACK_PLUGINS"].split(":")
    assert told[2:] == [f"site.yml | {test}", ""]


@pytest.mark.parametrize(("check", "name"), [(False, "verify.yml"), (True, "verify.yml --check")])
def test_each_play_is_its_file_s(check, name, monkeypatch):
    spec = importlib.util.spec_from_file_location("which_playbook", FILE)
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    sent = []
    monkeypatch.setattr(
        plugin.urllib.request,
        "urlopen",
        lambda request, timeout: sent.append(request) or SimpleNamespace(close=int),
    )
    monkeypatch.setattr(plugin.context, "CLIARGS", {"check": check})
    callback, play = plugin.CallbackModule(), SimpleNamespace(get_path=lambda: "/x/playbooks/verify.yml:3")
    callback.v2_playbook_on_play_start(play)
    assert sent == []
    monkeypatch.setenv("TABLE_ORDER_TEST_RUN", "http://127.0.0.1:1/local-cloud/run")
    monkeypatch.setenv("TABLE_ORDER_TEST", "test_x")
    callback.v2_playbook_on_play_start(play)
    assert [json.loads(one.data) for one in sent] == [f"{name} | test_x"]
    assert sent[0].get_method() == "PUT"

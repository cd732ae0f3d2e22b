"""A recording says whose calls it has: the playbook's whose play runs, also when site.yml imports it, and the test's."""

import importlib.util
import inspect
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import iam
from iam import usage
from tests.e2e import conftest, site

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


def test_each_playbook_gets_the_policies_that_readme_names_and_no_other(monkeypatch):
    given = {}
    monkeypatch.setattr(site, "aws", lambda service: SimpleNamespace(create_policy=lambda **_: None))
    monkeypatch.setattr(site, "call", lambda method, path, value: given.update(value))
    site.administer()
    assert given["policies"] == [iam.render(policy, site.TARGET) for policy in iam.POLICIES]
    runs = {run: [iam.POLICIES[number] for number in numbers] for run, numbers in given["runs"].items()}
    named = usage.named(usage.README.read_text())
    assert {run: policies for run, policies in runs.items() if run in named} == named
    assert runs["deploy.yml --check"] == named["deploy.yml"]
    assert runs["provision.yml --check"] != named["provision.yml"]


@pytest.mark.parametrize(
    ("allowed_by", "said"), [("operate", ""), ("data", "deploy.yml used rds:CreateDBSnapshot")]
)
def test_the_end_of_the_tests_tells_what_a_playbook_used_beyond_its_policies(allowed_by, said, monkeypatch):
    """This found that deploy.yml needed a policy that README did not name."""
    done = []
    monkeypatch.delenv("E2E_KEEP", raising=False)
    monkeypatch.setattr(site, "fresh_cloud", lambda: done.append("start"))
    monkeypatch.setattr(site, "cloud", done.append)
    used = {"deploy.yml | test_x": {"rds:CreateDBSnapshot": [[allowed_by]]}}
    monkeypatch.setattr(site, "permissions", lambda: {"used": used})
    session = inspect.unwrap(conftest._local_cloud)()
    next(session)
    with pytest.raises(AssertionError if said else StopIteration, match=said):
        next(session)
    assert done == ["start", "stop"]


def test_each_test_that_a_recording_names_exists():
    written = [path.read_text() for path in site.ROOT.glob("tests/*/test_*.py")]
    tests = {name for text in written for name in re.findall(r"^(?:def )?(test_\w+)", text, re.MULTILINE)}
    states = yaml.safe_load((Path(__file__).parent / "states.yml").read_text())["recorded by"]
    named = {name for one in usage.read(usage.USED.read_text()).values() for name in one.recorded}
    named |= {name for of in states.values() for names in of.values() for name in names}
    unknown = {name for name in named if name.partition("[")[0] not in tests}
    assert {name for name in unknown if not name.startswith("by hand: ")} == set()

"""The drills' results outlive their runs, and their commands are those of the runbooks."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.drills import results, runbook
from tests.e2e import site

TESTS = [
    "tests/drills/test_scale.py::test_up",
    "tests/drills/test_scale.py::test_down[server]",
    "tests/drills/test_patch.py::test_well",
]
PASSED = {"result": "passed", "seconds": 65, "at": "", "commit": "abc"}


def test_a_part_is_repeated_until_all_its_tests_have_passed():
    assert results.to_run({}, TESTS) == TESTS
    found = {"scale": {"test_up": PASSED}, "patch": {"test_well": PASSED}}
    assert results.to_run(found, TESTS) == TESTS[:2]
    found["scale"]["test_down[server]"] = PASSED | {"result": "failed"}
    assert results.to_run(found, TESTS) == TESTS[:2]
    found["scale"]["test_down[server]"] = PASSED
    assert results.to_run(found, TESTS) == []


def test_the_results_come_back_from_the_file(tmp_path):
    file = tmp_path / "state/drills.json"
    assert results.read(file) == {}
    results.write({"scale": {"test_up": PASSED}}, file)
    assert results.read(file) == {"scale": {"test_up": PASSED}}
    assert [path.name for path in file.parent.iterdir()] == ["drills.json"]


def test_the_table_has_what_was_measured():
    found = {
        "scale": {"test_up": PASSED | {"rto": 754, "rpo": 0, "failed": 12, "document": "5 to 10 minutes"}}
    }
    *_, line = results.table(found).splitlines()
    assert line == "| scale: up | passed | 1 min 5 s | 12 min 34 s | 0 s | 12 |  | 5 to 10 minutes | abc |"


VERBS = sorted(path.stem for path in runbook.PAGES.glob("*.md") if path.stem != "README")


@pytest.mark.parametrize("verb", VERBS)
def test_each_runbook_begins_with_its_command(verb):
    text = (runbook.PAGES / f"{verb}.md").read_text()
    assert re.match(r"# .+\n\n```\n(ansible-playbook|scripts/)", text), "the command first"
    assert (runbook.PAGES / "README.md").read_text().count(f"]({verb}.md)") == 1


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if (Path(runbook.site.ROOT) / f"playbooks/{verb}.yml").exists()]
)
def test_the_command_of_a_runbook_is_read_from_its_page(verb):
    words = runbook.command(verb)
    assert words[0] == f"playbooks/{verb}.yml"
    assert "-i" not in words


def test_the_service_s_secrets_are_not_those_of_bystanders(monkeypatch):
    name = f"{site.TARGET.name}/app/settings"
    values = {name: '{"a": "b"}', name.replace("/", "-other/", 1): "c"}
    client = SimpleNamespace(
        list_secrets=lambda: {"SecretList": [{"Name": one} for one in values]},
        get_secret_value=lambda **of: {"SecretString": values[of["SecretId"]]},
    )
    monkeypatch.setattr(site, "aws", lambda _service: client)
    assert site.secrets() == {name: {"a": "b"}}

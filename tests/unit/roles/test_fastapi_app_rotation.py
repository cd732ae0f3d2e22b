"""A log that another rule rotates already is refused before this role's rule is written."""

import pytest
import yaml

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.preflight_runs import results, run_play
from tests.unit.tasks import ROOT

TASKS = ROOT / "roles/fastapi_app/tasks/host/logs.yml"
NAMES = (
    "Logs | Find other rotation rules for the logs",
    "Logs | Refuse logs that other rules rotate",
)
# As logrotate does, this says which files a rule's patterns mean.
LOGROTATE = """#!/bin/sh
[ "$1" = --debug ] || exit 1
echo "reading config file $2" >&2
for log in $(sed 's/{.*//' "$2"); do echo "considering log $log" >&2; done
"""
# The rules that are there, by file, and the files that are named.
CASES = {
    "only its own": ({"shop": "LOGS/fastapi.log LOGS/worker.log {}"}, []),
    "of other logs": (
        {"nginx": "LOGS/nginx-*.log {}", "x": "LOGS/fastapi.log.old {}", "y": "LOGS/fastapi_log {}"},
        [],
    ),
    "an earlier name": (
        {"old": "LOGS/fastapi.log {}", "shop": "LOGS/fastapi.log {}"},
        ["fastapi.log in RULES/old"],
    ),
    "a pattern": (
        {"all": "LOGS/*.log {}", "b": "/x.log LOGS/worker.log {}"},
        ["fastapi.log in RULES/all", "worker.log in RULES/all", "worker.log in RULES/b"],
    ),
    "files that logrotate skips": (
        {f"shop{end}": "LOGS/fastapi.log {}" for end in (".dpkg-old", ".rpmsave", ".bak", ".disabled", "~")},
        [],
    ),
    "no rules": ({}, []),
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory) -> dict[str, str]:
    """Return what is said of each case, with LOGS and RULES for the directories."""
    directory = tmp_path_factory.mktemp("rotation")
    (directory / "logrotate").write_text(LOGROTATE)
    (directory / "logrotate").chmod(0o755)
    tasks = [task for task in yaml.safe_load(TASKS.read_text()) if task["name"] in NAMES]
    tasks[0]["environment"]["PATH"] = f"{directory}:/usr/bin:/bin"
    report = {
        "name": "Message",
        "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg | default('accepted') }}"},
    }
    play = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"__fastapi_app_logs": ["{{ logs }}/fastapi.log", "{{ logs }}/worker.log"]},
            "tasks": [{"block": [*tasks, report], "rescue": [report]}],
        }
    ]
    hosts = {}
    for number, (name, (rules, _named)) in enumerate(CASES.items()):
        logs, there = directory / f"logs{number}", directory / f"rules{number}"
        logs.mkdir()
        there.mkdir()
        for log in ("fastapi.log", "worker.log", "nginx-access.log"):
            (logs / log).touch()
        for file, rule in rules.items():
            (there / file).write_text(rule.replace("LOGS", str(logs)))
        hosts[name] = {"logs": str(logs), "__fastapi_app_rotation_rules": str(there)}
    every = {
        "ansible_connection": "local",
        "ansible_python_interpreter": INTERPRETER,
        "fastapi_app_service": "shop",
        "fastapi_app_log_directory": "{{ logs }}",
    }
    found = results(run_play(directory, play, {"all": {"hosts": hosts, "vars": every}}), CASES)
    return {
        name: dict(done)["Message"]["msg"]
        .replace(hosts[name]["logs"], "LOGS")
        .replace(hosts[name]["__fastapi_app_rotation_rules"], "RULES")
        for name, done in found.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_a_second_rule_for_a_log_is_refused_by_its_file(messages, case):
    named = CASES[case][1]
    if named:
        said = ", ".join(f"LOGS/{one}" for one in named)
        assert f"already rotation rules for {said}. logrotate accepts one rule" in messages[case]
    else:
        assert messages[case] == "accepted"

"""scripts/status: its exit code and output, with a stand-in for ansible-playbook; and the playbook's wiring."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.table_order.infra.plugins.plugin_utils.status import judge

from tests.unit.status.samples import account, facts

ROOT = Path(__file__).parents[3]
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$0.arguments"
echo "output of the run"
for argument; do
  case $argument in __status_copy=*) [ ! -s "$0.status" ] || cp "$0.status" "${argument#*=}" ;; esac
done
exit "$(cat "$0.code")"
"""


def stopped():
    found = facts()
    account(found, "servers")["state"] = "stopped"
    return found


def denied():
    found = facts()
    found["account"]["looks"]["alarms"] = {"error": "AWS denied cloudwatch:DescribeAlarms."}
    return found


@pytest.fixture
def run(tmp_path):
    """Return a function that runs scripts/status after a run of ansible-playbook with this exit code and these facts."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for directory in ("plugins", "inventories"):
        (tmp_path / directory).symlink_to(ROOT / directory)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    shutil.copy(ROOT / "scripts/status", tmp_path / "scripts/status")
    program = tmp_path / ".venv/bin/ansible-playbook"
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def act(code, found=None, *arguments):
        Path(f"{program}.code").write_text(str(code))
        Path(f"{program}.status").write_text(json.dumps(judge(found)) if found else "")
        done = subprocess.run(
            [tmp_path / "scripts/status", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        assert list(tmp_path.glob("tmp.*")) == []
        done.arguments = Path(f"{program}.arguments").read_text().splitlines()
        return done

    return act


@pytest.mark.parametrize("code", [0, 2, 4])
@pytest.mark.parametrize(("found", "status"), [(facts(), 0), (stopped(), 1), (denied(), 2)])
def test_it_prints_the_screen_alone_and_exits_with_its_status(run, found, status, code):
    """Whatever the run exits with: an unreachable server is a failure for ansible-playbook (4)."""
    done = run(code, found)
    assert done.returncode == status
    assert done.stdout.startswith("Status of table-order (production): account 123456789012")
    assert "output of the run" not in done.stdout + done.stderr


@pytest.mark.parametrize("code", [0, 1, 2, 4])
def test_a_run_without_a_status_could_not_look(run, code):
    done = run(code)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "output of the run\nThe service could not be looked at.\n"


@pytest.mark.parametrize(
    ("named", "used"), [("staging", "inventories/staging"), ("tests/inventory", "tests/inventory")]
)
def test_an_inventory_is_a_name_or_a_path_and_options_are_those_of_ansible_playbook(run, named, used):
    done = run(0, facts(), named, "-e", "status_json=x")
    assert done.arguments[:5] == ["playbooks/status.yml", "-i", used, "-e", "status_json=x"]


def tasks(listed):
    for task in listed:
        yield task
        for part in ("block", "rescue"):
            yield from tasks(task.get(part, []))


def test_the_playbook_only_looks_and_writes_the_status_for_its_reader_alone():
    plays = yaml.safe_load((ROOT / "playbooks/status.yml").read_text())
    listed = [task for play in plays for task in tasks(play["tasks"])]
    modules = {key: task for task in listed for key in task if "." in key}
    assert {key for key in modules if not key.startswith("ansible.builtin.")} == {
        "table_order.infra.account_status_info",
        "table_order.infra.public_address_info",
        "table_order.infra.server_status_info",
    }
    entries = {task[key]["tasks_from"]: task[key] for task in listed for key in task if key.endswith("_role")}
    assert set(entries) == {"preflight", "host_key", "status"}
    # A host key would be recorded as a tag of the instance.
    assert entries["host_key"]["apply"]["check_mode"] is True
    assert modules["ansible.builtin.copy"]["ansible.builtin.copy"]["mode"] == "0600"


def test_nothing_ends_the_look_of_the_others():
    plays = yaml.safe_load((ROOT / "playbooks/status.yml").read_text())
    looks = [
        task for play in plays for task in tasks(play["tasks"]) if any(key.endswith("_info") for key in task)
    ]
    assert [task.get("failed_when") for task in looks] == [False] * 3
    assert plays[1]["ignore_unreachable"] is True

"""scripts/plan: its exit code and output, with a stand-in for ansible-playbook; and the playbook's wiring."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan import plan

from tests.unit.account_plan.samples import described, found, nothing

ROOT = Path(__file__).parents[3]
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$0.arguments"
echo "output of the run"
for argument; do
  case $argument in __plan_copy=*) [ ! -s "$0.plan" ] || cp "$0.plan" "${argument#*=}" ;; esac
done
exit "$(cat "$0.code")"
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs scripts/plan after a run of ansible-playbook with this exit code and plan."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for directory in ("plugins", "inventories"):
        (tmp_path / directory).symlink_to(ROOT / directory)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    shutil.copy(ROOT / "scripts/plan", tmp_path / "scripts/plan")
    program = tmp_path / ".venv/bin/ansible-playbook"
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def act(code, read=None, *arguments):
        Path(f"{program}.code").write_text(str(code))
        written = json.dumps(plan(described(), read, "local")) if read else ""
        Path(f"{program}.plan").write_text(written)
        done = subprocess.run(
            [tmp_path / "scripts/plan", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        assert list(tmp_path.glob("tmp.*")) == []
        done.arguments = Path(f"{program}.arguments").read_text().splitlines()
        return done

    return act


@pytest.mark.parametrize(("read", "code"), [(found(), 0), (nothing(), 2)])
def test_it_prints_the_plan_alone_and_exits_with_its_status(run, read, code):
    done = run(0, read)
    assert done.returncode == code
    assert done.stdout.startswith("Plan for local: account 123456789012")
    assert "output of the run" not in done.stdout + done.stderr


@pytest.mark.parametrize(("code", "read"), [(2, None), (4, nothing()), (0, None)])
def test_a_failed_run_is_an_error_with_its_output(run, code, read):
    """A failed task is 2 for ansible-playbook, which is no change here. A run that writes no plan (--list-tasks) has none."""
    done = run(code, read)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "output of the run\n"


def test_its_options_are_those_of_ansible_playbook_and_cannot_turn_changes_into_a_failure(run):
    done = run(0, found(), "-i", "other", "-e", "plan_exit_code=true")
    assert done.arguments[:5] == ["playbooks/plan.yml", "-i", "other", "-e", "plan_exit_code=true"]
    assert "plan_exit_code=false" in done.arguments[5:]


@pytest.mark.parametrize(
    ("named", "used"), [("staging", "inventories/staging"), ("tests/inventory", "tests/inventory")]
)
def test_an_inventory_is_a_name_or_a_path(run, named, used):
    assert run(0, found(), named, "--limit", "aws").arguments[:5] == [
        "playbooks/plan.yml",
        "-i",
        used,
        "--limit",
        "aws",
    ]


def tasks_of(name):
    return yaml.safe_load((ROOT / f"playbooks/tasks/{name}.yml").read_text())


def test_the_areas_are_the_tags_of_provisioning_in_its_order():
    areas = yaml.safe_load((ROOT / "playbooks/vars/account.yml").read_text())["__account_areas"]
    provision = yaml.safe_load((ROOT / "playbooks/provision.yml").read_text())
    assert areas == provision[0]["tasks"][1]["tags"]


def test_the_playbook_only_reads_and_writes_the_plan_for_its_reader_alone():
    [play] = yaml.safe_load((ROOT / "playbooks/plan.yml").read_text())
    tasks = [*play["tasks"], *tasks_of("settings"), *tasks_of("plan"), *tasks_of("account")]
    modules = {key: task for task in tasks for key in task if "." in key}
    assert set(modules) == {
        "ansible.builtin.import_tasks",
        "ansible.builtin.include_role",
        "table_order.infra.account_resources_info",
        "ansible.builtin.set_fact",
        "ansible.builtin.copy",
        "ansible.builtin.debug",
        "ansible.builtin.assert",
    }
    assert modules["ansible.builtin.copy"]["ansible.builtin.copy"]["mode"] == "0600"

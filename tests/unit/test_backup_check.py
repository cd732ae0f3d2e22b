"""playbooks/backup_check.yml never touches the live database, whatever settings the command line has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_settings_wired import Scope

PLAYS = yaml.safe_load((Path(__file__).parents[2] / "playbooks/backup_check.yml").read_text())
READS = {
    "amazon.aws.rds_instance_info",
    "table_order.infra.db_migrate_contents_info",
    "ansible.builtin.assert",
    "ansible.builtin.import_role",
    "ansible.builtin.include_role",
    "ansible.builtin.meta",
    "ansible.builtin.set_fact",
}


def tasks(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        yield task
        for part in ("block", "rescue"):
            yield from tasks(task.get(part, []))


TASKS = [task for play in PLAYS for task in tasks(play["tasks"])]
MODULES = [(key, task[key]) for task in TASKS for key in task if "." in key]


def test_what_is_restored_or_deleted_has_a_name_of_the_check():
    changes = [(name, arguments) for name, arguments in MODULES if name not in READS]
    assert [(name.rpartition(".")[2], one["db_instance_identifier"]) for name, one in changes] == [
        ("rds_removal", "{{ item }}"),
        ("rds_restore", "{{ __check_name }}"),
        ("rds_removal", "{{ __check_name }}"),
    ]
    [left] = [task for task in TASKS if "loop" in task and "table_order.infra.rds_removal" in task]
    assert left["loop"] == "{{ __left }}"
    variables = PLAYS[1]["vars"]
    assert variables["__prefix"] == "{{ table_order_database_identifier }}-check-"
    [named] = [one["__check_name"] for _, one in MODULES if isinstance(one, dict) and "__check_name" in one]
    assert named.startswith("{{ __prefix }}")


OURS = {"Project": "table-order", "Environment": "local", "Name": "x"}


@pytest.mark.parametrize(
    ("name", "tags", "is_left"),
    [
        ("table-order-db-check-20261128120000", OURS, True),
        ("table-order-db-check-mine", OURS, False),
        ("table-order-db-check-20261128120000-copy", OURS, False),
        ("my-table-order-db-check-20261128120000", OURS, False),
        ("table-order-db-check-20261128120000", {}, False),
        ("table-order-db-check-20261128120000", OURS | {"Environment": "staging"}, False),
        ("table-order-db-check-20261128120000", OURS | {"Project": "other"}, False),
    ],
)
def test_only_what_a_check_has_left_is_deleted(name, tags, is_left):
    found = {"instances": [{"db_instance_identifier": name, "tags": tags}]}
    scope = Scope("table_order", **PLAYS[1]["vars"], __check_instances=found, table_order_environment="local")
    assert scope.see("{{ __left }}") == [name] * is_left


def test_no_role_acts_on_a_database_that_a_setting_names():
    roles = [one for name, one in MODULES if name.endswith("_role")]
    assert {one["tasks_from"] for one in roles} == {
        "server",
        "preflight",
        "unfinished",
        "begin",
        "secrets",
        "end",
        "stop",
    }


def test_an_unfinished_recovery_is_named_before_a_missing_database():
    names = [task["name"] for task in TASKS]
    assert names.index("Refuse a check before the end of a recovery") < names.index("Require a live database")


def test_the_restored_database_is_removed_whatever_was_found():
    [last] = [task for task in PLAYS[-1]["tasks"] if "block" in task]
    names = [task["name"] for task in last["block"]]
    assert names.index("Delete the restored database") < names.index("Require the same contents")
    assert PLAYS[2]["ignore_unreachable"] is True

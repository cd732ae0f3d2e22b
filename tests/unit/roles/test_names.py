"""Every entry point refuses a misspelled setting by name, with the closest known one.

One play for all cases: each is a host, with its settings.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.unit.roles.preflight_runs import run_play

ROOT = Path(__file__).parents[3]
LOOP = yaml.safe_load((ROOT / "roles/table_order/tasks/preflight.yml").read_text())[-1]["loop"]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
# The role, the entry point, what is set, and the name that is proposed; None where it must be taken.
CASES = {
    "rollback": ("fastapi_app", "rollback", "fastapi_app_relase", "fastapi_app_release"),
    "lock": ("fastapi_app", "lock", "fastapi_app_lock_wiat", "fastapi_app_lock_wait"),
    "check": ("fastapi_app", "check", "fastapi_app_health_ulr", "fastapi_app_health_url"),
    "status": ("fastapi_app", "status", "fastapi_app_hom", "fastapi_app_home"),
    "site": ("table_order", "preflight", "table_order_no_logg", "table_order_no_log"),
    "database": ("table_order", "preflight", "aws_database_backup_windo", "aws_database_backup_window"),
    "inventory": ("table_order", "names", "table_order_demo_data", None),
    "published": ("table_order", "names", "table_order_network", None),
}
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"table_order_environment": "local", "__table_order_role": "table_order"},
        "tasks": [
            {
                "block": [
                    {"ansible.builtin.include_role": {"name": f"{ROOT}/roles/{{{{ role }}}}", "tasks_from": "{{ entry }}"}}
                ],
                "rescue": [{"ansible.builtin.debug": {"msg": "Refused: {{ ansible_failed_result.msg }}"}}],
            }
        ],
    }
]  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """What was said of each case that was refused."""
    hosts = {
        name: {"ansible_connection": "local", "role": role, "entry": entry, setting: "x"}
        for name, (role, entry, setting, _) in CASES.items()
    }
    report = json.loads(run_play(tmp_path_factory.mktemp("names"), PLAY, {"all": {"hosts": hosts}}))
    return {
        host: str(result["msg"])
        for task in report["plays"][0]["tasks"]
        for host, result in task["hosts"].items()
        if str(result.get("msg", "")).startswith("Refused: ")
    }


@pytest.mark.parametrize("case", CASES)
def test_a_misspelled_setting_is_refused_with_the_nearest_name(said, case):
    *_, setting, meant = CASES[case]
    if meant is None:
        assert case not in said
    else:
        assert f"{setting} is not a setting of this role. Did you mean {meant}?" in said[case]


def test_playbooks_that_look_for_the_server_refuse_them_first(tmp_path):
    hosts = {"lane": {"ansible_connection": "local", "table_order_poll_secodns": 1}}
    task = {"ansible.builtin.import_role": {"name": f"{ROOT}/roles/table_order", "tasks_from": "server"}}
    play = [{"hosts": "aws", "gather_facts": False, "tasks": [task]}]
    report = run_play(tmp_path, play, {"aws": {"hosts": hosts}, "app_server": {}}, status=2)
    assert "Did you mean table_order_poll_seconds?" in report


def test_every_name_that_the_project_uses_is_known():
    known = yaml.safe_load((ROOT / "roles/table_order/vars/main.yml").read_text())
    specification = yaml.safe_load((ROOT / "roles/table_order/meta/argument_specs.yml").read_text())
    files = [path for directory in ("inventories", "playbooks") for path in (ROOT / directory).rglob("*.yml")]
    text = "\n".join(path.read_text() for path in [*files, ROOT / "plugins/inventory/table_order_cloud.py"])
    # Not the name of a group of the inventory.
    used = set(re.findall(r"(?<!prefix: )\btable_order_(?!cloud\b)[a-z_]+\b(?!\()", text))
    assert used <= {
        *specification["argument_specs"]["main"]["options"],
        *(name for names in known.values() for name in names),
    }


def test_the_names_of_every_role_are_checked():
    assert sorted(LOOP) == ROLES

"""A run refuses invalid settings in each role and entry point, before it changes anything. One play: each case is a host."""

import json
import re

import pytest
from ansible_collections.table_order.infra.plugins.plugin_utils import settings

from tests.unit.roles.cloud_runs import INTERPRETER
from tests.unit.roles.preflight_runs import assert_ansible_gives, run_play
from tests.unit.settings.tables import GIVEN
from tests.unit.tasks import ROOT
from tests.unit.test_settings_wired import PLAY as SITE

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
AMAZON = {"system": "Amazon", "family": "RedHat"}
PASSWORD = {"db_migrate_app": {"user": "x", "password": "tiger"}}
# The role, the entry point, what is set, and words of the refusal; none for what is accepted.
CASES = {role: (role, "preflight", {}, "") for role in ROLES} | {
    "rollback": ("fastapi_app", "rollback", {"fastapi_app_relase": "x"}, "Did you mean fastapi_app_release?"),
    "lock": ("fastapi_app", "lock", {"fastapi_app_lock_wiat": 1}, "Did you mean fastapi_app_lock_wait?"),
    "check": ("fastapi_app", "check", {"fastapi_app_health_ulr": "x"}, "Did you mean fastapi_app_health_url?"),
    "status": ("fastapi_app", "status", {"fastapi_app_hom": "x"}, "Did you mean fastapi_app_home?"),
    "release": ("fastapi_app", "release", {"fastapi_app_backend_path": "/x"}, "fastapi_app_backend_path is '/x'. Accepted: "),
    "activate": ("fastapi_app", "activate", {"fastapi_app_drain_seconds": -1}, "fastapi_app_drain_seconds is -1. Accepted: "),
    "deploy": ("fastapi_app", "deploy", {"fastapi_app_drain_seconds": -1}, "fastapi_app_drain_seconds is -1. Accepted: "),
    "nothing to run": ("fastapi_app", "run", {"fastapi_app_run": []}, "fastapi_app_run is []. Accepted: a command, such as -e"),
    "nothing to activate": ("fastapi_app", "activate", {"__fastapi_app_path": ""}, "fastapi_app_release_path is ''. Accepted: "),
    "lease": ("fastapi_app", "lock", {"fastapi_app_lock_lease": 5}, "fastapi_app_lock_lease is 5. Accepted: "),
    "site": ("table_order", "preflight", {"table_order_no_logg": 1}, "Did you mean table_order_no_log?"),
    "role": ("table_order", "preflight", {"aws_database_backup_windo": 1}, "Did you mean aws_database_backup_window?"),
    "shared": ("table_order", "preflight", {"aws_cache_identifier": "x"}, "Set only table_order_cache_identifier."),
    "inventory": ("table_order", "preflight", {"table_order_demo_data": 1, "table_order_network": {}}, ""),
    "type": ("db_migrate", "main", {"db_migrate_state": "gone"}, "db_migrate_state must be one of: present, absent"),
    "secret": ("db_migrate", "main", PASSWORD, "db_migrate_app.password is hidden (str). Accepted: text of 8 to 128"),
    "results": ("db_migrate", "preflight", {"db_migrate_result": {"revisions": [{"id": "0001"}]}}, ""),
    "password": ("nginx", "preflight", {"nginx_backend_address": "me:tiger@x:80"}, "nginx_backend_address is '***@x:80'. Acc"),
    "rpm on Debian": ("cloudwatch_agent", "preflight", {"cloudwatch_agent_package": "{tmp}/x.rpm"}, "on Debian: a .deb file"),
    "deb on Amazon": ("cloudwatch_agent", "preflight", AMAZON | {"cloudwatch_agent_package": "{tmp}/x.deb"}, "a .rpm file"),
    "directory": ("cloudwatch_agent", "preflight", {"cloudwatch_agent_package": "{tmp}/d.deb"}, "a readable file on the"),
    "deb": ("cloudwatch_agent", "preflight", {"cloudwatch_agent_package": "{tmp}/x.deb"}, ""),
    "rpm": ("cloudwatch_agent", "preflight", AMAZON | {"cloudwatch_agent_package": "{tmp}/x.rpm"}, ""),
    "user": ("cloudwatch_agent", "preflight", {"cloudwatch_agent_user": "gone"}, "but the host has no such user."),
    # What is to go may name a user that is gone.
    "absent": ("cloudwatch_agent", "preflight", {"cloudwatch_agent_user": "gone", "cloudwatch_agent_state": "absent"}, ""),
}  # fmt: skip
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact: {os_family: "{{ family }}", distribution: "{{ system }}", distribution_version: 1, cacheable: true}
    - block:
        - ansible.builtin.include_role: {name: "table_order.infra.{{ role }}", tasks_from: "{{ entry }}"}
        - ansible.builtin.debug: {msg: "Accepted"}
      rescue:
        - ansible.builtin.debug: {msg: "Refused: {{ ansible_failed_result.msg }}"}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple:
    """What the play is run with."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "d.deb").mkdir()
    for name in ("x.deb", "x.rpm"):
        (folder / name).touch()
    base = {"system": "Debian", "family": "Debian", "__fastapi_app_part": "main"} | SITE
    hosts = {}
    for name, (role, entry, values, _words) in CASES.items():
        needed = {key: value for key, value in GIVEN.get(role, {}).items() if key.startswith(role)}
        hosts[name] = (
            base
            | {"role": role, "entry": entry}
            | needed
            | json.loads(json.dumps(values).replace("{tmp}", str(folder)))
        )
    everywhere = {"ansible_connection": "local", "ansible_python_interpreter": INTERPRETER}
    return folder, PLAY, {"all": {"hosts": hosts, "vars": everywhere}}


@pytest.fixture(scope="module")
def printed(given) -> str:
    """What the play has printed, as JSON."""
    return run_play(*given)


@pytest.fixture(scope="module")
def said(printed) -> dict[str, str]:
    """What was said to each case."""
    assert "tiger" not in re.sub(r'"(db_migrate_app|nginx_backend_address)": .*', "", printed)
    report = json.loads(printed)
    assert {stats["changed"] for stats in report["stats"].values()} == {0}
    return {
        host: result["msg"]
        for task in report["plays"][0]["tasks"]
        for host, result in task["hosts"].items()
        if str(result.get("msg", "")).startswith(("Refused: ", "Accepted"))
    }


@pytest.mark.parametrize("case", CASES)
def test_a_run_refuses_invalid_settings_and_accepts_others(said, case):
    words = CASES[case][3]
    assert words in said[case] if words else said[case] == "Accepted"


def test_ansible_playbook_gives_the_same(printed, given):
    assert_ansible_gives(printed, ["nginx", "rollback", "secret", "rpm on Debian", "user"], *given)


def test_playbooks_that_look_for_the_server_refuse_them_first(tmp_path):
    hosts = {"lane": {"ansible_connection": "local", "table_order_poll_secodns": 1}}
    task = {"ansible.builtin.import_role": {"name": "table_order.infra.table_order", "tasks_from": "server"}}
    play = [{"hosts": "aws", "gather_facts": False, "tasks": [task]}]
    report = run_play(tmp_path, play, {"aws": {"hosts": hosts}, "app_server": {}}, status=2)
    assert "Did you mean table_order_poll_seconds?" in report


def test_every_name_that_the_project_uses_is_known():
    files = [path for directory in ("inventories", "playbooks") for path in (ROOT / directory).rglob("*.yml")]
    text = "\n".join(path.read_text() for path in [*files, ROOT / "plugins/inventory/table_order_cloud.py"])
    # Not the name of a group of the inventory.
    used = set(re.findall(r"(?<!prefix: )\btable_order_(?!cloud\b)[a-z_]+\b(?!\()", text))
    tags = {"table_order_zone_pair", "table_order_group_problems"}
    assert used - tags <= {*settings.options_of("table_order"), *settings.table_of("table_order").others}

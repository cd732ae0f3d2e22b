"""A whole deployment: its order, what its parts are told, and its ends. deploy.yml itself, among parts that say their names."""

import json
import os
import subprocess

import pytest
import yaml

from tests.unit.roles.preflight_runs import INLINE
from tests.unit.tasks import COLLECTION, ROOT

TASKS = ROOT / "roles/fastapi_app/tasks"
EXPAND = {"id": "0002", "title": "add", "contract": False, "applied": True}
CONTRACT = {"id": "0003", "title": "remove", "contract": True, "applied": False}
DATABASE = {"db_migrate_database": {"host": "db.example.org"}}
RESULT = {"release_id": "b", "live": "a", "schema_revisions": [{"id": "0001"}], "serving_revisions": ["0001"]}


def say(text: str) -> dict:
    return {"name": f"Say {text}", "ansible.builtin.debug": {"msg": text}}


def fact(**facts: object) -> dict:
    return {"name": "Set facts", "ansible.builtin.set_fact": facts}


def part(name: str, *tasks: dict) -> list[dict]:
    """Return tasks that say their name, fail where a test wants that, and do what others rely on."""
    fail = {"name": "Fail", "ansible.builtin.fail": {"msg": f"{name} failed"}, "when": f"fails == '{name}'"}
    return [say(name), fail, *tasks]


# Taken by the first who asks, unless the play holds it.
LOCK = fact(
    __fastapi_app_lock={"taken": "{{ not (held | default(play_holds)) }}"}, held="{{ true }}"
)  # fmt: skip
PARTS = {
    "preflight": [say("preflight {{ __fastapi_app_part }}")],
    "lock": part("lock", LOCK),
    "release": part("release", LOCK, fact(fastapi_app_result=RESULT)),
    "check": part("check"),
    "abandon": [{"name": "Fail", "ansible.builtin.fail": {"msg": "abandoned"}}],
    "deployment/switch": part(
        "switch", say("records {{ fastapi_app_revisions | map(attribute='id') | join(' ') }}"),
        fact(fastapi_app_result=RESULT | {"live": "b"}),
    ),
    "contract": part("contract", say("keeps {{ db_migrate_keep_fresh }} fresh")),
    "unlock": part("unlock"),
}  # fmt: skip
MIGRATE = part(
    "migrate",
    say("of {{ db_migrate_release_path }} for {{ db_migrate_serving }} after {{ db_migrate_applied | map(attribute='id') }}"),
    fact(db_migrate_result={"revisions": "{{ revisions }}", "pending": []}),
)  # fmt: skip
CASES = {
    "whole": DATABASE,
    "expand": DATABASE | {"revisions": [EXPAND]},
    "without": {},
    "switched off": DATABASE | {"fastapi_app_migrate": "false"},
    "held": DATABASE | {"play_holds": True},
    **{f"fails {name}": DATABASE | {"fails": name} for name in ("lock", "release", "migrate", "contract")},
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, list[str]]:
    """What each case has come by."""
    folder = tmp_path_factory.mktemp("deploy")
    roles = folder / "ansible_collections/table_order/infra/roles"
    for name, tasks in PARTS.items():
        file = roles / f"fastapi_app/tasks/{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(tasks))
    (roles / "fastapi_app/tasks/deploy.yml").write_text((TASKS / "deploy.yml").read_text())
    default = yaml.safe_load((ROOT / "roles/fastapi_app/defaults/main.yml").read_text())[
        "fastapi_app_migrate"
    ]
    (roles / "fastapi_app/defaults").mkdir()
    (roles / "fastapi_app/defaults/main.yml").write_text(json.dumps({"fastapi_app_migrate": default}))
    (roles / "db_migrate/tasks").mkdir(parents=True)
    (roles / "db_migrate/tasks/main.yml").write_text(json.dumps(MIGRATE))
    (roles / "db_migrate/tasks/preflight.yml").write_text(json.dumps([say("preflight of db_migrate")]))
    given = {
        "ansible_connection": "local", "fails": "", "play_holds": False, "revisions": [EXPAND, CONTRACT],
        "__fastapi_app_path": "/srv/shop/releases/b", "__fastapi_app_state_directory": "/var/lib/shop",
    }  # fmt: skip
    role = {"ansible.builtin.include_role": {"name": f"{COLLECTION}fastapi_app", "tasks_from": "deploy"}}
    tasks = [{"block": [role], "rescue": [say("error {{ ansible_failed_result.msg }}")]}]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": CASES, "vars": given}}))
    settings = {
        "ANSIBLE_CONFIG": str(ROOT / "tests/collection/stranger.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
    }  # fmt: skip
    run = subprocess.run(
        [*INLINE, "-i", folder / "hosts.json", folder / "play.yml"],
        capture_output=True, text=True, check=False, env=os.environ | settings,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    found: dict[str, list[str]] = {name: [] for name in CASES}
    for task in json.loads(run.stdout)["plays"][0]["tasks"]:
        for host, result in task["hosts"].items():
            if task["task"]["name"].rpartition(" : ")[2].startswith("Say "):
                found[host].append(result["msg"])
    return found


BEFORE = ["preflight deploy", "preflight of db_migrate", "lock", "release", "check", "migrate"]
MIGRATES = [*BEFORE, "of /srv/shop/releases/b/backend for ['0001'] after ['0001']"]


def test_a_deployment_runs_all_phases_under_one_lock_and_records_the_migrations(said):
    after = ["switch", "records 0002 0003", "contract", "keeps /var/lib/shop/lock.json fresh", "unlock"]
    assert said["whole"] == [*MIGRATES, *after]
    assert said["expand"] == [*MIGRATES, "switch", "records 0002", "unlock"]


@pytest.mark.parametrize("case", ["without", "switched off"])
def test_a_deployment_without_a_database_migrates_nothing(said, case):
    assert said[case] == ["preflight deploy", "lock", "release", "check", "switch", "records ", "unlock"]


def test_the_lock_of_the_play_stays_its_own(said):
    assert said["held"] == [step for step in said["whole"] if step != "unlock"]


def test_a_phase_that_fails_ends_the_deployment_and_frees_the_lock(said):
    assert said["fails lock"] == [*BEFORE[:3], "error lock failed"]
    assert said["fails release"] == [*BEFORE[:4], "unlock", "error release failed"]
    # abandon.yml itself shows why.
    assert said["fails migrate"] == [*BEFORE, "unlock", "error abandoned"]
    assert said["fails contract"][-3:] == ["contract", "unlock", "error contract failed"]

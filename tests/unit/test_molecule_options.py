"""No setting of a role with a scenario is left out of it: the inventory turns it, or a playbook or a test of it sets it."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = ("nginx", "fastapi_app", "cloudwatch_agent", "db_migrate")
# Where else it is turned, or why it is not.
ELSEWHERE = {
    "db_migrate_serving": "set by playbooks/deploy.yml: tests/drills; tests/unit/roles/test_db_migrate_modules.py",
    "db_migrate_keep_fresh": "set by playbooks/deploy.yml; tests/unit/roles/test_db_migrate_modules.py",
    "db_migrate_applied": "set by playbooks/deploy.yml: tests/drills",
    "fastapi_app_revisions": "set by playbooks/deploy.yml: tests/drills",
    "fastapi_app_rollback_keeps": "set by playbooks/rollback.yml: tests/drills; tests/unit/roles/test_filters.py",
    "fastapi_app_release_path": "an older release: tests/unit/test_releases_kept.py",
    "fastapi_app_migrate": "no container has a database: tests/unit/roles/test_fastapi_app_deploy.py",
    "fastapi_app_frontend_output": "side_effect.yml has a build in dist, found: tests/unit/roles/test_fastapi_app_source.py",
    "fastapi_app_force": "tests/drills",
    "fastapi_app_why": "tests/e2e/test_traffic.py",
    "fastapi_app_lock_wait": "the module's wait: tests/unit/roles/test_fastapi_app_lock.py",
    "fastapi_app_lock_lease": "the module's lease: tests/unit/roles/test_fastapi_app_lock.py",
    "nginx_limits": "off: inventories/local, tests/unit/roles/test_nginx_inputs.py; both containers have their limits on",
    "nginx_replace_application": "molecule/nginx/once/test_runs.py leaves it off: tests/unit/roles/test_nginx_sites.py",
    "nginx_proxy_protocol": "every other request would fail: tests/unit/test_server_files.py",
    "fastapi_app_source_exclude": "nowhere: the first container's test looks at what its default leaves out",
}


def settings(role: str) -> dict:
    specification = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())
    return specification["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_is_turned(role):
    inventory = yaml.safe_load((ROOT / f"molecule/{role}/inventory/hosts.yml").read_text())["molecule"]
    given = [inventory.get("vars", {}), *inventory["hosts"].values()]
    scenario = [
        ROOT / f"molecule/{role}/{name}" for name in ("absent.yml", "side_effect.yml", "tasks", "once")
    ]
    files = [file for path in scenario for file in ([path] if path.is_file() else path.glob("*.*"))]
    text = "\n".join(file.read_text() for file in files)
    turned = {
        name
        for name, option in settings(role).items()
        if any(values.get(name, option.get("default")) != option.get("default") for values in given)
        or re.search(rf"\b{name}[\"']?[:=]", text)
    }
    assert set(settings(role)) - turned == {name for name in ELSEWHERE if name.startswith(f"{role}_")}


def test_no_reason_is_given_for_what_is_no_setting():
    assert set(ELSEWHERE) <= {name for role in ROLES for name in settings(role)}

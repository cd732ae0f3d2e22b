"""The roles for any application carry no name of the example; the site keeps every name that its servers have."""

import re
from pathlib import Path

import pytest
import yaml

from tests.unit.test_settings_wired import Scope

ROOT = Path(__file__).parents[2]
ROLES = ("nginx", "fastapi_app", "cloudwatch_agent", "db_migrate")
EXAMPLE = re.compile(r"table[-_ ]?order(?!\.infra)|(customer|admin)-ui|app\.bootstrap", re.IGNORECASE)
# A running site has these: another name would be another unit, user or directory on its server.
SITE = {
    "fastapi_app": {
        "fastapi_app_home": "/opt/table-order",
        "fastapi_app_user": "table-order",
        "fastapi_app_build_user": "table-order-build",
        "fastapi_app_migration_user": "table-order-migrate",
        "fastapi_app_service": "table-order-backend",
        "fastapi_app_log_directory": "/opt/table-order/logs",
        "fastapi_app_candidate_flag": "/run/table-order/candidate-live",
        "fastapi_app_asset_archive": "/opt/table-order/assets",
        "fastapi_app_frontends": ["customer-ui", "admin-ui", "superadmin-ui"],
    },
    "nginx": {
        "nginx_frontend_root": "/opt/table-order/frontend",
        "nginx_candidate_flag": "/run/table-order/candidate-live",
        "nginx_asset_archive": "/opt/table-order/assets",
        "nginx_log_directory": "/opt/table-order/logs",
    },
    "cloudwatch_agent": {
        "cloudwatch_agent_groups": ["adm", "systemd-journal", "table-order"],
        "cloudwatch_agent_log_directory": "/opt/table-order/logs",
    },
    "db_migrate": {
        "db_migrate_user": "table-order-migrate",
        "db_migrate_after_command": ["python", "-m", "app.bootstrap"],
    },
}


def defaults(role):
    return yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())


@pytest.mark.parametrize("role", ROLES)
def test_no_default_has_a_name_of_the_example(role):
    assert {name: value for name, value in defaults(role).items() if EXAMPLE.search(str(value))} == {}


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in SITE.items() for name in names])
def test_the_site_keeps_its_names(role, name):
    assert Scope(role).see(f"{{{{ {name} }}}}") == SITE[role][name]

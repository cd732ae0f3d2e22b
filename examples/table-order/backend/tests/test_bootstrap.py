import os
import subprocess
import sys

import pytest
from backing import BACKEND
from conftest import DEMO, ROOT, Databases, bootstrap_settings, log_in
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.bootstrap import bootstrap


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.bootstrap"],
        cwd=BACKEND,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("demo")
def test_command_reports_whether_it_changed_anything(client: TestClient, databases: Databases) -> None:
    settings = {
        "DATABASE_URL": databases.app,
        "SUPERADMIN_USERNAME": ROOT[0],
        "SUPERADMIN_PASSWORD": ROOT[1],
    }
    assert run(**settings).stdout == "unchanged\n"
    rotated = run(**settings | {"SUPERADMIN_PASSWORD": "rotated password"})
    assert (rotated.stdout, rotated.stderr) == ("changed\n", "")
    log_in(client, (ROOT[0], "rotated password"))


@pytest.mark.usefixtures("demo")
def test_demo_data_is_made_once_and_then_left_alone(
    client: TestClient, engine: Engine, admin: dict[str, str]
) -> None:
    client.patch("/api/admin/menus/1", headers=admin, json={"price": 12000})
    with Session(engine) as session:
        assert bootstrap(session, bootstrap_settings()) is False
    assert client.get("/api/menus?store_id=1").json()["categories"][0]["menus"][0]["price"] == 12000
    with Session(engine) as session:
        assert bootstrap(session, bootstrap_settings(superadmin_username="second")) is True


@pytest.mark.usefixtures("demo")
def test_a_password_that_was_changed_on_the_page_is_not_set_back(
    client: TestClient, engine: Engine, root: dict[str, str]
) -> None:
    client.patch("/api/superadmin/admins/2", headers=root, json={"password": "another password"})
    with Session(engine) as session:
        assert bootstrap(session, bootstrap_settings()) is False
    log_in(client, (DEMO[0], "another password"))


@pytest.mark.usefixtures("demo")
def test_taken_name_is_refused(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(SystemExit, match="demo-admin"):
        bootstrap(session, bootstrap_settings(superadmin_username=DEMO[0]))


def test_missing_settings_are_named_and_nothing_is_revealed() -> None:
    result = run(DATABASE_URL="postgresql://x:hunter2@nowhere/x", SUPERADMIN_PASSWORD="hunter2")
    assert result.returncode == 1
    assert "SUPERADMIN_USERNAME: Field required" in result.stderr
    assert "SUPERADMIN_PASSWORD: " in result.stderr
    assert "hunter2" not in result.stderr


@pytest.mark.usefixtures("demo")
def test_demo_data_needs_a_password(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(SystemExit, match="ADMIN_DEMO_PASSWORD"):
        bootstrap(session, bootstrap_settings(admin_demo_password=None))

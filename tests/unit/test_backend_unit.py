"""The rendered units of the application."""

import pytest

from tests.unit.test_settings_wired import Scope


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_a_slow_worker_is_not_killed_at_the_start(instance):
    """By default uvicorn kills workers that do not answer within 5 s; on a busy server a start takes longer."""
    unit = Scope("fastapi_app").see(
        (Scope("fastapi_app").role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    )
    assert unit.splitlines().count("Environment=UVICORN_TIMEOUT_WORKER_HEALTHCHECK=30") == 1

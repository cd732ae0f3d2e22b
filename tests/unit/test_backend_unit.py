"""The application's units, as they are written on the server."""

import pytest

from tests.unit.test_settings_wired import Scope


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_a_worker_that_starts_slowly_is_not_ended(instance):
    """uvicorn ends workers that do not answer within 5 s, and a start takes longer where others have the processors."""
    unit = Scope("fastapi_app").see(
        (Scope("fastapi_app").role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    )
    assert unit.splitlines().count("Environment=UVICORN_TIMEOUT_WORKER_HEALTHCHECK=30") == 1

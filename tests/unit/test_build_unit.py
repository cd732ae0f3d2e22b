"""In what a release is built: a dependency's build code is anybody's, and must not reach what the server's role may read."""

import pytest

from tests.unit.test_settings_wired import Scope

RELEASE = "/opt/table-order/releases/one"


def properties(command: list[str]) -> list[str]:
    return [word.removeprefix("--property=") for word in command if word.startswith("--property=")]


@pytest.fixture(scope="module")
def build() -> list[str]:
    return Scope("fastapi_app").see("{{ __fastapi_app_build_command }}", fastapi_app_release_path=RELEASE)


def test_a_build_cannot_ask_for_the_servers_role(build):
    """The role reads the application's secrets, the live environment's passwords among them."""
    assert "IPAddressDeny=169.254.169.254" in properties(build)


def test_a_build_leaves_nothing_behind_that_runs(build):
    """Over D-Bus a user may have a manager of its own started, which outlives the unit and is not bound by its limits."""
    assert "InaccessiblePaths=-/run/dbus" in properties(build)
    assert "NoNewPrivileges=yes" in properties(build)

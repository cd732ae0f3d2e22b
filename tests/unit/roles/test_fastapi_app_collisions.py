"""Two applications on one host: the second one's settings are compared with the units that the first one has."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.unit.roles.modules import PLUGINS, load
from tests.unit.test_settings_wired import Scope

collisions = load("filter/fastapi_app_collisions.py").collisions
INSTALL = yaml.safe_load((PLUGINS.parent / "roles/fastapi_app/tasks/host/install.yml").read_text())
FIRST = {"fastapi_app_service": "first", "fastapi_app_home": "/srv/first", "fastapi_app_user": "ann"}
FIRST |= {"fastapi_app_log_directory": "/srv/first/logs", "fastapi_app_asset_archive": "/srv/first/assets"}
SECOND = {"fastapi_app_service": "second", "fastapi_app_home": "/srv/second", "fastapi_app_user": "bob"}
SECOND |= {
    "fastapi_app_log_directory": "/srv/second/logs",
    "fastapi_app_port": 9000,
    "fastapi_app_candidate_port": "9001",
}
SECOND |= {"fastapi_app_candidate_flag": "/run/bob/live"}


@pytest.fixture
def lines(tmp_path):
    """Return what the role's search finds on a host with some applications, beside a unit of another origin."""

    def find(*applications: dict) -> list[str]:
        system, temporary = tmp_path / "systemd", tmp_path / "tmpfiles"
        system.mkdir()
        temporary.mkdir()
        (system / "other.socket").write_text("[Socket]\nListenStream=9000\n")
        (system / "worker.service").write_text("[Service]\nUser=bob\nWorkingDirectory=/srv/second/backend\n")
        for settings in applications:
            scope = Scope("fastapi_app", **settings)
            name = scope.see(scope.variables["fastapi_app_service"])
            candidate = {"__fastapi_app_instance": "{{ __fastapi_app_instances.candidate }}"}
            unit = (scope.role / "templates/backend.service.j2").read_text()
            (system / f"{name}-candidate.service").write_text(scope.see(unit, **candidate))
            (system / f"{name}.socket").write_text(scope.template("backend.socket.j2"))
            (temporary / f"{name}.conf").write_text(scope.template("tmpfiles.conf.j2"))
        argv = INSTALL[0]["ansible.builtin.command"]["argv"]
        assert argv[-2:] == ["/etc/systemd/system", "/etc/tmpfiles.d"]
        found = subprocess.run(
            [*argv[:-2], system, temporary, tmp_path / "none"], capture_output=True, text=True, check=False
        )
        assert found.stderr == ""
        return found.stdout.splitlines()

    return find


def own(**settings: object) -> dict:
    scope = Scope("fastapi_app", **settings)
    return scope.see(scope.variables["__fastapi_app_own"])


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"fastapi_app_port": 8000}, ["fastapi_app_port is 8000, which the application first on this host has as fastapi_app_p"]),
        ({"fastapi_app_port": 8001}, ["fastapi_app_port is 8001, which the application first on this host has as fastapi_app_c"]),
        ({"fastapi_app_candidate_port": "8000"}, ["fastapi_app_candidate_port is '8000', which the application first"]),
        ({"fastapi_app_user": "ann"}, ["fastapi_app_user is 'ann'"]),
        ({"fastapi_app_log_directory": "/srv/first/logs"}, ["fastapi_app_log_directory is '/srv/first/logs'"]),
        ({"fastapi_app_candidate_flag": "/run/ann/mine"}, ["fastapi_app_candidate_flag is '/run/ann/mine'"]),
        ({"fastapi_app_home": "/srv/first"}, ["fastapi_app_home is '/srv/first'"]),
        ({"fastapi_app_service": "first"}, ["fastapi_app_service is 'first', whose candidate is in /srv/first/candidate: another"]),
        ({"fastapi_app_home": "/srv/first/candidate"}, ["fastapi_app_home is '/srv/first/candidate', within /srv/first, the"]),
        ({"fastapi_app_home": "/srv/first/logs/x"}, ["fastapi_app_home is '/srv/first/logs/x', within /srv/first, the home"]),
        ({"fastapi_app_home": "/srv"}, ["fastapi_app_home is '/srv', around /srv/first, the home of the application first"]),
        ({"fastapi_app_home": "/srv/first-two"}, []),
        ({"fastapi_app_build_user": "ann"}, ["fastapi_app_build_user is 'ann', which the application first on this host has as"]),
        ({"fastapi_app_migration_user": "ann"}, ["fastapi_app_migration_user is 'ann', which the application first on this host"]),
        ({"fastapi_app_migration_user": ""}, []),
    ],
)  # fmt: skip
def test_what_another_application_has_is_refused_by_name(lines, server, given, said):
    found = collisions(lines(FIRST | {"fastapi_app_server": server}), own(**SECOND | given))
    assert [sentence[: len(start)] for sentence, start in zip(found, said, strict=True)] == said
    assert all("Set a" in sentence for sentence in found)


def test_an_application_does_not_refuse_itself(lines):
    there = lines(FIRST, SECOND)
    changed = {
        "fastapi_app_port": 9002,
        "fastapi_app_working_path": "src",
        "fastapi_app_candidate_port": 9000,
    }
    for settings in (FIRST, SECOND, SECOND | changed):
        assert collisions(there, own(**settings)) == []


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("shop", "shop-candidate", "shop-candidate.service"),
        ("shop", "shop-command", "shop-command.service"),
        ("shop", "shop-build", "shop-build.service"),
        ("shop", "shop-process-api", "shop-process-api.service"),
        ("shop-process-api", "shop", "shop-process-api.service"),
        ("shop", "shop-api", ""),
        ("shop", "shop-processes", ""),
    ],
)
def test_names_whose_units_are_those_of_another_application_are_refused(lines, first, second, said):
    """A run for the application shop removes the units shop-process-*, and writes shop-candidate.service."""
    there = lines(FIRST | {"fastapi_app_service": first})
    found = collisions(there, own(**SECOND | {"fastapi_app_service": second}))
    assert len(found) == bool(said)
    assert all(
        f"{said} would be a unit of both it and the application {first}" in sentence for sentence in found
    )


def test_a_host_without_applications_has_none(lines):
    assert collisions(lines(), own(**SECOND)) == []

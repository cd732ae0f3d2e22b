"""A single command in the environment of the live release: what is run, what is shown, and what is refused."""

import importlib.util
import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from tests.unit.cutover.fake_server import FakeServer
from tests.unit.tasks import ROOT
from tests.unit.test_settings_wired import Scope

COMMAND = ["python", "-m", "app.report", "$HOME ~ a b"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs the module against a server, and returns its result and the words that it ran."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    path = ROOT / "plugins/modules/fastapi_app_run.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def run_module(server, status=0, check=False, meanwhile=lambda: None):
        ran: list[list[str]] = []

        def run_command(self, words, expand_user_and_vars):
            assert not expand_user_and_vars
            ran.append(words)
            meanwhile()
            return status, "done with sesame-open\nends\n", "sesame-open is wrong\n"

        monkeypatch.setattr(AnsibleModule, "run_command", run_command)
        arguments = {
            "site": server.options(shared=["uploads"]),
            "command": COMMAND,
            "properties": ["User=shop"],
            "directory": "src",
        }
        with patch_module_args(arguments | {"_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out), ran

    return run_module


@pytest.fixture
def server(tmp_path) -> FakeServer:
    return FakeServer(tmp_path / "server")


def test_a_command_runs_in_the_live_release_without_a_shell_and_shows_no_secret(run, server):
    server.have_live("a", 'PASSWORD="sesame-open"\n')
    result, ((*options, separator, program, second, third, last),) = run(server)
    backend = server.site.releases / "a/backend"
    assert options == [
        "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--property=User=shop",
        f"--property=EnvironmentFile={server.site.releases}/a/environment", f"--property=WorkingDirectory={backend}/src",
        f"--property=BindPaths={server.site.home}/shared/uploads:{backend}/uploads",
    ]  # fmt: skip
    # The service manager would expand a single $.
    assert [separator, program, second, third, last] == [
        "--",
        f"{backend}/venv/bin/python",
        "-m",
        "app.report",
        "$$HOME ~ a b",
    ]
    shown = {"release": "a", "rc": 0, "stdout": "done with ********\nends", "stderr": "******** is wrong"}
    assert {name: result[name] for name in ("changed", *shown)} == {"changed": True, **shown}


def test_the_exit_status_of_a_command_is_the_tasks(run, server):
    server.have_live("a", 'PASSWORD="sesame-open"\n')
    result, _ = run(server, status=3)
    assert (result["failed"], result["rc"], result["stderr"]) == (True, 3, "******** is wrong")
    assert result["msg"].endswith("app.report $HOME ~ a b of release a ended with exit status 3.")


def test_nothing_runs_in_check_mode_nor_without_a_live_release(run, server):
    result, ran = run(server)
    assert (result["failed"], ran) == (True, [])
    assert "No release of table-order-backend is live" in result["msg"]
    server.have_live("a")
    result, ran = run(server, check=True)
    assert (result["changed"], ran) == (True, [])


def test_a_server_of_an_earlier_version_is_said_before_anything_runs(run, server):
    server.have_live("a", 'PASSWORD="sesame-open"\n')
    own = server.site.env_file("a")
    own.rename(own.parent / "backend/.env")
    for check in (False, True):
        result, ran = run(server, check=check)
        assert (result["failed"], ran) == (True, [])
        assert "An earlier version of the role deployed a" in result["msg"]


def test_a_release_that_is_removed_meanwhile_shows_no_secret(run, server):
    server.have_live("a", 'PASSWORD="sesame-open"\n')
    result, _ran = run(server, meanwhile=server.site.env_file("a").unlink)
    assert result["stdout"] == "done with ********\nends"


def test_a_command_has_the_restrictions_of_the_service():
    scope = Scope("fastapi_app", fastapi_app_writable_paths=["/srv/uploads"], fastapi_app_memory_max="1G")
    properties = scope.see("{{ __fastapi_app_command_properties }}")
    unit = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances.service }}",
    ).splitlines()
    assert set(properties) <= set(unit)
    # What a unit says besides is how it is started, stopped and logged.
    others = {
        line.partition("=")[0] for line in set(unit) - set(properties) if "=" in line and line[0].isalpha()
    }
    assert others <= {
        "Description", "After", "Wants", "Requires", "ConditionPathExists", "StartLimitIntervalSec", "Type", "WorkingDirectory",
        "Environment", "EnvironmentFile", "ExecStart", "Restart", "RestartSec", "TimeoutStopSec", "KillMode", "StandardOutput",
        "StandardError", "WantedBy",
    }  # fmt: skip

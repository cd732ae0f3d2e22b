"""The build unit: third-party build code must not reach secrets that the instance role may read."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.cutover.fake_server import FakeServer
from tests.unit.roles.modules import load, run
from tests.unit.tasks import all_tasks, find
from tests.unit.test_settings_wired import Scope, trusted

RELEASE = "/opt/table-order/releases/one"


def properties(command: list[str]) -> list[str]:
    return [word.removeprefix("--property=") for word in command if word.startswith("--property=")]


@pytest.fixture(scope="module")
def build() -> list[str]:
    return Scope("fastapi_app").see(
        "{{ __fastapi_app_build_command }}", __fastapi_app_release={"id": "new", "path": RELEASE}
    )


def test_a_build_cannot_reach_the_metadata_service(build):
    """The instance role may read the application's secrets, including the live passwords."""
    assert "IPAddressDeny=169.254.169.254" in properties(build)


def test_a_build_leaves_no_processes(build):
    """Over D-Bus a user can start a service manager that outlives the unit and escapes its limits."""
    assert "InaccessiblePaths=-/run/dbus" in properties(build)
    assert "NoNewPrivileges=yes" in properties(build)


def test_a_removal_stops_what_a_killed_run_has_left_at_work(tmp_path):
    """userdel removes no user with a process."""
    names = [task.name for task in all_tasks() if task.path == "roles/fastapi_app/tasks/host/absent.yml"]
    stop = find(
        "roles/fastapi_app/tasks/host/absent.yml", "Stop the build and the command of an interrupted run"
    )
    assert names.index(stop.name) < names.index("Absent | Remove the users")
    units = Scope("fastapi_app").see(stop.keywords["loop"])
    assert [f"{unit}.service" for unit in units] == [
        "table-order-backend-build.service",
        FakeServer(tmp_path).site.command_unit,
    ]


def deep(directory: Path) -> Path:
    """Create a directory tree too deep for Python's recursion, as a build script can."""
    directory.mkdir()
    inner = os.open(directory, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    return directory


REMOVALS = {
    "build/build.yml": ["Remove leftovers of an earlier build", "Remove the failed build"],
    "recover.yml": ["Remove incomplete releases"],
    "host/configure.yml": ["Remove caches of another owner"],
    "host/absent.yml": ["Remove the files of the role"],
}


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, names in REMOVALS.items() for name in names]
)
def test_build_output_is_removed_with_find(file, name):
    """Otherwise every later run would fail, including a rollback."""
    task = find(f"roles/fastapi_app/tasks/{file}", name)
    assert (task.module.rpartition(".")[2], task.arguments) == ("include_tasks", "build/discard.yml")
    assert task.keywords["vars"]["__fastapi_app_discarded"]


def test_directories_a_thousand_deep_can_be_removed(tmp_path):
    (tmp_path / "kept").mkdir()
    directory = deep(tmp_path / "release")
    (directory / "link").symlink_to(tmp_path / "kept")
    discard = find("roles/fastapi_app/tasks/build/discard.yml", "Remove the directory of a build").arguments[
        "argv"
    ]
    subprocess.run([str(directory) if "{{" in word else word for word in discard], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_tree_too_deep_to_hand_over_is_refused_with_a_message(tmp_path, capsys):
    own = load("modules/fastapi_app_own.py")
    user = pwd.getpwuid(os.getuid()).pw_name
    directory = deep(tmp_path / "backend")
    said = run(own, capsys, path=str(directory), from_user=user, to_user=user)
    subprocess.run(["find", directory, "-delete"], check=True)
    assert said["failed"]
    assert "cannot be handed over" in said["msg"]


def test_each_build_has_an_empty_home(build):
    """Python runs usercustomize.py from the home, and pip and git read settings there: one build could infect all later ones."""
    assert [word for word in build if word.startswith("--setenv=HOME=")] == ["--setenv=HOME=/tmp"]
    assert "PrivateTmp=yes" in properties(build)


@pytest.mark.parametrize(
    ("version", "after", "sound"),
    [("3f2a" * 10, "3f2a" * 10, True), ("3f2a" * 10, "0000" * 10, False), ("v1", "3f2a" * 10, True)],
)
def test_an_unexpected_commit_is_refused(version, after, sound):
    """Over plain http only the commit hash protects the content."""
    task = find("roles/fastapi_app/tasks/build/source_git.yml", "Refuse an unexpected commit")
    scope = Scope(
        "fastapi_app",
        fastapi_app_source={"version": version},
        __fastapi_app_fetched={"after": after},
        **task.keywords["vars"],
    )
    templar = Templar(loader=DataLoader(), variables=scope.variables)
    assert templar.evaluate_conditional(trusted(task.arguments["that"])) is sound


def test_out_of_memory_kills_the_build_before_the_service(build):
    [score] = [one for one in properties(build) if one.startswith("OOMScoreAdjust=")]
    assert int(score.partition("=")[2]) >= 500


def test_the_build_environment_is_in_a_file_and_in_no_argument():
    """All users of a server see the arguments of its processes."""
    token = {"fastapi_app_build_environment": {"TOKEN": "sesame-open"}}
    scope = Scope("fastapi_app", **token)
    command = scope.see(
        "{{ __fastapi_app_build_command }}", __fastapi_app_release={"id": "new", "path": RELEASE}
    )
    files = [one.partition("=")[2] for one in properties(command) if one.startswith("EnvironmentFile=")]
    assert files == ["-/etc/environment", "-/var/lib/table-order/build.env"]
    assert "sesame-open" not in str(command)
    tasks = [one for one in all_tasks() if one.path == "roles/fastapi_app/tasks/build/build.yml"]
    names = (
        "Write the build environment",
        "Remove the build environment",
        "Remove the environment of the failed build",
    )
    write, remove, failed = (next(one for one in tasks if one.name.endswith(name)) for name in names)
    assert scope.see(write.arguments["content"]) == 'TOKEN="sesame-open"\n'
    places = {
        scope.see(place)
        for place in (write.arguments["dest"], remove.arguments["path"], failed.arguments["path"])
    }
    assert places == {files[1][1:]}
    assert (write.arguments["mode"], write.keywords["diff"], failed.section) == ("0600", False, "rescue")
    # A run that is killed before the manifest leaves an incomplete release, and the next one removes both.
    order = [one.name.partition(" | ")[2] for one in tasks]
    assert order.index(names[1]) < order.index("Write the manifest")


def test_no_link_of_a_build_leads_root_to_a_file():
    """A build may replace a directory by a link: below the backend, env files are removed before it only."""
    tasks = [one for one in all_tasks() if one.path == "roles/fastapi_app/tasks/build/build.yml"]
    order = [one.name.partition(" | ")[2] for one in tasks]
    below = [one.name.partition(" | ")[2] for one in tasks if "{{ item }}" in str(one.arguments)]
    assert "Remove the env files of the source" in below
    started = order.index("Install the dependencies")
    assert [name for name in below if order.index(name) > started] == []


def test_a_failed_build_does_not_show_its_environment():
    result = {"msg": "x", "stderr": "https://registry/ refused sesame-open and open-sesame"}
    said = Scope("fastapi_app").see(
        "{{ __fastapi_app_failed_step }}",
        ansible_failed_task={"name": "Install"},
        ansible_failed_result=result,
        fastapi_app_build_environment={"TOKEN": "sesame-open"},
        fastapi_app_environment={"TOKEN": "open-sesame"},
    )
    assert said.endswith("https://registry/ refused ******** and ********")

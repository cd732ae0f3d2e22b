"""In what a release is built: a dependency's build code is anybody's, and must not reach what the server's role may read."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.roles.modules import load, run
from tests.unit.tasks import find
from tests.unit.test_settings_wired import Scope, trusted

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


def deep(directory: Path) -> Path:
    """Make directories within directories, more than Python can follow, as a build script can."""
    directory.mkdir()
    inner = os.open(directory, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    return directory


REMOVALS = {
    "build.yml": ["Remove leftovers of an earlier build", "Remove the failed build"],
    "recover.yml": ["Remove incomplete releases"],
    "configure.yml": ["Remove caches of another owner"],
    "absent.yml": ["Remove the files of the role"],
    "absent_data.yml": ["Remove releases, logs and certificates"],
}


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, names in REMOVALS.items() for name in names]
)
def test_what_a_build_has_made_can_be_removed_whatever_it_is(file, name):
    """Where it cannot, no later run begins: neither a deployment without that dependency, nor a rollback."""
    task = find(f"roles/fastapi_app/tasks/{file}", name)
    assert (task.module.rpartition(".")[2], task.arguments) == ("include_tasks", "discard.yml")
    assert task.keywords["vars"]["__fastapi_app_discarded"]


def test_directories_a_thousand_deep_can_be_removed(tmp_path):
    (tmp_path / "kept").mkdir()
    directory = deep(tmp_path / "release")
    (directory / "link").symlink_to(tmp_path / "kept")
    discard = find("roles/fastapi_app/tasks/discard.yml", "Remove the directory of a build").arguments["argv"]
    subprocess.run([str(directory) if "{{" in word else word for word in discard], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_directories_too_deep_to_be_handed_over_are_refused_in_words(tmp_path, capsys):
    own = load("fastapi_app/library/fastapi_app_own.py")
    user = pwd.getpwuid(os.getuid()).pw_name
    directory = deep(tmp_path / "backend")
    said = run(own, capsys, path=str(directory), from_user=user, to_user=user)
    subprocess.run(["find", directory, "-delete"], check=True)
    assert said["failed"]
    assert "cannot be handed over" in said["msg"]


def test_a_build_finds_nothing_of_an_earlier_one_in_its_home(build):
    """Python runs ~/.local/lib/python3.*/site-packages/usercustomize.py, pip and git obey files there: for ever after one build."""
    assert [word for word in build if word.startswith("--setenv=HOME=")] == ["--setenv=HOME=/tmp"]
    assert "PrivateTmp=yes" in properties(build)


@pytest.mark.parametrize(
    ("version", "after", "sound"),
    [("3f2a" * 10, "3f2a" * 10, True), ("3f2a" * 10, "0000" * 10, False), ("v1", "3f2a" * 10, True)],
)
def test_a_commit_that_is_named_is_the_one_that_is_built(version, after, sound):
    """Over a connection in clear it is all that says what was meant."""
    task = find("roles/fastapi_app/tasks/source_git.yml", "Refuse an unexpected commit")
    scope = Scope(
        "fastapi_app",
        fastapi_app_source={"version": version},
        __fastapi_app_fetched={"after": after},
        **task.keywords["vars"],
    )
    templar = Templar(loader=DataLoader(), variables=scope.variables)
    assert templar.evaluate_conditional(trusted(task.arguments["that"])) is sound


def test_a_build_that_takes_all_memory_ends_and_not_what_serves(build):
    [score] = [one for one in properties(build) if one.startswith("OOMScoreAdjust=")]
    assert int(score.partition("=")[2]) >= 500

"""What people have in their repositories, taken through the commands of the tasks, with the real programs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.modules import git as git_module
from ansible_collections.table_order.infra.plugins.plugin_utils.fastapi_app_settings import VERSION

from tests.unit.roles.modules import run
from tests.unit.tasks import Task, find
from tests.unit.test_settings_wired import Scope

BUILD = "roles/fastapi_app/tasks/build"


def shell(task: Task, chdir: Path, **environment: str) -> None:
    """Run a task of ansible.builtin.shell in ``chdir``."""
    subprocess.run(
        ["/bin/sh", "-c", task.arguments["cmd"]], cwd=chdir, env=os.environ | environment, check=True
    )


def git(repository: Path, *arguments: str) -> str:
    """Run git with nothing of the user's own, and return its output."""
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    people = {f"GIT_{who}_{what}": "x@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(
        command, cwd=repository, env=os.environ | alone | people, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def repository(path: Path, **files: str) -> Path:
    """Return a new repository at ``path`` with one commit of these files."""
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--allow-empty", "--message=first")
    return path


class Source:
    """The tasks of a Git source, against a repository of a test."""

    def __init__(self, origin: Path, directory: Path, capsys: Any) -> None:
        self.directory, self.capsys = directory, capsys
        self.source = {"type": "git", "url": f"file://{origin}"}
        self.names = {
            "__fastapi_app_repository": str(directory / "repository"),
            "__fastapi_app_archive_path": str(directory / "source.archive"),
        }

    def fetch(self, version: str, **more: Any) -> dict[str, Any]:
        """Run the module with the task's arguments; return its result."""
        task = find(f"{BUILD}/source_git.yml", "Fetch the version from the repository")
        source = self.source | {"version": version} | more
        given = Scope("fastapi_app").see(task.arguments, fastapi_app_source=source, **self.names)
        return run(git_module, self.capsys, **given)


@pytest.fixture
def source_of(tmp_path, capsys, monkeypatch):
    # The test's own submodules are directories, which git refuses by default.
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "server").mkdir()
    return lambda origin: Source(origin, tmp_path / "server", capsys)


LEGAL = [
    "1.10",
    "v1.0.0+build.5",
    "feature/#12-menu",
    "release@2",
    "메뉴",
    "a&b;c|d",
    "{x}",
    "_x",
    "x.lock.y",
]
ILLEGAL = [
    "a b",
    "a..b",
    "a.lock",
    "a.lock/b",
    "a/.b",
    "a//b",
    "a/",
    "/a",
    "a.",
    "a@{1}",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[b",
    "a\\b",
]


@pytest.mark.parametrize("version", LEGAL + ILLEGAL)
def test_a_version_is_a_name_that_git_accepts(version):
    checked = subprocess.run(["git", "check-ref-format", f"refs/heads/{version}"], check=False)
    assert bool(re.fullmatch(VERSION, version)) is (checked.returncode == 0) is (version in LEGAL)


def test_tags_and_branches_of_any_name_are_fetched(tmp_path, source_of):
    origin = repository(tmp_path / "origin", file="1")
    commit = git(origin, "rev-parse", "HEAD")
    names = {"v1.0.0+build.5": "tag", "feature/#12-menu": "branch", "메뉴": "tag"}
    for version, kind in names.items():
        git(origin, kind, version)
    git(origin, "commit", "--quiet", "--allow-empty", "--message=second")
    for version in names:
        assert source_of(origin).fetch(version).get("after") == commit, version


@pytest.mark.parametrize("backend", [".", "services/shop"])
def test_the_preview_compares_any_backend_path(tmp_path, backend):
    live, preview = tmp_path / "live", tmp_path / "preview"
    (live / "backend/venv/bin").mkdir(parents=True)
    (live / "backend/venv/bin/uvicorn").write_text("program")
    (preview / "source" / backend / "backend").mkdir(parents=True)
    (preview / "source" / backend / "pyproject.toml").write_text("[project]")
    shell(
        find(f"{BUILD}/preview.yml", "Link the programs of the live release"),
        preview,
        BACKEND=backend,
        LIVE=str(live),
    )
    assert (preview / "backend/pyproject.toml").read_text() == "[project]"
    assert (preview / "backend/venv/bin/uvicorn").samefile(live / "backend/venv/bin/uvicorn")

"""Rows "your application → setting" of docs/deploy-your-app.md: what they set does what they say, with the real programs."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.modules import git as git_module

from tests.unit.roles.modules import run
from tests.unit.roles.test_fastapi_app_source import (
    BUILD,
    COMMON,
    SHOP,
    Source,
    git,
    installed_by_uv,
    repository,
    source_of,  # noqa: F401
)
from tests.unit.roles.test_fastapi_app_unpack import POINTER
from tests.unit.tasks import find
from tests.unit.test_docs_settings import ROWS, WALK
from tests.unit.test_settings_wired import Scope

# Git LFS as Debian's package sets it up for all users of the host: a filter, here one that knows a single file.
FILTER = {
    "filter.lfs.smudge": "cat >/dev/null; echo contents",
    "filter.lfs.clean": f"cat >/dev/null; printf '{POINTER.decode()}'",
    "filter.lfs.required": "true",
    "protocol.file.allow": "always",
}


def row(has: str) -> dict[str, Any]:
    """Return the settings of the row that begins so."""
    [found] = [settings for name, settings in ROWS.items() if name.startswith(has)]
    return found


def environment_of(what: str) -> dict[str, str]:
    """Return the environment of a build in the row for a private source."""
    [line] = [line for line in WALK.read_text().splitlines() if line.startswith(f"| {what} |")]
    return yaml.safe_load(re.findall(r"`(\{.+?\})`", line)[0])


def configure(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(values)))
    for place, (name, value) in enumerate(values.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{place}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{place}", value)


@pytest.mark.parametrize("with_lfs", [True, False])
def test_files_of_git_lfs_are_fetched_where_its_package_is_installed(
    tmp_path,
    source_of,  # noqa: F811
    monkeypatch,
    with_lfs,
):
    assert row("has files in Git LFS") == {"fastapi_app_system_packages": ["git-lfs"]}
    origin = repository(
        tmp_path / "origin", **{"model.bin": POINTER.decode(), ".gitattributes": "*.bin filter=lfs -text\n"}
    )
    assert git(origin, "show", "HEAD:model.bin").startswith("version https://git-lfs")
    if with_lfs:
        configure(monkeypatch, FILTER)
    source = source_of(origin)
    source.unpack("main")
    [file] = source.directory.glob("tmp*/model.bin")
    # The pointer alone is refused: test_a_pointer_of_git_lfs_is_refused_by_name.
    assert file.read_bytes() == (b"contents\n" if with_lfs else POINTER)


OPTIONAL = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
[project.optional-dependencies]
postgres = ["driver"]
[dependency-groups]
prod = ["server"]
dev = ["tools"]
[tool.uv]
package = false
[tool.uv.sources]
driver = {path = "driver"}
server = {path = "server"}
tools = {path = "tools-of-developers"}
"""
WORKSPACE = '[tool.uv.workspace]\nmembers = ["src", "other"]\n'


def package(directory: str, name: str) -> dict[str, str]:
    """Return the files of a package that uv builds by itself."""
    return {
        f"{directory}/pyproject.toml": COMMON.replace('"common"', f'"{name}"'),
        f"{directory}/src/{name}/__init__.py": "",
    }


@pytest.mark.parametrize(
    ("has", "modules"),
    [("needs an extra", ["driver"]), ("needs a group of dependencies", ["server"]), (None, [])],
)
def test_uv_installs_the_extra_and_the_group_that_the_row_names(tmp_path, has, modules):
    files = {"pyproject.toml": OPTIONAL} | package("driver", "driver") | package("server", "server")
    files |= package("tools-of-developers", "tools")
    python = installed_by_uv(tmp_path, files, **(row(has) if has else {}))
    there = [
        name
        for name in ("driver", "server", "tools")
        if subprocess.run([python, "-c", f"import {name}"], check=False, capture_output=True).returncode == 0
    ]
    assert there == modules


def test_uv_installs_one_package_of_a_workspace(tmp_path):
    arguments = row("starts in a directory below the lock file")["fastapi_app_install_arguments"]
    shop = SHOP.replace("[tool.uv]\npackage = false\n", "").replace(
        'common = {path = "../common"}', "common = {path = '../common'}"
    )
    files = {"pyproject.toml": WORKSPACE, "src/pyproject.toml": shop.replace("package = false", "")}
    files |= package("common", "common") | package("other", "other")
    files["src/pyproject.toml"] += "[tool.uv]\npackage = false\n"
    named = [one.replace("NAME", "shop") for one in arguments]
    python = installed_by_uv(tmp_path, files, fastapi_app_install_arguments=named)
    subprocess.run([python, "-c", "import common"], check=True)
    assert subprocess.run([python, "-c", "import other"], check=False, capture_output=True).returncode == 1


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Stand in for ssh: note the arguments, and run the command here."""
    program, notes = tmp_path / "bin/ssh", tmp_path / "ssh.json"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, os, subprocess, sys\n"
        f"open({str(notes)!r}, 'w').write(json.dumps(sys.argv[1:]))\n"
        "sys.exit(subprocess.call(['sh', '-c', sys.argv[-1]]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return lambda: json.loads(notes.read_text())


def test_a_deploy_key_is_that_of_root_and_its_known_hosts_are_asked(
    tmp_path,
    source_of,  # noqa: F811
    ssh,
):
    """No option goes before ~/.ssh, and none accepts a host that known_hosts does not name."""
    origin = repository(tmp_path / "origin", **{"app.py": "x"})
    source: Source = source_of(origin)
    source.source["url"] = f"ssh://git@git.example.org{origin}"
    assert list(source.unpack("main")) == ["app.py"]
    options = [word for word in ssh() if word.startswith("-") or "=" in word]
    assert [word for word in options if re.search("StrictHostKey|KnownHosts|-i|Identity", word)] == []
    assert "git@git.example.org" in ssh()


def test_a_dependency_over_ssh_takes_the_key_that_the_build_environment_names(tmp_path, ssh):
    origin = repository(tmp_path / "origin", **{"app.py": "x"})
    given = environment_of("a dependency `git+ssh://`")
    git_program = ["git", "ls-remote", f"ssh://git@git.example.org{origin}"]
    found = subprocess.run(git_program, env=os.environ | given, check=True, capture_output=True, text=True)
    assert "refs/heads/main" in found.stdout
    words = ssh()
    assert words[:4] == ["-i", "/etc/shop/key", "-o", "UserKnownHostsFile=/etc/shop/known_hosts"]


class Private(SimpleHTTPRequestHandler):
    """A Git server over http (the dumb protocol) for those who know the token."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"x:TOKEN").decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def private(tmp_path, monkeypatch) -> Iterator[str]:
    """Yield the URL of a private repository; there is no home with a token yet."""
    origin = repository(tmp_path / "origin", **{"app.py": "x"})
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "shop.git")
    git(tmp_path / "shop.git", "update-server-info")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Private, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/shop.git"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("has_token", [True, False])
def test_a_token_for_the_repository_is_that_of_netrc(tmp_path, private, monkeypatch, capsys, has_token):
    [line] = [line for line in WALK.read_text().splitlines() if "`machine git.example.org" in line]
    netrc = re.findall(r"`(machine .+?)`", line)[0].replace("git.example.org", "127.0.0.1")
    if has_token:
        (tmp_path / "home/.netrc").write_text(f"{netrc}\n")
    task = find(f"{BUILD}/source_git.yml", "Fetch the version from the repository")
    for name, value in task.keywords["environment"].items():
        monkeypatch.setenv(name, value)
    given = Scope("fastapi_app").see(
        task.arguments,
        fastapi_app_source={"type": "git", "url": private, "version": "main"},
        __fastapi_app_repository=str(tmp_path / "repository"),
    )
    said = run(git_module, capsys, **given)
    assert said.get("failed", False) is not has_token
    if has_token:
        assert (tmp_path / "repository/app.py").exists()
    else:
        assert "could not read Username" in str(said)


@pytest.mark.parametrize("has_token", [True, False])
def test_a_token_for_a_dependency_is_in_the_build_environment(private, has_token):
    given = environment_of("a dependency `git+https://`")
    server = private.removesuffix("shop.git")
    given = {
        name: str(value)
        .replace("https://git.example.org/", server)
        .replace("BASE64", base64.b64encode(b"x:TOKEN").decode())
        for name, value in given.items()
    }
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"} | (given if has_token else {})
    found = subprocess.run(
        ["git", "ls-remote", private], env=environment, check=False, capture_output=True, text=True
    )
    assert (found.returncode == 0) is has_token, found.stderr
    assert has_token or "could not read Username" in found.stderr


def test_the_version_that_git_would_say_comes_from_the_build_environment(tmp_path):
    given = row("takes its version from Git")["fastapi_app_build_environment"]
    program = "from setuptools_scm import get_version; print(get_version(root='.', dist_name='my-shop'))"
    ask = functools.partial(
        subprocess.run,
        [sys.executable, "-c", program],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "unable to detect version" in ask().stderr
    assert ask(env=os.environ | given).stdout == "1.0.0\n"


def file_of(**environment: str) -> dict[str, str]:
    """Return the environment that the role's file gives a process."""
    text = Scope("fastapi_app", fastapi_app_environment=environment, __fastapi_app_id="new").template(
        "environment.j2"
    )
    return dict(line.replace('"', "").split("=", 1) for line in text.splitlines() if "=" in line)


def test_local_time_is_that_of_the_environment():
    given = file_of(**row("needs local time")["fastapi_app_environment"])
    program = (
        "import time, datetime; print(time.strftime('%z'), datetime.datetime.now().astimezone().tzname())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], env=given, check=True, capture_output=True, text=True
    )
    assert said.stdout == "+0900 KST\n"
    assert file_of(**row("needs a locale other than")["fastapi_app_environment"])["LC_ALL"] == "ko_KR.UTF-8"


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_the_database_of_sqlite_is_in_a_shared_directory(instance):
    """It outlives a release, and the candidate and the service use one file."""
    given = row("uses SQLite")
    [url] = re.findall(r"sqlite:///(\S+?),", WALK.read_text())
    scope = Scope("fastapi_app", **given, __fastapi_app_cutover={"to": "x"})
    template = (scope.role / "templates/backend.service.j2").read_text()
    unit = scope.see(template, __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}")
    [directory] = re.findall(r"^WorkingDirectory=(.+)$", unit, re.MULTILINE)
    [bound] = re.findall(r"^BindPaths=(.+):(.+)$", unit, re.MULTILINE)
    assert bound == (scope.see("{{ __fastapi_app_shared }}/data"), str(Path(directory, url).parent))
    assert textwrap.dedent(given["fastapi_app_before_switch"][0]).split()[0] == "alembic"

"""What people have in their repositories, taken through the commands of the tasks, with the real programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible.modules import find as find_module
from ansible.modules import git as git_module
from ansible_collections.table_order.infra.plugins.plugin_utils.fastapi_app_settings import VERSION

from tests.unit.roles.modules import load, run
from tests.unit.tasks import Task, find
from tests.unit.test_settings_wired import Scope

unpack = load("modules/fastapi_app_unpack.py")
BUILD = "roles/fastapi_app/tasks/build"


def shell(task: Task, chdir: Path, **environment: str) -> None:
    """Run a task of ansible.builtin.shell in ``chdir``."""
    command = ["/bin/sh", "-c", task.arguments["cmd"]]
    done = subprocess.run(
        command, cwd=chdir, env=os.environ | environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


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

    def unpack(self, version: str, **more: Any) -> dict[str, str]:
        """Fetch and export a version and unpack it; return the SHA-256 of each file by its path."""
        fetched = self.fetch(version, **more)
        assert not fetched.get("failed"), fetched
        task, archive = find(f"{BUILD}/fetch_git.yml", "Export the commit"), self.directory / "source.archive"
        archive.unlink(missing_ok=True)
        names = self.names | {"fastapi_app_source": more, "__fastapi_app_content_id": fetched["after"]}
        environment = Scope("fastapi_app").see(task.keywords["environment"], **names)
        shell(task, self.directory, **{name: str(value) for name, value in environment.items()})
        dest = Path(tempfile.mkdtemp(dir=self.directory))
        return unpack.unpack_archive(archive, dest, 0, [])


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


def add_submodule(origin: Path, path: str, module: Path, url: str = "") -> None:
    """Add a submodule to a repository, with ``url`` in place of the module's path."""
    git(origin, "submodule", "--quiet", "add", str(module), path)
    git(origin, "config", "--file=.gitmodules", f"submodule.{path}.url", url or str(module))
    git(origin, "add", ".gitmodules")
    git(origin, "commit", "--quiet", "--message=submodule")


def test_submodules_are_left_out_unless_they_are_asked_for(tmp_path, source_of):
    theme = repository(
        tmp_path / "theme", **{"style.css": "red", ".gitattributes": "style.css export-ignore"}
    )
    menu = repository(tmp_path / "menu", **{"menu.txt": "soup"})
    add_submodule(menu, "themes/with a space", theme)
    origin = repository(tmp_path / "origin", **{"main.py": "app"})
    add_submodule(origin, "vendor/menu", menu)
    assert set(source_of(origin).unpack("main")) == {"main.py", ".gitmodules"}
    inner = ("menu.txt", ".gitmodules", "themes/with a space/style.css", "themes/with a space/.gitattributes")
    found = set(source_of(origin).unpack("main", submodules=True))
    assert found == {"main.py", ".gitmodules", *(f"vendor/menu/{name}" for name in inner)}


def test_the_preview_has_the_submodules(tmp_path, source_of):
    origin = repository(tmp_path / "origin", **{"main.py": "app"})
    add_submodule(origin, "theme", repository(tmp_path / "theme", a="1"))
    source = source_of(origin)
    git(tmp_path, "clone", "--quiet", "--no-checkout", str(origin), source.names["__fastapi_app_repository"])
    commit = git(origin, "rev-parse", "HEAD")
    shell(
        find(f"{BUILD}/preview.yml", "Fetch the submodules"), source.directory / "repository", COMMIT=commit
    )
    assert (source.directory / "repository/theme/a").read_text() == "1"


def test_a_private_submodule_ends_no_deployment(tmp_path, source_of):
    origin = repository(tmp_path / "origin", **{"main.py": "app"})
    add_submodule(
        origin, "vendor/theme", repository(tmp_path / "theme", a="1"), "http://127.0.0.1:1/private.git"
    )
    assert "main.py" in source_of(origin).unpack("main")
    refused = source_of(origin).fetch("main", submodules=True)
    assert refused["failed"]
    assert "vendor/theme" in refused["msg"] + refused.get("stderr", "")


def test_a_release_has_the_files_that_are_kept_out_of_archives(tmp_path, source_of):
    files = {".gitattributes": "README.md export-ignore\n/tests export-ignore\nversion export-subst\n"}
    files |= {"README.md": "read", "tests/data/a.txt": "1", "version": "$Format:%H$"}
    origin = repository(tmp_path / "origin", **files)
    source = source_of(origin)
    assert set(source.unpack("main")) == set(files)
    [version] = source.directory.glob("tmp*/version")
    assert version.read_text() == git(origin, "rev-parse", "HEAD")


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


COMMON = """
[project]
name = "common"
version = "1.0"
requires-python = ">=3.11"
[build-system]
requires = ["uv_build>=0.13,<1"]
build-backend = "uv_build"
"""
SHOP = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["common"]
[tool.uv]
package = false
[tool.uv.sources]
common = {path = "../common"}
"""


def installed_by_uv(release: Path, files: dict[str, str], **given: Any) -> Path:
    """Install a project of these files as the role does, with the real uv and no registry; return the Python of its environment."""
    for name, content in files.items():
        (release / "backend" / name).parent.mkdir(parents=True, exist_ok=True)
        (release / "backend" / name).write_text(content)
    names = {
        "__fastapi_app_release": {"id": "new", "path": str(release)},
        "__fastapi_app_tools": str(release / "tools"),
        "__fastapi_app_installer": "uv",
        "fastapi_app_home": str(release),
    }
    task = find(f"{BUILD}/dependencies.yml", "Install the packages of the application")
    command = Scope("fastapi_app", **given, **names).see(task.arguments["argv"])
    options = dict(
        word.split("=", 1)[1].split("=", 1) for word in command if re.match("--(setenv|property)=", word)
    )
    uv = shutil.which("uv")
    environment = os.environ | {name: value for name, value in options.items() if name.startswith("UV_")}
    environment |= {"UV_OFFLINE": "1", "VIRTUAL_ENV": options["VIRTUAL_ENV"]}
    environment |= given.get("fastapi_app_build_environment", {})
    project = {"cwd": options["WorkingDirectory"], "env": environment, "check": True}
    subprocess.run([uv, "lock", "--quiet"], **project)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", release / "backend/venv"], check=True)
    place = command.index(f"{release}/tools/uv/bin/uv")
    subprocess.run([uv, *command[place + 1 :], "--quiet"], **project)
    return release / "backend/venv/bin/python"


def test_a_project_is_installed_with_what_lies_beside_it(tmp_path):
    """uv builds uv_build's projects by itself, without a registry."""
    files = {
        "shop/pyproject.toml": SHOP,
        "common/pyproject.toml": COMMON,
        "common/src/common/__init__.py": "",
    }
    given = {"fastapi_app_backend_path": "services", "fastapi_app_project_path": "shop"}
    assert Scope("fastapi_app", **given).see("{{ __fastapi_app_installer_files.uv }}") == [
        "services/shop/pyproject.toml",
        "services/shop/uv.lock",
    ]
    python = installed_by_uv(tmp_path, files, **given)
    subprocess.run([python, "-c", "import common"], check=True)


LOCK_FILES = {
    "requirements": (["requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock"], "auto"),
    "uv": (["pyproject.toml", "uv.lock", "poetry.lock"], "auto"),
    "poetry": (["pyproject.toml", "poetry.lock"], "auto"),
    "asked for": (["requirements.txt", "pyproject.toml", "uv.lock"], "uv"),
    "none": (["pyproject.toml"], "auto"),
}


@pytest.mark.parametrize("kind", LOCK_FILES)
def test_of_several_lock_files_the_first_or_the_named_one_is_taken(kind):
    files, asked = LOCK_FILES[kind]
    task = find(f"{BUILD}/assemble.yml", "Choose the dependency installer")
    scope = Scope("fastapi_app", fastapi_app_backend_path="api", fastapi_app_dependencies=asked)
    there = [f"api/{name}" for name in files]
    chosen = scope.see(task.arguments["__fastapi_app_installer"], __fastapi_app_source_files=there)
    assert chosen == {"asked for": "uv", "none": "requirements"}.get(kind, kind)


PYTHON_VERSIONS = {
    "3.11": 0,
    "3.11.9": 0,
    "cpython-3.11.2": 0,
    "# a comment\n\n3.11": 0,
    "3.12": 1,
    "3.110": 1,
    "3.1": 1,
    "pypy3.11": 1,
}


@pytest.mark.parametrize(
    ("present", "said", "unsaid"),
    [
        (
            ["./.", "./requirements.txt", "./poetry.lock", "./pyproject.toml", "web/shop/build"],
            [
                "no ./uv.lock, but ./requirements.txt, ./poetry.lock.",
                "fastapi_app_dependencies (uv)",
                '"version"',
            ],
            ["front ends", "fastapi_app_frontend"],
        ),
        (
            [],
            [
                "no ./., web/shop/build, ./pyproject.toml, ./uv.lock.",
                "fastapi_app_frontends",
                "fastapi_app_dependencies",
            ],
            [],
        ),
        (
            ["./.", "./pyproject.toml", "./uv.lock"],
            ["no web/shop/build, but ./uv.lock.", "Build the front ends", "fastapi_app_frontend_path (web)"],
            ["fastapi_app_dependencies"],
        ),
    ],
)
def test_a_missing_lock_file_is_refused_with_those_that_are_there(present, said, unsaid):
    """An older version of a public application had another lock file; the refusal spoke of front ends and named no version."""
    refusal = find("roles/fastapi_app/tasks/build/assemble.yml", "Refuse a source with missing files")
    settings = {
        "backend_path": ".",
        "frontend_path": "web",
        "frontends": ["shop"],
        "frontend_output": "build",
        "dependencies": "uv",
        "working_path": ".",
    }
    scope = Scope(
        "fastapi_app",
        **{f"fastapi_app_{name}": value for name, value in settings.items()},
        __fastapi_app_installer="uv",
        __fastapi_app_present=present,
        **refusal.keywords["vars"],
    )
    message = scope.see(refusal.arguments["fail_msg"])
    assert [part for part in said if part not in message] == [], message
    assert [part for part in unsaid if part in message] == [], message


@pytest.mark.parametrize("content", PYTHON_VERSIONS)
def test_another_python_version_of_the_source_is_seen(tmp_path, capsys, content):
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/.python-version").write_text(f"{content}\n")
    task = find(f"{BUILD}/dependencies.yml", "Find another Python version in the source")
    given = Scope("fastapi_app").see(task.arguments, __fastapi_app_release={"path": str(tmp_path)})
    assert run(find_module, capsys, **given)["matched"] == PYTHON_VERSIONS[content]


class Frontends:
    """The tasks that find, refuse and copy the builds of front ends, on a source of a test."""

    def __init__(self, release: Path, **settings: Any) -> None:
        self.path = release
        self.given = {"fastapi_app_frontend_path": "web", "fastapi_app_frontends": ["menu"]} | settings
        self.given |= {"__fastapi_app_release": {"path": str(release)}}
        self.path.joinpath("frontend").mkdir(parents=True)

    def add(self, *files: str) -> None:
        for name in files:
            file = self.path / "source" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)

    def see(self, name: str) -> tuple[Task, Scope]:
        task = find(f"{BUILD}/assemble.yml", name)
        return task, Scope("fastapi_app", **self.given | task.keywords.get("vars", {}))

    def find(self, capsys: pytest.CaptureFixture) -> list[str]:
        """Find the builds; return what is said of each front end."""
        task, scope = self.see("Find the builds of the front ends")
        if all(scope.see("{{ " + str(one) + " }}") for one in task.keywords["when"]):
            self.given["__fastapi_app_pages"] = run(find_module, capsys, **scope.see(task.arguments))
        task, scope = self.see("without a single build")
        assert scope.see(task.keywords["loop"]) == self.given["fastapi_app_frontends"]
        return [
            scope.see(task.arguments["fail_msg"], item=item)
            for item in self.given["fastapi_app_frontends"]
            if not scope.see("{{ " + task.arguments["that"] + " }}", item=item)
        ]

    def copy(self, static: bool = False) -> list[str]:
        """Copy the builds; return the files of the release's front ends."""
        self.given["__fastapi_app_static"] = {"stat": {"exists": static}}
        task, scope = self.see("Copy the front ends")
        subprocess.run(scope.see(task.arguments["argv"]), cwd=scope.see(task.arguments["chdir"]), check=True)
        frontend = self.path / "frontend"
        return sorted(str(file.relative_to(frontend)) for file in frontend.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("output", "given"),
    [
        ("build", ""),
        ("build/client", ""),
        ("dist", ""),
        ("dist", "dist"),
        ("dist/browser", ""),
        ("dist/menu/browser", ""),
        ("dist/other", "dist/other"),
        ("out", ""),
        (".output/public", ""),
        ("www", "www"),
    ],
)
@pytest.mark.parametrize("place", ["web", "."])
def test_the_build_of_a_front_end_is_found_and_deployed_under_one_name(
    tmp_path, capsys, output, given, place
):
    """nginx_applications, the archive of hashed files and a rollback need not know which tool wrote it."""
    settings = {"fastapi_app_frontend_path": place, "fastapi_app_frontend_output": given}
    there = Frontends(tmp_path / "release", **settings)
    there.add(
        *(f"{place}/menu/{name}" for name in (f"{output}/index.html", f"{output}/assets/a-1.js")),
        f"{place}/menu/public/index.html",
        f"{place}/static/logo.svg",
    )
    assert there.find(capsys) == []
    assert there.copy(static=True) == [
        "menu/build/assets/a-1.js",
        "menu/build/index.html",
        "static/logo.svg",
    ]
    parts = there.see("Copy the front ends")[1].see("{{ __fastapi_app_parts }}")
    inside = "" if place == "." else "web/"
    assert any(f"{inside}menu/{output}".startswith(part.removeprefix("./")) for part in parts)


def test_each_front_end_may_have_a_tool_of_its_own(tmp_path, capsys):
    there = Frontends(tmp_path / "release", fastapi_app_frontends=["menu", "staff/kitchen"])
    there.add("web/menu/dist/index.html", "web/staff/kitchen/out/200.html")
    assert there.find(capsys) == []
    assert there.copy() == ["menu/build/index.html", "staff/kitchen/build/200.html"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "menu has no build with an index.html or 200.html in menu/build, menu/build/client, menu/dist, "),
        (["web/menu/public/index.html"], "menu has no build with an index.html"),
        (["web/menu/build/a.js"], "menu has no build with an index.html"),
        (["web/menu/build/index.html", "web/menu/dist/index.html"], "menu has several builds with a page: menu/build, menu/dist."),
    ],
)  # fmt: skip
def test_no_build_and_several_are_refused_with_the_setting(tmp_path, capsys, files, said):
    there = Frontends(tmp_path / "release")
    there.add("web/menu/package.json", *files)
    [sentence] = there.find(capsys)
    assert sentence.startswith("fastapi_app_frontend_output is empty, and the front end ")
    assert said in sentence
    assert "Name the directory in fastapi_app_frontend_output; or build" in sentence


def test_the_setting_for_builds_makes_another_release_and_its_default_the_same():
    def recipe(**given: Any) -> str:
        return Scope("fastapi_app", fastapi_app_source={"type": "local"}, **given).see(
            "{{ __fastapi_app_recipe }}"
        )

    assert "output" not in str(recipe())
    assert recipe(fastapi_app_frontend_output="dist") != recipe()


def test_a_named_build_is_required():
    named = Scope("fastapi_app", fastapi_app_frontends=["menu"], fastapi_app_frontend_output="dist")
    assert named.see("{{ __fastapi_app_required }}") == ["backend/.", "frontend/menu/dist"]
    assert Scope("fastapi_app", fastapi_app_frontends=["menu"]).see("{{ __fastapi_app_required }}") == [
        "backend/."
    ]

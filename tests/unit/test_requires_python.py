"""What a pyproject.toml requires of Python is compared with the Python of the build; pip does that for packages only."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tasks import ROOT, load

PROGRAM = ROOT / "roles/fastapi_app/files/requires_python.py"
POETRY = "[tool.poetry.dependencies]\npython = '%s'\n"
ACCEPTED = {
    "no file": None,
    "not said": "[project]\nname = 'shop'\n",
    "older ones, too": "[project]\nrequires-python = '>=3.9,<4'\n",
    "poetry": POETRY % "^3.9",
    "poetry, any": POETRY % "*",
    "no TOML": "[project\n",
    "no versions": "[project]\nrequires-python = 'three'\n",
    "no table": "project = 3\n",
    "not UTF-8": b"[project]\nname = '\xff'\n",
}
REFUSED = {
    "newer": ("[project]\nrequires-python = '>=3.99'\n", ">=3.99"),
    "older": ("[project]\nrequires-python = '<3.10'\n", "<3.10"),
    "before poetry's": ("[project]\nrequires-python = '==3.9.*'\n" + POETRY % "^3.9", "==3.9.*"),
    "poetry": (POETRY % "^3.99", ">=3.99"),
    "poetry, minor": (POETRY % "~3.99", ">=3.99"),
}


def run(directory: Path, content: str | bytes | None) -> subprocess.CompletedProcess[str]:
    """Run the program as a build does: from the standard input, in the directory of the project."""
    if content is not None:
        (directory / "pyproject.toml").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    command = [sys.executable, "-I", "-"]
    return subprocess.run(
        command, cwd=directory, input=PROGRAM.read_text(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED)
def test_other_projects_are_built(tmp_path, content):
    ended = run(tmp_path, content)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(("content", "versions"), REFUSED.values(), ids=REFUSED)
def test_another_python_than_the_required_one_is_refused_with_both(tmp_path, content, versions):
    ended = run(tmp_path, content)
    assert ended.returncode == 1
    assert (
        f"requires Python {versions}, but this is {sys.version.split()[0]}. Set fastapi_app_python"
        in ended.stderr
    )


def test_a_build_with_pip_compares_before_it_installs():
    tasks = load(ROOT / "roles/fastapi_app/tasks/build/dependencies.yml")
    names = [task["name"].partition(" | ")[2] for task in tasks]
    compares = names.index("Compare the Python version with pyproject.toml")
    assert PROGRAM.name in tasks[compares]["ansible.builtin.command"]["stdin"]
    assert (
        names.index("Create the virtual environment")
        < compares
        < names.index("Install the packages of the application")
    )

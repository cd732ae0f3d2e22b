"""What a pyproject.toml requires of Python is compared with the Python of the build; pip does that for packages only."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tasks import ROOT, load

PROGRAM = ROOT / "roles/fastapi_app/files/requires_python.py"
POETRY = "[tool.poetry.dependencies]\npython = '%s'\n"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
FULL = ".".join(map(str, sys.version_info[:3]))
PROJECT = "[project]\nrequires-python = '%s'\n"
# Each form of a part, where the version of this Python is within it, and where it is not.
WITHIN = (
    ">=3.9,<4", f">={HERE}", f">= {FULL}", f"=={HERE}.*", "==3.*", f"=={FULL}", f"==={FULL}.0", f"~={HERE}", f"~={FULL}", "~=3.9",
    f"<={FULL}", "<4", ">3", "!=3.9.*", f"!={HERE}.99,>=3.9", "<3.99.1",
)  # fmt: skip
OUTSIDE = (
    ">=3.9,<3.10", f"<{HERE}", f"<{FULL}", f"=={HERE}.99", "==3.9.*", f"~={HERE}.99", "~=3.99", "~=2.7",
    f">{FULL}", ">3.99", ">=4", f"!={HERE}.*", f"!={FULL}", f"=={FULL}.1",
)  # fmt: skip
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


@pytest.mark.parametrize("versions", WITHIN)
def test_each_form_of_a_version_has_this_python_within(tmp_path, versions):
    assert run(tmp_path, PROJECT % versions).returncode == 0


@pytest.mark.parametrize("versions", OUTSIDE)
def test_each_form_of_a_version_has_this_python_outside(tmp_path, versions):
    ended = run(tmp_path, PROJECT % versions)
    assert ended.returncode == 1
    assert f"requires Python {versions}, but" in ended.stderr


def test_the_comparison_needs_no_package():
    """pip's parser is a part of pip that not every distribution's pip has; without it every version passed."""
    imported = re.findall(r"^(?:from|import) (\w+)", PROGRAM.read_text(), re.MULTILINE)
    assert imported
    assert set(imported) <= sys.stdlib_module_names


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

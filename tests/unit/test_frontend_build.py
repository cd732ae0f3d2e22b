"""The user interfaces that are deployed were built from the sources beside them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "examples/table-order/frontend"


def check(frontend: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, FRONTEND / "build", "--check", "--frontend", frontend]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    """A copy that may be changed."""
    copy = tmp_path / "frontend"
    shutil.copytree(FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules"))
    return copy


def test_the_build_is_that_of_the_sources():
    result = check(FRONTEND)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ("customer-ui/src/App.tsx", "sources"),
        ("shared/src/styles.css", "sources"),
        ("package-lock.json", "sources"),
        ("superadmin-ui/build/index.html", "built"),
    ],
)
def test_a_changed_file_makes_it_stale(frontend: Path, changed: str, named: str):
    with (frontend / changed).open("a") as file:
        file.write("\n")
    result = check(frontend)
    assert result.returncode == 1
    assert named in result.stdout
    assert "make frontend" in result.stdout


@pytest.mark.parametrize("added", ["admin-ui/src/New.tsx", "admin-ui/build/assets/left-over.js"])
def test_an_added_file_makes_it_stale(frontend: Path, added: str):
    (frontend / added).write_text("")
    assert check(frontend).returncode == 1


def test_a_removed_file_makes_it_stale(frontend: Path):
    (frontend / "admin-ui/build/index.html").unlink()
    assert check(frontend).returncode == 1


def test_installed_dependencies_do_not_count(frontend: Path):
    (frontend / "customer-ui/node_modules").mkdir()
    (frontend / "customer-ui/node_modules/something.js").write_text("")
    assert check(frontend).returncode == 0

"""What the images keep of Ansible's compiled modules, tried in processes of this Python."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "images/shared/usr/lib/python3/dist-packages"
PROGRAM = """
import os, sys
sys.path[:0] = [{folder!r}, {archive!r}]
import ansible_code
ansible_code.DIRECTORY, os.geteuid = {kept!r}, lambda: {user}
import module
print(module.VALUE)
"""


@pytest.fixture
def run(tmp_path: Path):
    def run(source: str, user: int = 0) -> str:
        archive = tmp_path / "payload.zip"
        with zipfile.ZipFile(archive, "w") as written:
            written.writestr("module.py", source)
        program = PROGRAM.format(
            folder=str(FOLDER), archive=str(archive), kept=str(tmp_path / "kept"), user=user
        )
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()

    return run


def test_code_is_kept_by_its_source(run, tmp_path: Path) -> None:
    assert run("VALUE = 1") == "1"
    [first] = (tmp_path / "kept").iterdir()
    assert run("VALUE = 2") == "2"
    assert len(list((tmp_path / "kept").iterdir())) == 2
    # It is what runs the next time.
    second = next(path for path in (tmp_path / "kept").iterdir() if path != first)
    second.replace(first)
    assert run("VALUE = 1") == "2"


def test_what_cannot_be_read_is_compiled_again(run, tmp_path: Path) -> None:
    run("VALUE = 1")
    [file] = (tmp_path / "kept").iterdir()
    file.write_bytes(b"cut short")
    assert run("VALUE = 1") == "1"
    assert file.read_bytes() != b"cut short"


def test_nobody_but_root_leaves_code_for_root(run, tmp_path: Path) -> None:
    assert run("VALUE = 1", user=1000) == "1"
    assert not (tmp_path / "kept").exists()

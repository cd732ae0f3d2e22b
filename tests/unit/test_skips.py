"""No test is skipped silently, in tests/ and in the scenarios; tests/cloud runs for every user of make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import conftest

ROOT = Path(__file__).parents[2]
EXPECTED = "SKIPPED [1] tests/test_options.py:146: the look-alike only has a newer release of its repository"


def run(*command, cwd=ROOT, **options):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(("body", "status"), [("pytest.skip('tired')", 1), ("pass", 0)])
def test_a_run_with_a_skip_has_failed(tmp_path, body, status):
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(f"import pytest\n\ndef test_it():\n    {body}\n")
    done = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ".", cwd=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert ("FAILED: skipped: test_it.py::test_it: tired" in done.stdout) == (status == 1)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("2 passed in 1s", 0, "Nothing was skipped."),
        (EXPECTED, 0, EXPECTED),
        (f"\x1b[33m{EXPECTED}\x1b[0m", 0, EXPECTED),
        ("SKIPPED [3] tests/test_x.py:1: needs root", 1, "needs root"),
    ],
)
def test_a_scenarios_skips_are_printed_and_expected(tmp_path, line, status, said):
    log = tmp_path / "molecule-x.log"
    log.write_text(f"before\n{line}\nafter\n")
    done = run("scripts/skips", str(log))
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr


def test_tests_of_the_local_cloud_fail_for_whoever_is_not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert 'run "make local-cloud", which uses sudo' in conftest.what_is_missing()


def test_they_fail_without_their_programs(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "podman and iptables missing: scripts/setup --local" in conftest.what_is_missing()


def test_make_runs_them_as_root(tmp_path):
    """make local-cloud, by a user other than root, uses sudo for the part that needs root."""
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    # The Makefile puts .venv/bin before PATH, and neither has another id.
    done = run(
        "make", "--dry-run", "local-cloud", env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    )
    (line,) = [line for line in done.stdout.splitlines() if line.endswith("tests/cloud")]
    assert line.startswith("sudo --preserve-env=PATH,CONTAINERS_CONF ")

"""What people have in their repositories, taken through the commands of the tasks, with the real programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.tasks import Task, find

BUILD = "roles/fastapi_app/tasks/build"


def shell(task: Task, chdir: Path, **environment: str) -> None:
    """Run a task of ansible.builtin.shell in ``chdir``."""
    subprocess.run(
        ["/bin/sh", "-c", task.arguments["cmd"]], cwd=chdir, env=os.environ | environment, check=True
    )


@pytest.mark.parametrize("backend", [".", "services/shop"])
def test_the_preview_compares_any_backend_path(tmp_path, backend):
    live, preview = tmp_path / "live", tmp_path / "preview"
    (live / "backend/venv/bin").mkdir(parents=True)
    (live / "backend/venv/bin/uvicorn").write_text("program")
    (preview / "source" / backend / "backend").mkdir(parents=True)
    (preview / "source" / backend / "pyproject.toml").write_text("[project]")
    shell(find(f"{BUILD}/preview.yml", "Link the programs of the live release"), preview, BACKEND=backend, LIVE=str(live))
    assert (preview / "backend/pyproject.toml").read_text() == "[project]"
    assert (preview / "backend/venv/bin/uvicorn").samefile(live / "backend/venv/bin/uvicorn")

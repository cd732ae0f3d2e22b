"""What a public project has, held against what the project does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
]
STAGES = ("pre-commit", "pre-push")


def program(command: str) -> str:
    """Return what a command runs, without its options and files."""
    return " ".join(word for word in command.split() if re.fullmatch(r"[a-z-]+", word) and word[0] != "-")


def test_each_short_linter_runs_at_a_commit_and_all_before_a_push() -> None:
    lines = (ROOT / "scripts/lint").read_text().splitlines()
    linters = [program(line) for line in lines if line.split(" ")[0] in ("ruff", "yamllint", "ansible-lint")]
    at = {
        stage: [h["entry"].removeprefix(".venv/bin/") for h in HOOKS if h["stages"] == [stage]]
        for stage in STAGES
    }
    assert [*map(program, at["pre-commit"]), "ansible-lint"] == linters
    assert at["pre-push"] == ["scripts/lint"]


def test_a_licence_that_is_named_is_there() -> None:
    named = {
        yaml.safe_load(path.read_text())["galaxy_info"]["license"]
        for path in ROOT.glob("roles/*/meta/main.yml")
    }
    assert named == {"MIT"}
    assert (ROOT / "LICENSE").read_text() == (ROOT / "LICENSES/MIT.txt").read_text()

"""What a public project has, held against what the project does."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from antsibull_changelog import cli

ROOT = Path(__file__).parents[2]
LINTERS = ("ruff", "yamllint", "antsibull-changelog", "ansible-lint")
SHORT = ["ruff check .", "ruff format --check .", "yamllint --strict .", "antsibull-changelog lint"]


def lint(tmp_path: Path, *arguments: str, failing: str = "") -> tuple[int, list[str]]:
    """Run scripts/lint with stand-ins for the linters; return its exit code and the commands that it ran."""
    log = tmp_path / "log"
    for directory in ("scripts", ".venv/bin"):
        (tmp_path / directory).mkdir(parents=True)
    for name in LINTERS:
        program = tmp_path / ".venv/bin" / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >>{log}\n[ "{name} $*" != "{failing}" ]\n', encoding="utf-8"
        )
        program.chmod(0o755)
    script = tmp_path / "scripts/lint"
    script.write_bytes((ROOT / "scripts/lint").read_bytes())
    script.chmod(0o755)
    run = subprocess.run(
        [script, *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return run.returncode, log.read_text().splitlines() if log.exists() else []


def test_the_short_part_is_the_whole_without_the_long_linter(tmp_path: Path) -> None:
    assert lint(tmp_path / "short", "--short") == (0, SHORT)
    assert lint(tmp_path / "all") == (0, [*SHORT, "ansible-lint --offline --strict"])


@pytest.mark.parametrize("failing", SHORT)
def test_a_linter_that_fails_fails_both_parts(tmp_path: Path, failing: str) -> None:
    assert lint(tmp_path / "short", "--short", failing=failing)[0] != 0
    assert lint(tmp_path / "all", failing=failing)[0] != 0


def test_a_misspelled_part_runs_nothing(tmp_path: Path) -> None:
    assert lint(tmp_path, "--shrot") == (2, [])


def test_commits_run_the_short_part_and_pushes_what_make_lint_runs() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]
    assert {tuple(hook["stages"]): hook["entry"] for hook in hooks} == {
        ("pre-commit",): "scripts/lint --short",
        ("pre-push",): "scripts/lint",
    }
    assert all(hook["always_run"] and not hook["pass_filenames"] for hook in hooks)
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.split("\nlint: ready ##", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    assert recipe == ["\tscripts/lint"]


def test_a_licence_that_is_named_is_there() -> None:
    named = {
        yaml.safe_load(path.read_text())["galaxy_info"]["license"]
        for path in ROOT.glob("roles/*/meta/main.yml")
    }
    assert named == {"MIT"}
    assert (ROOT / "LICENSE").read_text() == (ROOT / "LICENSES/MIT.txt").read_text()


WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text()


def test_an_action_is_pinned_to_one_commit_and_says_its_version() -> None:
    workflows = "".join(path.read_text() for path in ROOT.glob(".github/workflows/*.yml"))
    used = re.findall(r"uses: ([\w./-]+)@(\S+)(.*)", workflows)
    assert used
    for action, commit, comment in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert len({action for action, *_ in used}) == len(set(used))


def test_what_needs_debian_12_runs_in_it() -> None:
    packages = (ROOT / "scripts/setup").read_text()
    assert "postgresql-15" in packages  # what Debian 12 has; another Debian has another
    for name, job in yaml.safe_load(WORKFLOW)["jobs"].items():
        commands = " ".join(step.get("run", "") for step in job["steps"])
        if "make " in commands or ".ci/run" in commands:
            assert job["container"]["image"] == "debian:12", name
            assert "--privileged" in job["container"]["options"].split(), name


def test_the_workflow_and_the_record_agree_on_whether_it_ran() -> None:
    record = (ROOT / "docs/tested.md").read_text()
    assert ("workflow has never run" in WORKFLOW) == ("workflow has never run" in record)


RELEASES = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text())["releases"]
# What changelogs of collections have, whatever their version (keys of changelogs/config.yaml).
SECTIONS = {name for name, _ in yaml.safe_load((ROOT / "changelogs/config.yaml").read_text())["sections"]} | {
    "release_summary"
}


def test_the_changelog_is_the_generated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    written = tmp_path / "CHANGELOG.md"
    collection = (
        "--is-collection --collection-namespace table_order --collection-name infra --no-collection-flatmap"
    )
    command = f"antsibull-changelog generate {collection} --output {written} --output-format md"
    assert cli.run(command.split()) == 0
    assert written.read_text() == (ROOT / "CHANGELOG.md").read_text(), (
        "write a fragment below changelogs/fragments, then: antsibull-changelog generate"
    )


def test_the_version_is_stated_once() -> None:
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text()).get("project", {})
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == list(RELEASES)[-1]


def test_a_released_entry_begins_with_what_it_is_about() -> None:
    for release in RELEASES.values():
        assert release["changes"].keys() <= SECTIONS
        for section in release["changes"].keys() - {"release_summary"}:
            for entry in release["changes"][section]:
                assert re.match(r"[\w ]+ - \S.*\.$", entry), entry


# -- CONTRIBUTING.md ---------------------------------------------------------------------------------------

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# With a directory, or of the root with an ending.
PATH = r"`([\w.-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:md|yml|in|txt|json|cfg))`"


def paths(text: str) -> set[str]:
    """Return the paths that a text names, links and arguments of commands included."""
    arguments = re.findall(r"`[^`\n]*\b((?:tests|scripts|examples)/[\w./-]+)", text)
    return {*re.findall(PATH, text), *re.findall(r"\]\(([^):#]+)\)", text), *arguments}


def lists(text: str) -> dict[tuple[str, ...], list[str]]:
    """Return the numbered steps below each line that names an example, by the words that stand for it."""
    found: dict[tuple[str, ...], list[str]] = {}
    steps: list[str] = []
    for line in text.splitlines():
        if example := re.search(r"[Ee]xample:? .*", line):
            steps = found.setdefault(tuple(re.findall(r"`([^`]+)`", example[0])), [])
        elif re.match(r"\d+\. ", line):
            steps.append(line)
        elif line.startswith("   ") and steps:
            steps[-1] += line[2:]
        elif line.startswith("#"):
            steps = []
    return found


def places(step: str) -> set[str]:
    """Return the places of a step: before its colon, where it has one, and not in brackets."""
    return set(re.findall(PATH, re.sub(r"\([^()]*\)", "", step).split(": ")[0]))


def test_every_path_that_is_named_exists() -> None:
    named = paths(CONTRIBUTING)
    assert len(named) > 60
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_place_of_a_change_has_the_example() -> None:
    found = lists(CONTRIBUTING)
    assert len(found) == 8
    missing = [
        f"{path}: {' or '.join(words)}"
        for words, steps in found.items()
        for path in sorted(set().union(*map(places, steps)))
        if not any(word.lower() in (ROOT / path).read_text().lower() for word in words)
    ]
    assert missing == []
    assert min(len(set().union(*map(places, steps))) for steps in found.values()) > 1


def test_a_test_that_is_named_to_run_alone_is_there() -> None:
    for file, word in re.findall(r"pytest (tests/\S+) (?:-s )?-k (\w+)`", CONTRIBUTING):
        assert re.search(rf"def test_\w*{word}|\b{word}", (ROOT / file).read_text()), f"{file} -k {word}"

"""The shape of the roles: few files in a folder, short chains of includes, few names shared between files, inputs left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.tasks import ROOT, all_tasks

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
MOST_FILES, DEEPEST, MOST_SHARED = 20, 3, 3
INCLUDES = ("include_tasks", "import_tasks")


def of_role(role: str) -> list:
    """Return the role's tasks, handlers left out."""
    return [task for task in all_tasks() if task.path.startswith(f"roles/{role}/tasks/")]


def included(task) -> list[str]:
    """Return the files that a task includes, all that a name with an expression can stand for."""
    arguments = task.arguments
    name = arguments.get("file", "") if isinstance(arguments, dict) else str(arguments)
    pattern = re.sub(r"\{\{.*?\}\}", "*", name)
    folder = ROOT / "/".join(task.path.split("/")[:3])
    found = [str(path.relative_to(ROOT)) for path in folder.glob(pattern)]
    assert found, f"{task} includes {name}, which is not in {folder}"
    return found


def includes(role: str) -> dict[str, set[str]]:
    """Return the files that each task file includes."""
    found: dict[str, set[str]] = {}
    for task in of_role(role):
        found.setdefault(task.path, set())
        if task.module.rpartition(".")[2] in INCLUDES:
            found[task.path] |= set(included(task))
    return found


def depth(file: str, graph: dict[str, set[str]]) -> int:
    """Return how many includes deep a file leads."""
    return max((1 + depth(other, graph) for other in graph[file]), default=0)


def results(task) -> set[str]:
    """Return the names that a task sets for the tasks that follow."""
    found = {task.keywords["register"]} if "register" in task.keywords else set()
    if task.module.rpartition(".")[2] == "set_fact":
        found |= {name for name in task.arguments if name != "cacheable"}
    return found


def shared(role: str) -> dict[str, set[str]]:
    """Return the names that each task file sets and another one reads; what a role returns is not counted."""
    set_in: dict[str, set[str]] = {}
    for task in of_role(role):
        for name in results(task):
            set_in.setdefault(name, set()).add(task.path)
    texts = {path: (ROOT / path).read_text() for path in includes(role)}
    found: dict[str, set[str]] = {}
    for name, paths in set_in.items():
        readers = {path for path, text in texts.items() if re.search(rf"\b{name}\b", text)}
        for path in paths if readers - paths and name.startswith("__") else ():
            found.setdefault(path, set()).add(name)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_folder_has_few_files(role):
    counts: dict[Path, int] = {}
    for path in (ROOT / "roles" / role).rglob("*"):
        if path.is_file():
            counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {str(path): count for path, count in counts.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("role", ROLES)
def test_chains_of_includes_are_short(role):
    graph = includes(role)
    assert {file: depth(file, graph) for file in graph if depth(file, graph) > DEEPEST} == {}


@pytest.mark.parametrize("role", ROLES)
def test_files_share_few_names(role):
    assert {file: names for file, names in shared(role).items() if len(names) > MOST_SHARED} == {}


@pytest.mark.parametrize("role", ROLES)
def test_no_task_sets_an_input(role):
    options = set(
        re.findall(r"^(\w+):", (ROOT / "roles" / role / "defaults/main.yml").read_text(), re.MULTILINE)
    )
    assert {str(task): names for task in all_tasks() if (names := results(task) & options)} == {}


def test_no_playbook_reads_what_is_inside_a_role():
    inside = re.compile(r"(?<![\w.])__(?:" + "|".join(ROLES) + r")_\w+")
    files = [*(ROOT / "playbooks").rglob("*.yml"), ROOT / "site.yml"]
    found = {str(path.relative_to(ROOT)): set(inside.findall(path.read_text())) for path in files}
    assert {path: names for path, names in found.items() if names} == {}

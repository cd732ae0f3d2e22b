"""Every task of the roles and playbooks, as Ansible would run it: with what its block and play say for it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
# What stands before the names of the project's own roles and modules.
COLLECTION = "table_order.infra."
FILES = (
    "roles/*/tasks/**/*.yml",
    "roles/*/handlers/*.yml",
    "playbooks/tasks/*.yml",
    "playbooks/*.yml",
    "playbooks/app/*.yml",
)
SECTIONS = ("block", "rescue", "always")
# What a task takes from the block and the play around it. Conditions and variables add up.
INHERITED = ("no_log", "check_mode", "delegate_to", "become", "diff", "environment", "run_once")


@dataclass(frozen=True)
class Task:
    """One task: where it stands, its module and arguments, and all its keywords."""

    path: str
    name: str
    module: str
    arguments: Any
    keywords: dict[str, Any]
    section: str = ""

    @property
    def role(self) -> str:
        """Return the role's name, or "playbooks"."""
        return self.path.split("/")[1] if self.path.startswith("roles/") else "playbooks"

    @property
    def conditions(self) -> str:
        """Return all conditions, its blocks' as well, as one text."""
        return " and ".join(str(one) for one in self.keywords.get("when", []))

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"


def as_list(value: Any) -> list[Any]:
    """Return what YAML has as one value or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def load(file: Path) -> Any:
    """Read a file of YAML, a tenth of a second for all of them."""
    return yaml.load(file.read_text(), Loader=yaml.CSafeLoader)


def _read(path: str, entries: list[dict[str, Any]], around: dict[str, Any], section: str) -> Iterator[Task]:
    for entry in entries:
        said = {name: value for name, value in around.items() if name in INHERITED} | entry
        said["when"] = as_list(around.get("when", [])) + as_list(entry.get("when", []))
        said["vars"] = around.get("vars", {}) | entry.get("vars", {})
        parts = [*SECTIONS, "tasks", "pre_tasks", "post_tasks", "handlers"]
        if any(part in entry for part in parts):
            for part in parts:
                yield from _read(path, entry.get(part, []), said, part if part in SECTIONS else section)
            continue
        module = next((key for key in entry if "." in key or key in own_modules()), "")
        if module:
            yield Task(path, entry["name"], module, entry[module] or {}, said, section)


@functools.cache
def own_modules() -> frozenset[str]:
    """Return the names of the project's own modules."""
    return frozenset(COLLECTION + file.stem for file in (ROOT / "plugins/modules").glob("*.py"))


@functools.cache
def all_tasks() -> tuple[Task, ...]:
    """Return the tasks of all roles and playbooks, in the order of their files."""
    return tuple(
        task
        for pattern in FILES
        for file in sorted(ROOT.glob(pattern))
        for task in _read(str(file.relative_to(ROOT)), load(file) or [], {}, "")
    )


def of(*modules: str) -> list[Task]:
    """Return the tasks of these modules, named without their collection."""
    return [task for task in all_tasks() if task.module.rpartition(".")[2] in modules]


def find(path: str, name: str) -> Task:
    """Return the one task of a file whose name ends so."""
    [found] = [task for task in all_tasks() if task.path == path and task.name.endswith(name)]
    return found

"""Every task that handles a secret hides it, every file that holds one is its owner's alone. Found by following the values.

A value is secret where it comes from the Secrets Manager or is drawn at random, where a role's specification says no_log, and
in whatever is made of such a value: variables, facts, files.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tasks import ROOT, Task, all_tasks, load, of

SOURCES = re.compile(
    r"(?:lookup|query)\(\s*'(amazon\.aws\.secretsmanager_secret|ansible\.builtin\.password)'"
)
# The result of these filters is no secret.
HARMLESS = re.compile(
    r"hash\('sha256'\)|\| length|fastapi_app_diagnostics|fastapi_app_environment_changes|_problems\b|aws_security_missing_keys"
    r"|rejectattr\('name'"
)
PUBLIC_PARTS = re.compile(r"\b[\w.]+\.(username|user|host|port|name)\b")
# Print nothing of their arguments but these.
SPEAKERS = {"assert": ("fail_msg", "success_msg"), "debug": ("msg", "var"), "fail": ("msg",)}
SILENT = ("include_tasks", "import_tasks", "include_role", "import_role", "meta", "include_vars")
PRIVATE = ("0600", "0640")
VARIABLES = (
    "roles/*/vars/*.yml",
    "roles/*/defaults/*.yml",
    "playbooks/vars/*.yml",
    "inventories/*/group_vars/*/*.yml",
)


def expressions(value: Any) -> list[str]:
    """Return every text in a value of YAML."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in expressions(item)]
    if isinstance(value, list):
        return [text for item in value for text in expressions(item)]
    return [value] if isinstance(value, str) else []


def read(path: Path) -> dict[str, Any]:
    return load(path) or {}


def specified_secrets() -> set[str]:
    """Return the settings that a specification declares secret, as a whole or in a part."""
    return {
        name
        for path in ROOT.glob("roles/*/meta/argument_specs.yml")
        for name, option in read(path)["argument_specs"]["main"]["options"].items()
        if any(part.get("no_log") is True for part in [option, *option.get("options", {}).values()])
    }


def returns_a_secret(task: Task) -> bool:
    """Tell whether a module's result has a secret's value."""
    return task.module.endswith(".secretsmanager_rotation") and task.arguments["stage"] == "pending"


def returned_secrets() -> set[str]:
    return {
        task.keywords["register"]
        for task in all_tasks()
        if returns_a_secret(task) and "register" in task.keywords
    }


def definitions() -> list[tuple[str, Any]]:
    """Return every variable that a file, a fact or a task's own variables define."""
    found = [item for pattern in VARIABLES for path in ROOT.glob(pattern) for item in read(path).items()]
    found += [item for task in all_tasks() for item in task.keywords.get("vars", {}).items()]
    return found + [
        item for task in of("set_fact") for item in task.arguments.items() if item[0] != "cacheable"
    ]


def with_templates(text: str) -> str:
    """Return what is computed in a text: its expressions, with the templates that they look up."""
    computed = " ".join(re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL))
    for name in re.findall(r"lookup\('ansible\.builtin\.template', '([\w./-]+)'\)", computed):
        computed += "".join(path.read_text() for path in ROOT.glob(f"roles/*/templates/{name}"))
    return computed


def mentions(value: Any, names: Set[str]) -> bool:
    """Tell whether a value holds a secret, or something made of one of these variables."""
    for text in map(with_templates, expressions(value)):
        if SOURCES.search(text):
            return True
        if not HARMLESS.search(text) and names & set(re.findall(r"\w+", PUBLIC_PARTS.sub("", text))):
            return True
    return False


@functools.cache
def secret_variables() -> frozenset[str]:
    found, before = specified_secrets() | returned_secrets(), set()
    while found != before:
        before = set(found)
        found |= {name for name, value in definitions() if mentions(value, before)}
    return frozenset(found)


def module_source(name: str) -> str:
    """Return the Python text of a module of the project or of an installed collection."""
    places = [*ROOT.glob("plugins/modules")]
    if "." in name:
        namespace, collection, _ = name.split(".")
        found = importlib.util.find_spec("ansible_collections").submodule_search_locations
        places = [Path(place) / namespace / collection / "plugins/modules" for place in found]
    [file] = [
        place / f"{name.rpartition('.')[2]}.py"
        for place in places
        if (place / f"{name.rpartition('.')[2]}.py").exists()
    ]
    return file.read_text()


def hides_by_itself(task: Task, argument: str) -> bool:
    """Tell whether the module declares the argument as secret: Ansible then hides it itself."""
    if task.module.startswith("ansible.builtin."):
        return False
    return bool(re.search(rf"\b{argument}\b[^\n]*no_log\W{{1,4}}True", module_source(task.module)))


def is_kept_in_the_manager(task: Task) -> bool:
    return task.module == "community.aws.secretsmanager_secret" and "json_secret" in task.arguments


def shown(task: Task) -> Any:
    """Return what Ansible may print of a task: its arguments, its environment and, when asked for more (-v), its items."""
    kind, arguments = task.module.rpartition(".")[2], task.arguments
    if kind in SILENT:
        return {}
    if kind in SPEAKERS:
        arguments = {name: value for name, value in arguments.items() if name in SPEAKERS[kind]}
    elif isinstance(arguments, dict) and not is_kept_in_the_manager(task):
        arguments = {
            name: value
            for name, value in arguments.items()
            if not mentions(value, secret_variables()) or not hides_by_itself(task, name)
        }
    if kind == "template":
        written = [path.read_text() for path in ROOT.glob(f"roles/{task.role}/templates/{arguments['src']}")]
        arguments = arguments | {"text": "".join(written)}
    return [arguments, task.keywords.get("environment"), task.keywords.get("loop")]


def copies_a_key(task: Task) -> bool:
    source = task.arguments.get("src", "") if isinstance(task.arguments, dict) else ""
    return task.module.endswith(".copy") and bool(re.search(r"_key_file\b", source))


# What no argument names: a file's content, a log's, a traceback may quote what the application was started with, and a build an
# address of /etc/environment.
BY_OTHER_MEANS = {
    "roles/fastapi_app/tasks/check.yml: Check | Read the environment of the live release",
    "roles/fastapi_app/tasks/check.yml: Check | Start the application",
    "roles/fastapi_app/tasks/rollback.yml: Rollback | Read the env files of both releases",
    "playbooks/maintain.yml: Read the errors of the last day",
    "roles/fastapi_app/tasks/build/dependencies.yml: Dependencies | Install the packages of the application",
}


@functools.cache
def secret_tasks() -> dict[str, Task]:
    found = [
        task
        for task in all_tasks()
        if copies_a_key(task) or returns_a_secret(task) or mentions(shown(task), secret_variables())
    ]
    return {str(task): task for task in found}


def test_a_task_hides_what_it_prints_exactly_where_that_is_secret():
    """Both ways: an unnecessarily hidden output is missing in diagnostics."""
    hidden = {str(task) for task in all_tasks() if "no_log" in task.keywords}
    assert hidden == secret_tasks().keys() | BY_OTHER_MEANS
    assert len(hidden) > 12


def test_hiding_is_a_setting_that_is_on_and_that_no_inventory_turns_off():
    settings = {
        re.fullmatch(r"\{\{ (\w+)( \| bool)? \}\}", str(task.keywords["no_log"]))[1]
        for task in all_tasks()
        if "no_log" in task.keywords
    }
    defaults = {
        name: value for path in ROOT.glob("roles/*/defaults/main.yml") for name, value in read(path).items()
    }
    assert {name: defaults[name] for name in settings} == dict.fromkeys(settings, True)
    chosen = [name for path in ROOT.glob("inventories/**/*.yml") for name in read(path)]
    assert [name for name in chosen if name.endswith("_no_log")] == []


@pytest.mark.parametrize(
    "task", [task for task in secret_tasks().values() if task.module.endswith(".copy")], ids=str
)
def test_a_file_with_a_secret_is_root_s_and_shows_no_difference(task):
    assert task.arguments["owner"] == "root"
    assert task.arguments["mode"] in PRIVATE
    # A group may read it only where it is the service's own.
    assert task.arguments["mode"] == "0600" or task.arguments["group"] == "{{ fastapi_app_user }}"
    # Also with the hiding disabled for diagnostics.
    assert task.keywords.get("diff") is False

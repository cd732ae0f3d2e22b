"""Each role refuses invalid settings in one sentence with the setting, its value and what is accepted, and hides secrets."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.table_order.infra.plugins.lookup.setting_problems import Rendered
from ansible_collections.table_order.infra.plugins.plugin_utils import settings

from tests.unit.settings.tables import ACCEPTED, GIVEN, REFUSED, TOGETHER, ZONES
from tests.unit.tasks import ROOT, all_tasks
from tests.unit.test_settings_wired import PLAY as SITE
from tests.unit.test_settings_wired import trusted

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
# Never shown: what the tables have in place of passwords and tokens.
SECRETS = ("tiger", "owner-password", "app-password", "비밀번호", "9876543210")


@functools.cache
def defaults(role: str) -> dict[str, Any]:
    read = [f"roles/{name}/defaults/main.yml" for name in ("table_order", role)] + [
        "roles/table_order/vars/main.yml"
    ]
    texts = [(ROOT / path).read_text() for path in read]
    return trusted(
        functools.reduce(dict.__or__, [*map(yaml.safe_load, texts), SITE, {"table_order_zones": ZONES}])
    )


def said(role: str, given: dict[str, Any], part: str = "") -> list[str]:
    """Return the role's sentences about the settings, in the entry point that has the first one."""
    values = defaults(role) | GIVEN.get(role, {}) | given
    parts = settings.table_of(role).parts
    part = part or next((one for one in parts if any(name in parts[one] for name in given)), "main")
    return settings.problems(role, Rendered(values, Templar(loader=DataLoader(), variables=values)), part)


def put(old: Any, keys: list[str], value: Any) -> Any:
    """Return ``old`` with ``value`` at the place of the keys."""
    if not keys:
        return value
    key, *rest = keys
    if not key.isdigit():
        return (old or {}) | {key: put((old or {}).get(key), rest, value)}
    elements, place = list(old or []), int(key)
    elements[place : place + 1] = [put(next(iter(elements[place:]), None), rest, value)]
    return elements


def at(role: str, place: str, value: Any) -> dict[str, Any]:
    """Return the setting of ``place``, such as ``x[0].y``, with ``value`` there."""
    name, *keys = re.findall(r"\w+", place.removeprefix("A name in "))
    if place.startswith("A name in "):
        keys, value = [value], "x"
    return {name: put((defaults(role) | GIVEN.get(role, {})).get(name), keys, value)}


@pytest.mark.parametrize(
    ("role", "place", "words", "value"),
    [
        pytest.param(role, place, words, value, id=f"{place} is {value!r}"[:80])
        for role, rows in REFUSED.items()
        for place, words, values in rows
        for value in values
    ],
)
def test_an_invalid_value_is_refused_by_name_with_what_is_accepted(role, place, words, value):
    [sentence] = [one for one in said(role, at(role, place, value)) if one.startswith(f"{place} is ")]
    assert words in sentence
    assert "\n" not in sentence
    assert not [secret for secret in SECRETS if secret in sentence]


@pytest.mark.parametrize(
    ("value", "is_"), [("", "''"), (None, "null"), ("tiger", "hidden (str)"), ([""], "hidden (list)")]
)
def test_a_secret_that_is_not_there_is_no_secret(value, is_):
    """A variable of the environment that is not set gives an empty password."""
    assert settings.sentence("x", value, "text", hidden=True) == f"x is {is_}. Accepted: text."


@pytest.mark.parametrize(("role", "given", "words"), TOGETHER, ids=lambda value: str(value)[:60])
def test_settings_that_do_not_fit_together_are_refused_with_the_fix(role, given, words):
    sentences = said(role, given)
    assert [one for one in sentences if words in one], sentences


@pytest.mark.parametrize(
    ("role", "given"), [(role, given) for role in ROLES for given in [{}, *ACCEPTED[role]]]
)
def test_valid_settings_are_accepted(role, given):
    parts = settings.table_of(role).parts if given.get("fastapi_app_state") != "absent" else ()
    for part in {"main", *parts}:
        assert said(role, given, part) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_wrong_type_is_refused_for_every_setting(role):
    """The specification alone names the type; whatever a table or a rule does with the value, it never gets that far."""
    parts = settings.table_of(role).parts
    for name, option in settings.options_of(role).items():
        for value in (None, [None], {"a": None}):
            if value is None or not isinstance(value, {"list": list, "dict": dict}.get(option["type"], ())):
                part = next((one for one in parts if name in parts[one]), "main")
                assert [one for one in said(role, {name: value}, part) if one.startswith(f"{name} is ")], (
                    name,
                    value,
                )


# Settings of fastapi_app with a meaning for an empty value: no bundle, no pattern, the previous release, ...
MAY_BE_EMPTY = {
    "": "amazon_release database_ca_url frontend_output health_body health_host memory_max migration_user release release_path "
    "traffic_url why",
    "[]": "after_switch arguments before_switch frontends install_arguments processes revisions rollback_keeps shared_directories "
    "source_exclude system_packages writable_paths",
    "{}": "build_environment environment",
}


@pytest.mark.parametrize("text", MAY_BE_EMPTY)
def test_an_empty_value_is_refused_unless_it_has_a_meaning(text):
    value = yaml.safe_load(text) if text else ""
    accepted = {
        name
        for name in settings.options_of("fastapi_app")
        if not [one for one in said("fastapi_app", {name: value}) if one.startswith(f"{name} is ")]
    }
    assert accepted == {f"fastapi_app_{name}" for name in MAY_BE_EMPTY[text].split()}


def test_all_problems_are_reported_at_once():
    found = said(
        "fastapi_app",
        {"fastapi_app_service": "../x", "fastapi_app_workers": 0, "fastapi_app_build_user": "fastapi-app"},
    )
    assert {one.split()[0] for one in found} == {
        f"fastapi_app_{name}" for name in ("service", "workers", "build_user")
    }


def test_each_entry_point_checks_its_settings_and_the_locks():
    parts = settings.table_of("fastapi_app").parts
    assert set().union(*parts.values()) == set(settings.options_of("fastapi_app"))
    assert all(parts["lock"] <= names for names in parts.values())
    for part in ("release", "activate", "rollback"):
        assert (
            "fastapi_app_state is 'absent'" in said("fastapi_app", {"fastapi_app_state": "absent"}, part)[0]
        )
    nothing = {"__fastapi_app_path": ""}
    assert "fastapi_app_release_path is ''" in said("fastapi_app", nothing, "activate")[0]
    assert said("fastapi_app", nothing | {"ansible_check_mode": True}, "activate") == []
    assert said("fastapi_app", nothing, "rollback") == []


@pytest.mark.parametrize(("kind", "path"), [("archive", ROOT / "README.md"), ("local", ROOT)])
def test_a_path_that_cannot_be_read_is_refused(monkeypatch, kind, path):
    monkeypatch.setattr("os.access", lambda *_: False)
    [sentence] = said("fastapi_app", {"fastapi_app_source": {"type": kind, "path": str(path)}})
    assert "your user on the controller can read" in sentence


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("nginx_htpp_port", "Did you mean nginx_http_port?"),
        ("nginx_" + "q" * 40, "The role's README lists the settings of nginx_*."),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_name(name, advice):
    assert said("nginx", {name: 81}) == [f"{name} is not a setting of this role. {advice}"]


@pytest.mark.parametrize("role", ROLES)
def test_a_table_names_what_there_is(role):
    """A kind of a misspelled setting would never be asked, and a rule with one would never run."""
    options, table = settings.options_of(role), settings.table_of(role)
    for name in [*table.kinds, *table.secrets, *(name for names in table.parts.values() for name in names)]:
        first, *keys = re.sub(r"\[\]|\.<\w+>", "", name).split(".")
        option = options[first]
        for key in keys:
            option = option["options"][key]
    texts = "".join(path.read_text() for path in (ROOT / "roles" / role).glob("*/*.yml"))
    others = {"part", "ansible_check_mode", *settings.table_of("table_order").others, *SITE}
    others |= {name for one in ROLES for name in settings.options_of(one)}
    for rule in table.rules:
        for name in inspect.signature(rule).parameters:
            assert name in others or (name.startswith(f"__{role}_") and name in texts), name


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_publishes_is_no_unknown_setting(role):
    """The role may run again on the host, after itself."""
    published = {name for task in all_tasks() if task.module.endswith("set_fact") for name in task.arguments}
    published |= {task.keywords["register"] for task in all_tasks() if task.keywords.get("register")}
    assert (
        settings.unknown_names(role, settings.options_of(role), settings.table_of(role).others, published)
        == []
    )


ENTRIES = {
    "main": "main",
    "release": "release",
    "check": "activate",
    "activate": "activate",
    "rollback": "rollback",
}
ENTRIES |= {"lock": "lock", "status": "names"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_asks_first_in_the_same_lines(role):
    tasks = [task for task in all_tasks() if task.path.startswith(f"roles/{role}/tasks/")]
    preflight = [task for task in tasks if task.path.endswith("/preflight.yml")]
    part = ", part=__fastapi_app_part | default('deploy')" if role == "fastapi_app" else ""
    assert preflight[0].arguments["that"] == f"__{role}_problems | length == 0"
    query = f"query('table_order.infra.setting_problems', '{role}'{part})"
    assert preflight[0].keywords["vars"] == {f"__{role}_problems": f"{{{{ {query} }}}}"}
    for entry, part in ENTRIES.items() if role == "fastapi_app" else {"main": ""}.items():
        first = next((task for task in tasks if task.path.endswith(f"tasks/{entry}.yml")), None)
        if first:
            assert first.arguments == "preflight.yml"
            assert first.keywords["vars"] == ({f"__{role}_part": part} if part else {})
    # Before any change: a preflight only reads.
    harmless = {"assert", "setup", "include_vars", "command", "debug", "slurp"}
    changing = [task for task in preflight if task.module.rpartition(".")[2] not in harmless]
    assert [task.arguments["state"] for task in changing] == ["checked"] * (role == "nginx")
    commands = [task.arguments["argv"] for task in preflight if task.module.endswith(".command")]
    assert {argv[0] for argv in commands} <= {"getent"}

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Finds invalid settings of a role, before any change to AWS or to a host.

A setting is checked against the role's specification (meta/argument_specs.yml: type, choices, keys), then against the role's
table (plugin_utils/<role>_settings.py), which has what a specification cannot say.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import json
import re
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.datatag import native_type_name
from ansible.module_utils.parsing.convert_bool import BOOLEANS

ROLES = Path(__file__).parents[2] / "roles"


class Kind(NamedTuple):
    """What a value must be, beside its type: ``accepted`` continues "Accepted: ", and may end with the fix."""

    accepts: Callable[[Any], object]
    accepted: str


class Table(NamedTuple):
    """What the specification of a role cannot say.

    ``kinds`` are those of settings, of elements (``x[]``), of keys (``x.key``), and of dictionaries with any keys (``x.<name>``,
    ``x.<value>``). ``rules`` yield sentences; a rule's parameters are settings, which must be valid, and other variables.
    ``parts``: the settings of entry points that do not need all. ``others``: names with the role's prefix that are not
    settings. ``secrets``: settings whose values are never shown, beside those that the specification declares no_log.
    """

    kinds: Mapping[str, Kind]
    rules: Collection[Callable[..., Iterator[str]]] = ()
    parts: Mapping[str, Collection[str]] = {}
    others: Collection[str] = ()
    secrets: Collection[str] = ()


# -- Kinds -------------------------------------------------------------------------------------------------


def pattern(form: str, accepted: str, but: Collection[str] = ()) -> Kind:
    """Return the kind of texts that the regular expression ``form`` matches as a whole, ``but`` these."""
    return Kind(
        lambda value: isinstance(value, str) and re.fullmatch(form, value) and value not in but, accepted
    )


def path(
    accepted: str, signs: str = "._-", start: str = "/", end: str = "", but: Collection[str] = ()
) -> Kind:
    """Return the kind of normalized paths: no part is empty, "." or "..".

    Of letters, digits and ``signs``; with no ``signs``, of anything but control characters. ``start`` and ``end`` are regular
    expressions for what is before and after the parts.
    """
    letters = f"[A-Za-z0-9{re.escape(signs)}]" if signs else r"[^/\x00-\x1f\x7f]"
    part = rf"(?!\.\.?(?:/|\Z)){letters}+"
    return pattern(rf"(?=.{{0,4095}}\Z){start}{part}(?:/{part})*{end}", accepted, but)


def variable(*reserved: str) -> Kind:
    """Return the kind of names of environment variables, but the ``reserved`` ones, which the role sets."""
    accepted = "a variable's name of letters, digits and _, not beginning with a digit"
    accepted += f", and not {', '.join(reserved)}, which the role sets" if reserved else ""
    return pattern(r"[A-Za-z_][A-Za-z0-9_]*", accepted, reserved)


def number(value: object) -> int | None:
    """Return a whole number from 0, also of a text such as from the command line, or None."""
    text = "" if isinstance(value, bool) else str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def integer(least: int, most: int, more: str = "", text: bool = True) -> Kind:
    """Return the kind of whole numbers from ``least`` to ``most``, also as ``text``; ``more`` continues the sentence."""

    def accepts(value: object) -> bool:
        found = None if isinstance(value, str) and not text else number(value)
        return found is not None and least <= found <= most

    return Kind(accepts, f"a number from {least} to {most}{more}")


def either(kind: Kind, text: str, words: str) -> Kind:
    """Return the kind of values of ``kind``, and of one ``text`` that ``words`` describe."""
    return Kind(lambda value: value == text or kind.accepts(value), f"{kind.accepted}, or {words}")


PORT = integer(1, 65535)
DISTINCT = Kind(
    lambda values: all(values.count(value) == 1 for value in values), "each entry once. Remove the duplicates"
)
REVISION = Kind(
    lambda revision: {"id", "title", "contract"} <= revision.keys(),
    "a dictionary with id, title and contract, like those of db_migrate_result",
)


# -- Sentences ---------------------------------------------------------------------------------------------


def _redacted(value: object) -> object:
    """Return plain data without what precedes an @: in a URL it may be a password."""
    if isinstance(value, str):
        return re.sub(r"(?s)([a-z+]+://)?.*@", r"\1***@", value, count=1)
    if isinstance(value, Mapping):
        return {str(key): _redacted(item) for key, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list) else value


def shown(value: object) -> str:
    """Format a value for a message: a text in quotes, the rest as JSON, on one line of limited length."""
    plain = _redacted(value)
    text = repr(plain) if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "..."


def sentence(name: str, value: object, accepted: str, hidden: bool = False) -> str:
    """Return the sentence about an invalid value, of which a ``hidden`` one is not shown unless it is missing or empty."""
    text = f"hidden ({native_type_name(value)})" if hidden and value not in (None, "") else shown(value)
    return f"{name} is {text}. Accepted: {accepted}."


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """Return the known name that is closest to ``name``, as a question."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"Did you mean {near[0]}?" if near else otherwise


# -- Checks ------------------------------------------------------------------------------------------------

# As Ansible's types, but nothing is converted: a role reads a value as it was given.
TYPES: dict[str, Kind] = {
    "bool": Kind(lambda value: isinstance(value, str | int) and value in BOOLEANS, "true or false"),
    "int": Kind(lambda value: re.fullmatch(r"-?[0-9]{1,19}", str(value)), "a number"),
    "list": Kind(lambda value: isinstance(value, list), "a list"),
    "dict": Kind(lambda value: isinstance(value, Mapping), "a dictionary"),
    "str": Kind(lambda value: isinstance(value, str | int | float), "text"),
    "path": Kind(lambda value: isinstance(value, str), "text"),
}


def _check(
    name: str, value: object, option: Mapping[str, Any], table: Table, key: str, secret: bool = False
) -> Iterator[str]:
    """Yield the sentences about a value and its parts, by the specification's ``option`` and by the table's kind of the ``key``."""
    type_, parts, default = TYPES[option["type"]], option.get("options") or {}, option.get("default")
    choices, structure = option.get("choices"), option["type"] in ("list", "dict")
    kind = Kind(choices.__contains__, " or ".join(choices)) if choices else table.kinds.get(key, type_)
    secret = secret or option.get("no_log", False) or key in table.secrets
    hidden = secret or any(one.get("no_log") for one in parts.values())
    example = f", such as the default {shown(default)}" if default and "{{" not in str(default) else ""
    accepted = type_.accepted + example if structure else kind.accepted
    if value is None:
        omit = ". Omit the setting for the default" if "default" in option else ""
        yield sentence(name, value, accepted + omit)
    elif not type_.accepts(value):
        yield sentence(name, value, accepted, hidden)
    elif not kind.accepts(value):
        yield sentence(name, value, kind.accepted, hidden)
    elif isinstance(value, list):
        for place, element in enumerate(value):
            inner = {"type": option["elements"], "options": parts}
            yield from _check(f"{name}[{place}]", element, inner, table, f"{key}[]", secret)
    elif isinstance(value, Mapping) and parts:
        for unknown in [part for part in value if part not in parts]:
            known = ", ".join(parts)
            yield f"{name}.{unknown} is an unknown key. Accepted: {known}. {did_you_mean(unknown, parts)}".rstrip()
        for part, inner in parts.items():
            if value.get(part) is not None:
                yield from _check(f"{name}.{part}", value[part], inner, table, f"{key}.{part}", secret)
            elif inner.get("required"):
                yield f"{name}.{part} is missing. Accepted: {inner['description']}"
    elif isinstance(value, Mapping):
        names, values = table.kinds.get(f"{key}.<name>"), table.kinds.get(f"{key}.<value>")
        for part, one in value.items():
            if names and not names.accepts(part):
                yield sentence(f"A name in {name}", part, names.accepted)
            if values and not values.accepts(one):
                yield sentence(f"{name}.{part}", one, values.accepted, hidden)


@functools.cache
def _read(role: str, file: str) -> dict[str, Any]:
    return yaml_load((ROLES / role / file).read_text(encoding="utf-8"))


def options_of(role: str) -> dict[str, Any]:
    """Return the settings of a role's specification, by name."""
    return _read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def table_of(role: str) -> Table:
    """Return what the specification of a role cannot say."""
    return import_module(f"{__package__}.{role}_settings").TABLE


def unknown_names(
    role: str, options: Mapping[str, Any], others: Collection[str], names: Iterable[str]
) -> list[str]:
    """Find names with the role's prefix that are not settings of the role, most often misspelled ones."""
    unknown = {name for name in names if name.startswith(f"{role}_")} - options.keys() - set(others)
    readme = f"The role's README lists the settings of {role}_*."
    return [
        f"{name} is not a setting of this role. {did_you_mean(name, options, readme)}"
        for name in sorted(unknown)
    ]


def unshared_names(role: str, variables: Mapping[str, Any]) -> list[str]:
    """Find settings that differ from the shared name that is their default, which other roles read. Tags may differ."""
    found = []
    for name, default in _read(role, "defaults/main.yml").items():
        shared = re.fullmatch(r"{{ (table_order_(?!tags )\w+) }}", str(default))
        if shared and name in variables and str(variables[name]) != str(common := variables[shared[1]]):
            found.append(
                f"{name} is {shown(variables[name])}, but {shared[1]}, which the other roles use, is {shown(common)}. "
                f"Set only {shared[1]}."
            )
    return found


def problems(role: str, variables: Mapping[str, Any], part: str = "main") -> list[str]:
    """Return a sentence for each invalid setting of a role.

    ``variables``: those of the task, by name. ``part``: the role's entry point, or "names" for the names alone: unknown names, and
    names that several roles share and that are set for one.
    """
    options, table = options_of(role), table_of(role)
    found = unknown_names(role, options, table.others, variables)
    if found or part == "names":
        return found + (unshared_names(role, variables) if part == "names" else [])
    valid: dict[str, Any] = {"part": part}
    for name in [name for name in options if name in table.parts.get(part, options)]:
        value = variables[name]
        sentences = list(_check(name, value, options[name], table, name))
        found += sentences
        valid |= {} if sentences else {name: value}
    known = ChainMap(valid, variables)
    for rule in table.rules:
        parameters = inspect.signature(rule).parameters.values()
        if all(one.name in valid or one.name not in options for one in parameters):
            given = [one.name for one in parameters if one.name in known or one.default is one.empty]
            found += rule(**{name: known[name] for name in given})
    return found

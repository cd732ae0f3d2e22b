# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Compare the described AWS resources with those of the account: what provisioning would create, update, replace or delete.

A plan is the document of docs/plan.schema.json. Nothing here reads files, settings or the account.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.table_order.infra.plugins.module_utils.account_types import LATER, TYPES, normal

SCHEMA = "table_order.infra/plan/1"
ACTIONS = ("none", "create", "update", "replace", "delete")
# No description has such a property, and a tag should not have such a name; their values are not shown.
SENSITIVE = frozenset({"AuthToken", "MasterUserPassword", "SecretString", "UserData"})
SENSITIVE_TAG = re.compile(r"passw|secret|token|credential|private.?key", re.IGNORECASE)

Properties = Mapping[str, Any]
Resource = Mapping[str, Any]
Key = tuple[str, str]
# Described or found resources -> the result of plugin_utils/account_cost.py: cost.
Price = Callable[[list[dict[str, Any]]], Mapping[str, Any]]


class AreaError(ValueError):
    """An area that no role describes; the message names it, the known ones and the setting."""


def plan(
    described: Mapping[str, Sequence[Resource]],
    found: Mapping[str, Any],
    environment: str,
    areas: Sequence[str] = (),
    price: Price | None = None,
) -> dict[str, Any]:
    """Return the plan.

    ``described`` has the resources of each area (role) in the form of ``<role>_resources``: type, name, properties, and
    ``absent: true`` for one that a setting turned off. ``found`` is the result of account_resources_info for all of them.
    ``areas`` limits the plan's resources to these areas; all are compared, since they refer to each other. Raises AreaError.
    """
    if unknown := sorted(set(areas) - set(described)):
        raise AreaError(
            f"plan_areas has {', '.join(unknown)}. Accepted: {', '.join(described)}, as a list or with commas between."
        )
    wanted = in_order(
        [
            {**one, "area": area, "properties": _wanted(one)}
            for area, resources in described.items()
            for one in resources
        ]
    )
    existing = {_key(one): one for one in found["resources"]}
    # What AWS still says of those that do not exist: a secret may be in its days of recovery.
    ended = {_key(one): one["notes"] for one in found.get("absent", [])}
    denied = {kind for one in found["denied"] for kind in one["types"]}
    planned: dict[Key, dict[str, Any]] = {}
    for one in wanted:
        planned[_key(one)] = _compare(one, existing.get(_key(one)), planned, one["type"] in denied)
        planned[_key(one)]["notes"] += ended.get(_key(one), [])

    shown = [one for one in planned.values() if not areas or one["area"] in areas]
    kinds = {one["type"] for one in shown}
    refused = [one for one in found["denied"] if not areas or not one["types"] or kinds & set(one["types"])]
    unmanaged = [one for one in found["unmanaged"] if not areas or one["type"] in kinds]
    cost = _cost(wanted, existing, shown, price)
    changed = any(one["action"] != "none" for one in shown)
    counts = {action: sum(one["action"] == action for one in shown) for action in ACTIONS}
    return {
        "schema": SCHEMA,
        "status": "changes" if changed else "incomplete" if refused else "no changes",
        "complete": not refused,
        "denied": refused,
        "environment": environment,
        "account": found["account"],
        "region": found["region"],
        "settings_digest": digest(wanted),
        "read_seconds": found["seconds"],
        "resources": shown,
        "unmanaged": sorted(unmanaged, key=lambda one: (one["type"], one["name"] or "", one["id"] or "")),
        "counts": counts | {"unmanaged": len(unmanaged)},
        "cost": cost,
    }


def _wanted(one: Resource) -> dict[str, Any]:
    """Return a description's properties in their normal form."""
    return normal(one["type"], one.get("properties", {}))


def refusals(
    planned: Mapping[str, Any], allowed: Sequence[str] = (), agreed: Mapping[str, Any] | None = None
) -> list[str]:
    """Return why provisioning does not apply a plan: a sentence for each reason.

    ``allowed`` has the names of resources that may be replaced or deleted, ``agreed`` an earlier plan that must still hold.
    """
    found = [
        f"{one['name']} ({one['type']}) would be {_PAST[one['action']]}: {one['reason']} To allow that: "
        f"-e table_order_allow_replace={one['name']}"
        for one in planned["resources"]
        if one["action"] in _PAST and one["name"] not in allowed
    ]
    found += [
        f"{one['name']} ({one['type']}) has {change['property']} {change['before']}, and the settings say {change['after']}. "
        "Another size interrupts the service, so it has its own procedure: ansible-playbook playbooks/scale.yml"
        for one in planned["resources"]
        for change in one["changes"]
        if one["action"] == "update" and change["property"] in SIZES
    ]
    if agreed is None:
        return found
    if agreed["settings_digest"] != planned["settings_digest"]:
        found.append("The settings are others than those of the plan in the file. Plan again.")
    before, now = _lines(agreed), _lines(planned)
    found += [
        f"{name} ({kind}): the plan in the file says {before.get((kind, name), {}).get('action', 'nothing')}, the account now "
        f"needs {now.get((kind, name), {}).get('action', 'nothing')}, or other changes. Plan again."
        for kind, name in sorted(before.keys() | now.keys())
        if before.get((kind, name)) != now.get((kind, name))
    ]
    return found


def areas_to_run(planned: Mapping[str, Any]) -> list[str]:
    """Return the areas in which provisioning has something to do, in the plan's order.

    Those with a change, those that refer to a resource with another id afterwards, and those of which a denied read left something
    unknown.
    """
    renewed = {" ".join(_key(one)) for one in planned["resources"] if one["action"] in ("create", "replace")}
    unknown = {kind for one in planned["denied"] for kind in one["types"]}
    everything = any(not one["types"] for one in planned["denied"])
    found = [
        one["area"]
        for one in planned["resources"]
        if everything or one["action"] != "none" or one["type"] in unknown or renewed & set(one["depends_on"])
    ]
    return list(dict.fromkeys(found))


def left_over(planned: Mapping[str, Any]) -> list[str]:
    """Return the names of resources that still differ, and not because AWS is still at work."""
    return [
        one["name"]
        for one in planned["resources"]
        if one["action"] != "none" and not any(note.startswith("In progress") for note in one["notes"])
    ]


SIZES = frozenset({"InstanceType", "DBInstanceClass", "CacheNodeType"})
"""Properties that playbooks/scale.yml changes, not provisioning."""
_PAST = {"replace": "replaced", "delete": "deleted"}


def _lines(planned: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """Return what a plan does to each resource, without notes and prices."""
    return {
        _key(one): {name: one[name] for name in ("action", "id", "changes")}
        for one in planned["resources"]
        if one["action"] != "none"
    }


def digest(wanted: Sequence[Resource]) -> str:
    """Return the SHA-256 of what the settings ask for, whatever the account has."""
    text = json.dumps([[one["area"], *_key(one), one["properties"]] for one in wanted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# -- order ---------------------------------------------------------------------------------------------------


def in_order(resources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the resources in the order of their creation, each after those that it refers to, with ``depends_on``."""
    known = {_key(one): one for one in resources}
    ordered: dict[Key, dict[str, Any]] = {}

    def add(one: dict[str, Any], path: frozenset[Key]) -> None:
        targets = [key for key in dict.fromkeys(_targets(one, known)) if key != _key(one)]
        for key in targets:
            # Two security groups may refer to each other.
            if key not in path:
                add(known[key], path | {key})
        ordered.setdefault(_key(one), one | {"depends_on": [" ".join(key) for key in targets]})

    for one in resources:
        add(one, frozenset({_key(one)}))
    return list(ordered.values())


def _targets(one: Resource, known: Mapping[Key, Any]) -> Iterator[Key]:
    for path, kind in TYPES[one["type"]].references.items():
        for value in _values(one["properties"], path.split(".")):
            yield from (key for key in known if _refers(value, kind, key))


def _refers(value: object, kind: str, key: Key) -> bool:
    """Tell whether a value names the resource, by its name or in an ARN."""
    text = str(value)
    return key[0] == kind and (text == key[1] or (text.startswith("arn:") and text.endswith(f":{key[1]}")))


def _values(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield what is at a path, in every element of the lists on the way."""
    if isinstance(value, list):
        for one in value:
            yield from _values(one, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


# -- comparison ----------------------------------------------------------------------------------------------


def _compare(
    wanted: Resource, existing: Resource | None, planned: Mapping[Key, Resource], denied: bool
) -> dict[str, Any]:
    """Return the plan's entry for a described resource; ``planned`` has those that it refers to."""
    changes: list[dict[str, Any]] = []
    notes = list(existing.get("notes", [])) if existing else []
    action, reason = "none", ""
    if wanted.get("absent"):
        if existing:
            action, reason = "delete", f"The settings no longer ask for it. {_lost(wanted)}"
    elif existing is None and denied:
        reason = "Unknown: a read was denied."
    elif existing is None:
        action, reason = "create", "It does not exist."
        changes = [
            _change(wanted["type"], path, None, value) | {"forces_replacement": False}
            for name, described in wanted["properties"].items()
            for path, _before, value in _leaves((name,), None, described, created=True)
        ]
        notes = [
            f"{name}: {value[LATER]}" for name, value in wanted["properties"].items() if _is_later(value)
        ]
    else:
        changes, more = _differences(wanted, existing, planned, denied)
        notes += more
        if forced := [one["property"] for one in changes if one["forces_replacement"]]:
            action, reason = "replace", f"AWS cannot change {', '.join(forced)} in place. {_lost(wanted)}"
        elif changes:
            action, reason = "update", "It differs from the settings."
    return {
        "area": wanted["area"],
        "type": wanted["type"],
        "name": wanted["name"],
        "id": existing["id"] if existing else None,
        "action": action,
        "reason": reason.strip(),
        "depends_on": wanted["depends_on"],
        "changes": changes,
        "notes": notes,
        "monthly_usd": None,
    }


def _lost(wanted: Resource) -> str:
    lost = TYPES[wanted["type"]].lost
    return f"Lost: {lost}." if lost else ""


def _differences(
    wanted: Resource, existing: Resource, planned: Mapping[Key, Resource], denied: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the changes of an existing resource, and notes on what AWS did by itself."""
    table = TYPES[wanted["type"]]
    properties = _agreed(existing)
    changes, notes = [], []
    for name, want in wanted["properties"].items():
        if denied and name not in properties:
            notes.append(f"{name} is unknown: a read was denied.")
            continue
        for path, before, after in _leaves((name,), properties.get(name), want):
            raised = _matches(path, table.at_least) and _number(before) >= _number(after)
            if raised or _matches(path, table.noted):
                notes.append(f"{'.'.join(path)} is {before}, set: {after}.")
            else:
                changes.append(_change(wanted["type"], path, before, after))
    for change in changes:
        other, value = table.create_only_with.get(change["property"].partition(".")[0], ("", None))
        change["forces_replacement"] |= bool(other) and existing["properties"].get(other) == value
    changed = {one["property"].partition(".")[0] for one in changes}
    for path, kind in table.references.items():
        name = path.partition(".")[0]
        for value in _values(wanted["properties"], path.split(".")):
            # The new one has another id.
            again = any(_refers(value, kind, key) and planned[key]["action"] == "replace" for key in planned)
            if again and name not in changed:
                have = properties.get(name)
                changes.append(
                    _change(wanted["type"], (name,), have, wanted["properties"][name], unknown=True)
                )
                changed.add(name)
    return changes, notes


def _agreed(existing: Resource) -> Properties:
    """Return an existing resource's properties as they will be when AWS has finished what it already agreed to.

    A change that waits for the maintenance window is none of the plan: provisioning could not finish it either. It is a note.
    """
    return {**existing["properties"], **existing.get("pending", {})}


def _leaves(
    path: tuple[str, ...], have: object, want: object, created: bool = False
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield path, value in the account and described value of each difference; None where there is none.

    Dictionaries differ key by key, except policies; lists and policies differ as a whole. What AWS chooses is only in the changes
    of a ``created`` resource.
    """
    if _is_later(want) and not created:
        return
    have, want = _by_name(have), _by_name(want)
    whole = _is_later(want) or _is_policy(want) or _is_policy(have)
    if isinstance(want, Mapping) and isinstance(have or {}, Mapping) and not whole:
        have = have or {}
        for key in sorted(want.keys() | have.keys()):
            yield from _leaves((*path, key), have.get(key), want.get(key), created)
    elif have != want:
        yield path, have, want


# The key of an element's name in a list, and the key of its value if that is only a part of it.
NAMES = {"PolicyName": "PolicyDocument", "DeviceName": ""}


def _by_name(value: object) -> object:
    """Return a list of named policies or devices as a dictionary by name."""
    for name, part in NAMES.items():
        if (
            isinstance(value, list)
            and value
            and all(isinstance(one, Mapping) and name in one for one in value)
        ):
            rest = ({key: field for key, field in one.items() if key != name} for one in value)
            return {one[name]: other[part] if part else other for one, other in zip(value, rest, strict=True)}
    return value


def _matches(path: tuple[str, ...], rules: Collection[str]) -> bool:
    """Tell whether a path, or one that it begins with, is in ``rules``; those leave out the name of a device."""
    paths = (path[: n + 1] for n in range(len(path)))
    return any(".".join(one) in rules or ".".join(one[:1] + one[2:]) in rules for one in paths)


def _is_later(value: object) -> bool:
    return isinstance(value, Mapping) and LATER in value


def _is_policy(value: object) -> bool:
    return isinstance(value, Mapping) and "Statement" in value


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0


def _change(
    kind: str, path: tuple[str, ...], before: object, after: object, unknown: bool = False
) -> dict[str, Any]:
    """Return a change in the plan's form."""
    later = _is_later(after)
    tag = path[-1] if path[0] == "Tags" else ""
    sensitive = bool(SENSITIVE & set(path) or SENSITIVE_TAG.search(tag))
    return {
        "property": ".".join(path),
        "before": None if sensitive else before,
        "after": None if sensitive or later else after,
        "unknown": unknown or later,
        "sensitive": sensitive,
        "forces_replacement": _matches(path, TYPES[kind].create_only),
    }


# -- cost ----------------------------------------------------------------------------------------------------


def _cost(
    wanted: Sequence[Resource],
    existing: Mapping[Key, Resource],
    shown: Sequence[dict[str, Any]],
    price: Price | None,
) -> dict[str, Any] | None:
    """Return the cost before and after, and set each shown resource's ``monthly_usd``; None without a price table."""
    if price is None:
        return None
    entries = {_key(one): one for one in shown}
    before = price([_priced(one, one["properties"]) for key, one in existing.items() if key in entries])
    after = price(
        [
            _priced(one, _applied(one["properties"], existing.get(_key(one)), entries[_key(one)]))
            for one in wanted
            if _key(one) in entries and not one.get("absent")
        ]
    )
    for one in shown:
        prices = (item["monthly_usd"] or 0 for item in after["items"] if _key(item) == _key(one))
        one["monthly_usd"] = None if after["monthly"] is None else round(sum(prices), 2)
    return {
        "currency": after["currency"],
        "monthly_before": before["monthly"],
        "monthly_after": after["monthly"],
        "prices_dated": after["prices_dated"],
        "assumptions": after["assumptions"],
        "items": after["items"],
    }


def _priced(one: Resource, properties: Properties) -> dict[str, Any]:
    return {"type": one["type"], "name": one["name"], "properties": dict(properties)}


def _applied(described: Properties, existing: Resource | None, entry: Resource) -> dict[str, Any]:
    """Return what a resource's properties will be: storage that grew stays so, for example."""
    changed = {one["property"].partition(".")[0] for one in entry["changes"]}
    have = _agreed(existing) if existing else {}
    return {
        **have,
        **{name: value for name, value in described.items() if name in changed or name not in have},
    }


def _key(one: Resource) -> Key:
    return one["type"], one["name"]

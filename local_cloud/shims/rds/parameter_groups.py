"""RDS: parameter groups with their parameters, and the instances that use them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import (
    DBParameterGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBInstance, DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from local_cloud.patching import Original, around


@functools.cache
def catalogue(family: str | None) -> dict[str, dict[str, Any]]:
    """A family's parameters as DescribeDBParameters shows them; {} for an unknown family."""
    if family != "postgres15":
        return {}
    known = {}
    for line in Path(__file__).with_name("postgres15_parameters.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, data_type, apply_type, modifiable, allowed = line.split(" ", 4)
        known[name] = {
            "ParameterName": name,
            "DataType": data_type,
            "ApplyType": apply_type,
            "IsModifiable": modifiable == "yes",
            "Source": "engine-default",
            "ApplyMethod": "pending-reboot",
        }
        if allowed != "-":
            known[name]["AllowedValues"] = allowed.replace("..", "-")
    known["rds.force_ssl"] |= {"ParameterValue": "1", "Source": "system"}
    return known


def allows(parameter: dict[str, Any], value: str) -> bool:
    """Whether a parameter's type and allowed values admit a value."""
    allowed = parameter.get("AllowedValues")
    if parameter["DataType"] in ("integer", "float"):
        pattern = r"(-?[\d.e+]+)-([\d.e+-]+)"
        low, high = re.fullmatch(pattern, allowed).groups()
        number = r"-?\d+" if parameter["DataType"] == "integer" else r"-?\d+(\.\d+)?"
        return bool(re.fullmatch(number, value)) and float(low) <= float(value) <= float(high)
    return allowed is None or value in allowed.split(",")


# AWS: a parameter group that does not exist is an error, not an empty list.
@around(RDSBackend, "describe_db_parameter_groups")
def describe_db_parameter_groups(
    original: Original, backend: RDSBackend, values: dict[str, Any]
) -> list[DBParameterGroup]:
    """Raise for a missing group."""
    groups = original(backend, values)
    name = values.get("db_parameter_group_name")
    if name and not groups:
        raise DBParameterGroupNotFoundError(name)
    return groups


# AWS: a group shows all parameters of its family, with their types and whether they are modifiable.
def describe_db_parameters(response: RDSResponse) -> ActionResult:
    """DescribeDBParameters, with the family's catalogue behind the group's own values."""
    (group,) = response.backend.describe_db_parameter_groups(
        {"db_parameter_group_name": response.params.get("DBParameterGroupName")}
    )
    known = catalogue(group.family)
    own = {
        name: {**known.get(name, {}), **values, "Source": "user"} for name, values in group.parameters.items()
    }
    parameters = {**known, **own}
    source = response.params.get("Source")
    return ActionResult(
        {
            "Parameters": [
                one for _, one in sorted(parameters.items()) if not source or one["Source"] == source
            ]
        }
    )


RDSResponse.describe_db_parameters = describe_db_parameters


# AWS: a parameter group's family is one that RDS has.
@around(RDSBackend, "create_db_parameter_group")
def create_db_parameter_group(original: Original, backend: RDSBackend, values: dict[str, Any]) -> object:
    """Refuse a family that does not exist."""
    family = values.get("db_parameter_group_family") or ""
    if re.fullmatch(r"postgres\d+", family) and int(family[8:]) not in range(11, 19):
        raise InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")
    return original(backend, values)


# AWS: a parameter must be known and modifiable, and must admit its value and apply method.
@around(RDSBackend, "modify_db_parameter_group")
def modify_db_parameter_group(
    original: Original,
    backend: RDSBackend,
    db_parameter_group_name: str,
    db_parameter_group_parameters: Iterable[dict[str, Any]],
) -> object:
    """Refuse values as AWS does."""
    if db_parameter_group_name.startswith("default."):
        raise RDSClientError("InvalidParameterValue", "Cannot modify a default parameter group.")
    group = backend.db_parameter_groups.get(db_parameter_group_name)
    known = catalogue(group.family) if group else {}
    parameters = list(db_parameter_group_parameters)
    for parameter in parameters if known else []:
        _check_parameter(known, parameter)
    return original(backend, db_parameter_group_name, parameters)


def _check_parameter(known: dict[str, dict[str, Any]], wanted: dict[str, Any]) -> None:
    name, value = wanted["ParameterName"], wanted.get("ParameterValue", "")
    parameter = known.get(name)
    if parameter is None:
        raise InvalidParameterValue(f"Could not find parameter with name: {name}")
    if not parameter["IsModifiable"]:
        raise InvalidParameterValue(f"The parameter {name} cannot be modified.")
    if not allows(parameter, value):
        raise InvalidParameterValue(
            f"Invalid parameter value: {value} for: {name} allowed values are: {parameter['AllowedValues']}"
        )
    if parameter["ApplyType"] == "static" and wanted.get("ApplyMethod") == "immediate":
        raise InvalidParameterCombination("cannot use immediate apply method for static parameter")


# AWS: reset takes values back to the engine's defaults.
def reset_db_parameter_group(response: RDSResponse) -> ActionResult:
    """ResetDBParameterGroup, for all or for the named parameters."""
    name = response.params.get("DBParameterGroupName")
    (group,) = response.backend.describe_db_parameter_groups({"db_parameter_group_name": name})
    names = [one["ParameterName"] for one in response.params.get("Parameters", [])]
    for parameter in names or list(group.parameters):
        group.parameters.pop(parameter, None)
    return ActionResult({"DBParameterGroupName": name})


RDSResponse.reset_db_parameter_group = reset_db_parameter_group


@around(RDSBackend, "delete_db_parameter_group")
def refuse_used_parameter_group(original: Original, backend: RDSBackend, name: str) -> object:
    """Refuse to delete a parameter group in use, or a default one."""
    if name.startswith("default."):
        raise RDSClientError(
            "InvalidDBParameterGroupState", "Default DBParameterGroup cannot be deleted: " + name
        )
    if any(instance.db_parameter_group_name == name for instance in backend.databases.values()):
        raise RDSClientError(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{name}, so the group cannot be deleted",
        )
    return original(backend, name)


# AWS: a parameter group belongs to one major version.
def refuse_foreign_parameter_family(backend: RDSBackend, values: dict[str, Any]) -> None:
    """Raise if the parameter group's family does not match the engine version."""
    group = backend.db_parameter_groups.get(values.get("db_parameter_group_name") or "")
    if group is None or values.get("engine") != "postgres":
        return
    family = f"postgres{values['engine_version'].partition('.')[0]}"
    if group.family != family:
        raise InvalidParameterCombination(
            f"The parameter group {group.name} with DBParameterGroupFamily {group.family} can't be used "
            f"for this instance. Please use a parameter group with DBParameterGroupFamily {family}"
        )


def parameter_values(instance: DBInstance) -> dict[str, str]:
    """The parameters that the instance's group sets: name to value."""
    (group,) = instance.db_parameter_groups()
    return {
        name: values["ParameterValue"]
        for name, values in group.parameters.items()
        if "ParameterValue" in values
    }


# AWS: an instance shows "pending-reboot" as long as it runs with other parameters than its group's.
def parameter_group_status(instance: DBInstance) -> list[dict[str, str]]:
    """The instance's parameter group, and whether a reboot is due."""
    (group,) = instance.db_parameter_groups()
    due = getattr(instance, "applied_parameters", None) != parameter_values(instance)
    status = getattr(instance, "parameter_group_change", None) or ("pending-reboot" if due else "in-sync")
    return [{"DBParameterGroupName": group.name, "ParameterApplyStatus": status}]


DBInstance.db_parameter_group_status_list = property(parameter_group_status)


# AWS: another parameter group takes effect with the next reboot.
@around(DBInstance, "update")
def note_parameter_group_change(original: Original, instance: DBInstance, **values: object) -> None:
    """Let a changed parameter group show as "pending-reboot"."""
    before = instance.db_parameter_group_name
    original(instance, **values)
    if instance.db_parameter_group_name != before:
        instance.parameter_group_change = "pending-reboot"


# AWS: a reboot applies the parameters of the group.
@around(RDSBackend, "reboot_db_instance")
def reboot_db_instance(original: Original, backend: RDSBackend, identifier: str) -> object:
    """Record the parameters that the instance uses from now on."""
    instance = original(backend, identifier)
    instance.parameter_group_change = None
    instance.applied_parameters = parameter_values(instance)
    return instance

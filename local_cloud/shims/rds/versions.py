"""RDS: the versions of PostgreSQL 15."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import InvalidParameterCombination
from moto.rds.models import DBInstance

# RDS's versions of PostgreSQL 15; "15" means the last one.
POSTGRES_VERSIONS = ("15.13", "15.14", "15.15", "15.16", "15.17", "15.18")


# AWS: "15" stands for the default minor version, and only known versions can be created.
def resolve_version(wanted: str | None) -> str:
    """The full version of a request. Raises for a version that RDS does not have."""
    if wanted in (None, "15"):
        return POSTGRES_VERSIONS[-1]
    if wanted not in POSTGRES_VERSIONS:
        raise InvalidParameterCombination(f"Cannot find version {wanted} for postgres")
    return wanted


# AWS: the major version alone means "at least the default minor", and there is no way back.
def refuse_downgrade(instance: DBInstance, values: dict[str, Any]) -> None:
    """Resolve the wanted version; raise when it is older than the instance's."""
    wanted = values.get("engine_version")
    if wanted is None:
        return
    if wanted == instance.engine_version.partition(".")[0]:
        values["engine_version"] = max(instance.engine_version, POSTGRES_VERSIONS[-1], key=_version)
        return
    values["engine_version"] = resolve_version(wanted)
    if _version(wanted) < _version(instance.engine_version):
        raise InvalidParameterCombination(
            f"Cannot upgrade postgres from {instance.engine_version} to {wanted}"
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))

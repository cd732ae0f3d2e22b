"""RDS: size and performance of an instance's storage."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import InvalidParameterCombination
from moto.rds.models import DBInstance

SMALLEST_TUNABLE_GP3 = 400  # GiB; below, PostgreSQL's gp3 has a fixed performance
STRIPED_IOPS, STRIPED_THROUGHPUT = 12000, 500  # 1/s, MiB/s: the least of a gp3 of that size


# AWS: IOPS and throughput of a gp3 below 400 GiB cannot be given, not even their own values.
def refuse_tuned_small_gp3(values: dict[str, Any]) -> None:
    """Raise when IOPS or throughput are given for a small gp3."""
    small = (values.get("allocated_storage") or 20) < SMALLEST_TUNABLE_GP3
    if (
        values.get("storage_type") == "gp3"
        and small
        and (values.get("iops") or values.get("storage_throughput"))
    ):
        raise InvalidParameterCombination(
            "You can't specify IOPS or storage throughput for engine postgres "
            "and a storage size less than 400."
        )


# AWS: a gp3 has its baseline performance when none was given; a large one is striped over four volumes.
def _baseline(name: str, baseline: int, striped: int) -> property:
    def value(instance: DBInstance) -> int | None:
        is_gp3 = getattr(instance, "_storage_type", None) == "gp3"
        large = (getattr(instance, "_allocated_storage", None) or 20) >= SMALLEST_TUNABLE_GP3
        return instance.__dict__.get(name) or ((striped if large else baseline) if is_gp3 else None)

    return property(value, lambda instance, given: instance.__dict__.__setitem__(name, given))


DBInstance.iops = _baseline("iops", 3000, STRIPED_IOPS)
DBInstance.storage_throughput = _baseline("storage_throughput", 125, STRIPED_THROUGHPUT)


# AWS: storage never shrinks, grows by 10 percent or more, and not again while the last growth is being optimized.
def refuse_storage(instance: DBInstance, values: dict[str, Any]) -> None:
    """Raise for a change of the storage that RDS refuses; round up a small one."""
    wanted, actual = values.get("allocated_storage"), instance.allocated_storage
    touched = {
        name
        for name in ("allocated_storage", "iops", "storage_throughput", "storage_type")
        if values.get(name) not in (None, getattr(instance, name))
    }
    if touched and instance.status == "storage-optimization":
        raise InvalidParameterCombination(
            "You can't currently modify the storage of this DB instance because the previous storage change is being optimized."
        )
    if wanted is None or wanted == actual:
        return
    if wanted < actual:
        raise InvalidParameterCombination(
            f"Invalid storage size for engine name postgres and storage type {instance.storage_type}: {wanted}"
        )
    values["allocated_storage"] = max(wanted, -(-actual * 11 // 10))
    if instance.storage_type == "gp3" and wanted >= SMALLEST_TUNABLE_GP3:
        if actual >= SMALLEST_TUNABLE_GP3 and not values.get("iops"):
            raise InvalidParameterCombination(
                "You must specify both the storage size and iops when modifying the storage size or iops on a DB "
                "instance that has iops."
            )
        if (values.get("iops") or STRIPED_IOPS) < STRIPED_IOPS:
            raise InvalidParameterCombination(
                f"Invalid iops value for engine name postgres and storage type gp3: {values['iops']}"
            )

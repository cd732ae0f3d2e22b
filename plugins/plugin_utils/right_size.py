# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Which size of server, database and cache the measured load asks for, and what a change costs.

A resource is one of account_resources_info's result, with its real size. A metric is a list of hourly values, each with its time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .account_cost import cost
from .account_cost_report import CACHE, DATABASE, SERVER, SIZED, another_size

Resource = Mapping[str, Any]
Series = Sequence[Sequence[float]]
"""Pairs of a time, in seconds since 1970, and a value, oldest first."""

HOURS = 14 * 24
"""What is read, at most."""
ENOUGH = 7 * 24
"""Hourly values that an advice needs: a restaurant's week has a weekend."""
GIB = 2**30

# Above these a size is too small.
BUSIEST_HOUR = 80
MEMORY = {SERVER: 90, DATABASE: 90, CACHE: 80}
# Below these, in percent of the smaller size, that is large enough.
QUIET_HOUR = 50
ROOM = 70
SHARE_OF_BASELINE = 80
DISK = 80

# Memory in GiB. https://aws.amazon.com/ec2/instance-types/t3/ (RDS has the same), and for the cache's nodes
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html. Another family has no advice.
GIBIBYTES = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
CACHE_GIBIBYTES = {"micro": 0.5, "small": 1.37, "medium": 3.09}
# Percent of both processors that a size may use all the time; more spends credits.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html
BASELINE = {"micro": 10, "small": 20, "medium": 20, "large": 30, "xlarge": 40, "2xlarge": 40}
FAMILIES = ("t3", "t4g", "db.t3", "db.t4g", "cache.t3", "cache.t4g")

KINDS = {SERVER: "Server", DATABASE: "Database", CACHE: "Cache"}


def queries(resources: Sequence[Resource], namespace: str = "CWAgent") -> list[dict[str, Any]]:
    """Return what cloudwatch_metrics_info has to read: the metrics of each server, database and cache, as "NAME FIGURE"."""
    return [
        one for resource in resources if resource["type"] in KINDS for one in _metrics(resource, namespace)
    ]


def _metrics(resource: Resource, agent: str) -> Iterator[dict[str, Any]]:
    def metric(
        figure: str, namespace: str, name: str, statistic: str, dimensions: dict[str, str]
    ) -> dict[str, Any]:
        return {
            "name": f"{resource['name']} {figure}",
            "namespace": namespace,
            "metric": name,
            "statistic": statistic,
            "dimensions": dimensions,
        }

    if resource["type"] == SERVER:
        server = {"InstanceId": resource["id"]}
        yield metric("cpu", "AWS/EC2", "CPUUtilization", "Average", server)
        yield metric("credits", "AWS/EC2", "CPUCreditBalance", "Minimum", server)
        yield metric("memory", agent, "mem_used_percent", "Maximum", server)
        # The file systems of Amazon Linux and Debian.
        for kind in ("xfs", "ext4"):
            yield metric(
                "disk", agent, "disk_used_percent", "Maximum", {**server, "path": "/", "fstype": kind}
            )
    elif resource["type"] == DATABASE:
        database = {"DBInstanceIdentifier": resource["name"]}
        yield metric("cpu", "AWS/RDS", "CPUUtilization", "Average", database)
        yield metric("credits", "AWS/RDS", "CPUCreditBalance", "Minimum", database)
        yield metric("free", "AWS/RDS", "FreeableMemory", "Minimum", database)
        yield metric("connections", "AWS/RDS", "DatabaseConnections", "Maximum", database)
    else:
        for number in range(1, int(resource["properties"].get("NumCacheClusters") or 1) + 1):
            node = {"CacheClusterId": f"{resource['name']}-{number:03d}"}
            yield metric("cpu", "AWS/ElastiCache", "EngineCPUUtilization", "Average", node)
            yield metric("credits", "AWS/ElastiCache", "CPUCreditBalance", "Minimum", node)
            yield metric("memory", "AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "Maximum", node)
            yield metric("evictions", "AWS/ElastiCache", "Evictions", "Sum", node)


class _Measured:
    """The figures of one resource."""

    def __init__(self, resource: Resource, metrics: Mapping[str, Series]) -> None:
        self.type, self.name = resource["type"], resource["name"]
        self.size = str(resource["properties"].get(SIZED[self.type][0], ""))
        self.series = {
            figure: metrics.get(f"{self.name} {figure}", ())
            for figure in ("cpu", "credits", "memory", "disk", "free", "connections", "evictions")
        }
        self.hours = len({time for time, _value in self.series["cpu"]})

    def values(self, figure: str) -> list[float]:
        return [value for _time, value in self.series[figure]]

    def highest(self, figure: str) -> float | None:
        return max(self.values(figure), default=None)

    def average(self) -> float:
        values = self.values("cpu")
        return sum(values) / len(values)

    def memory(self) -> float | None:
        """Return the highest use of the memory in percent, None if nothing measured it."""
        if self.type != DATABASE:
            return self.highest("memory")
        free = min(self.values("free"), default=None)
        return None if free is None else max(0.0, 100 - free / GIB / gibibytes(self.type, self.size) * 100)

    def throttled(self) -> int:
        """Return the hours without credits that needed them: a new server begins without, which is no lack."""
        empty = {time for time, value in self.series["credits"] if value < 1}
        needed = 0.9 * BASELINE[_last(self.size)]
        return len({time for time, value in self.series["cpu"] if time in empty and value >= needed})


def _last(size: str) -> str:
    return size.rpartition(".")[2]


def known(type_: str, size: str) -> bool:
    """Tell whether the tables have a size."""
    names = CACHE_GIBIBYTES if type_ == CACHE else GIBIBYTES
    return size.rpartition(".")[0] in FAMILIES and _last(size) in names


def gibibytes(type_: str, size: str) -> float:
    """Return the memory of a size of the tables, in GiB."""
    return (CACHE_GIBIBYTES if type_ == CACHE else GIBIBYTES)[_last(size)]


def _too_small(found: _Measured) -> Iterator[str]:
    if hours := found.throttled():
        yield f"the CPU credits were used up in {hours} hours that needed them"
    if (busiest := found.highest("cpu") or 0) > BUSIEST_HOUR:
        yield f"the CPU was busy for {busiest:.0f} % of an hour, more than {BUSIEST_HOUR} %"
    if (memory := found.memory()) is not None and memory > MEMORY[found.type]:
        yield f"{memory:.0f} % of the memory was used, more than {MEMORY[found.type]} %"
    if evicted := sum(found.values("evictions")):
        yield f"{evicted:.0f} keys were evicted for want of memory"


def _needed(found: _Measured, smaller: str) -> Iterator[str]:
    """Yield what a smaller size is too small for."""
    if not known(found.type, smaller):
        yield "there is no smaller size of the family"
        return
    baseline = BASELINE[_last(smaller)] * SHARE_OF_BASELINE / 100
    if found.average() > baseline:
        yield f"the CPU's average is above {baseline:.0f} %, what {smaller} can keep up"
    if (busiest := found.highest("cpu") or 0) > QUIET_HOUR:
        yield f"the busiest hour needs {busiest:.0f} % of the CPU"
    memory = found.memory()
    if memory is None:
        yield "nothing measured the memory"
    else:
        there = memory * gibibytes(found.type, found.size) / gibibytes(found.type, smaller)
        if there > ROOM:
            yield f"{there:.0f} % of the memory of {smaller} would be used, more than {ROOM} %"


def _advice(found: _Measured) -> tuple[str, str, list[str]]:
    """Return keep, smaller, larger or unknown, the other size, and why."""
    if found.hours < ENOUGH:
        return "unknown", "", [f"not enough yet: {found.hours} of {ENOUGH} hours are measured"]
    if not known(found.type, found.size):
        return "unknown", "", [f"the tables do not have {found.size}"]
    if reasons := list(_too_small(found)):
        larger = another_size(found.size, 1)
        return (
            ("larger", larger, reasons)
            if larger
            else ("keep", "", [*reasons, "there is no larger size of the family"])
        )
    smaller = another_size(found.size, -1)
    if reasons := list(_needed(found, smaller)):
        return "keep", "", reasons
    return "smaller", smaller, [f"{smaller} has room for all that was measured"]


def _price(resource: Resource, region: str, **changed: str) -> tuple[float | None, bool]:
    """Return what a resource costs in a month, and whether each of its parts has a price."""
    priced = {**resource, "properties": {**resource["properties"], **changed}}
    found = cost([priced], region)
    return found["monthly"], not [
        one for one in found["items"] if one["monthly_usd"] is None and one["unit"] == "hour"
    ]


def _change(resource: Resource, size: str, region: str) -> float | None:
    """Return the difference of the monthly cost in US dollars, None if no source gives a price that it needs."""
    before, complete = _price(resource, region)
    after, sourced = _price(resource, region, **{SIZED[resource["type"]][0]: size})
    return (
        round(after - before, 2)
        if before is not None and after is not None and complete and sourced
        else None
    )


def advise(resources: Sequence[Resource], metrics: Mapping[str, Series], region: str) -> list[dict[str, Any]]:
    """Return ``{type, name, size, advice, to, setting, change_usd, hours, reasons, figures}`` for server, database and cache.

    ``advice`` is keep, smaller, larger or unknown, ``to`` the size to take instead or "", ``change_usd`` the difference of the
    monthly cost, None without a price, ``hours`` the number of measured hours, ``figures`` what was measured, or None.
    """
    result = []
    for resource in (one for kind in KINDS for one in resources if one["type"] == kind):
        found = _Measured(resource, metrics)
        advice, size, reasons = _advice(found)
        disk = found.highest("disk")
        if disk is not None and disk > DISK:
            reasons.append(
                f"the disk was {disk:.0f} % full: raise aws_compute_root_volume_gib, or remove what fills it"
            )
        enough = found.hours > 0 and known(found.type, found.size)
        result.append(
            {
                "type": found.type,
                "name": found.name,
                "size": found.size,
                "advice": advice,
                "to": size,
                "setting": SIZED[found.type][2],
                "change_usd": _change(resource, size, region) if size else None,
                "hours": found.hours,
                "reasons": reasons,
                "figures": {
                    "cpu_average": found.average() if found.hours else None,
                    "cpu_busiest_hour": found.highest("cpu"),
                    "credits_lowest": min(found.values("credits"), default=None),
                    "memory_highest": found.memory() if enough else None,
                    "disk_highest": disk,
                    "connections_highest": found.highest("connections"),
                },
            }
        )
    return result


LABELS = {
    "cpu_average": "CPU on average {:.0f} %",
    "cpu_busiest_hour": "in its busiest hour {:.0f} %",
    "credits_lowest": "CPU credits at least {:.0f}",
    "memory_highest": "memory at most {:.0f} %",
    "disk_highest": "disk at most {:.0f} %",
    "connections_highest": "connections at most {:.0f}",
}


def text(advised: Sequence[Mapping[str, Any]], width: int = 80) -> list[str]:
    """Return the lines of an advice, at most ``width`` columns wide."""
    lines = [] if advised else ["There is no server, database or cache."]
    for one in advised:
        words = "not enough yet" if one["advice"] == "unknown" and one["hours"] < ENOUGH else one["advice"]
        if one["to"]:
            usd = (
                "a price that is not sourced"
                if one["change_usd"] is None
                else f"{one['change_usd']:+,.2f} USD a month"
            )
            words += f", {one['to']} ({one['setting']}), {usd}"
        measured = [
            label.format(one["figures"][name])
            for name, label in LABELS.items()
            if one["figures"][name] is not None
        ]
        lines += _wrapped(f"{KINDS[one['type']]} {one['name']}, {one['size']}: {words}", width, 0)
        reasons = "; ".join(one["reasons"])
        lines += _wrapped(f"{reasons[:1].upper()}{reasons[1:]}.", width, 4)
        if measured:
            lines += _wrapped(f"In {one['hours']} hours: {', '.join(measured)}.", width, 4)
    return lines


def _wrapped(words: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(
        words,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent or 4),
        break_on_hyphens=False,
    )

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What a list of AWS resources costs in a month, from the dated price table (prices.yml) and assumptions about their use.

A resource is ``{type, name, properties}`` with CloudFormation's names, as a role describes it or as the account was read. A figure
that no source gives is never guessed: its item has the price None. The table has the prices of one region; another has no figures.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean

from .settings import did_you_mean, sentence

MONTH = 730
"""Hours of a month, as AWS's own calculator counts."""
DAYS = 30


class Assumption(NamedTuple):
    """What a description cannot say: how much of it is used in a month."""

    default: int
    unit: str
    description: str
    most: int = 10**12


ASSUMPTIONS = {
    "hours": Assumption(MONTH, "hours", "the server and the database run", MONTH),
    "transfer_out_gb": Assumption(50, "GB", "go to the internet"),
    "storage_gb": Assumption(10, "GB", "of images are stored"),
    "write_requests": Assumption(10_000, "requests", "write or list images"),
    "read_requests": Assumption(500_000, "requests", "read images"),
    "log_gb": Assumption(2, "GB", "of logs are written"),
    "custom_metrics": Assumption(3, "metrics", "are sent by the CloudWatch agent"),
    "secret_calls": Assumption(10_000, "calls", "read secrets"),
    "backup_gb": Assumption(0, "GB", "of database snapshots exceed the database's own size"),
    "lcu": Assumption(1, "LCU", "a load balancer would use"),
}

# AWS charges nothing for these themselves.
FREE = frozenset(
    {
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::KeyPair",
        "AWS::IAM::Role",
        "AWS::IAM::InstanceProfile",
        "AWS::RDS::DBSubnetGroup",
        "AWS::RDS::DBParameterGroup",
        "AWS::ElastiCache::SubnetGroup",
    }
)

Properties = Mapping[str, Any]


class Usage(NamedTuple):
    """A part of a resource's cost: how much (None if unknown) of which figure of the table."""

    what: str
    quantity: Decimal | None
    unit: str
    figure: str


@functools.cache
def table() -> dict[str, Any]:
    """Return the price table: currency, region, sources, figures, document, vcpus, postgresql_support."""
    return yaml_load(Path(__file__).with_name("prices.yml").read_text(encoding="utf-8"))


def number(value: object) -> Decimal | None:
    """Return a quantity, also of a text, or None for anything else, such as a value known after the creation."""
    try:
        found = None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() and found >= 0 else None


def amount(quantity: Decimal, figure: str) -> Decimal | None:
    """Return the US dollars of a quantity, unrounded, or None if no source gives its price."""
    entry = table()["figures"].get(figure, {})
    steps = entry.get("tiers") or ([{"from": 0, "usd": entry["usd"]}] if "usd" in entry else [])
    if not steps or quantity > entry.get("to", quantity):
        return None
    ends = [Decimal(step["from"]) for step in steps[1:]] + [quantity]
    return sum(
        (
            max(min(quantity, end) - Decimal(step["from"]), Decimal(0)) * Decimal(str(step["usd"]))
            for step, end in zip(steps, ends, strict=True)
        ),
        Decimal(0),
    )


def cents(value: Decimal) -> float:
    """Round US dollars to cents."""
    return float(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def multi_az(properties: Properties) -> bool:
    """Tell whether a database has a standby in another zone, which costs the same again."""
    return boolean(properties.get("MultiAZ", False), strict=False)


# -- Each type of resource ---------------------------------------------------------------------------------


def _server(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    size = str(properties.get("InstanceType"))
    if properties.get("InstanceLifecycle") == "spot":
        # The price changes all the time, and no source of the table gives it.
        yield Usage(f"{size}, Spot", use["hours"], "hour", f"ec2-spot:{size}")
    else:
        yield Usage(size, use["hours"], "hour", f"ec2:{size}")
    for mapping in properties.get("BlockDeviceMappings") or []:
        disk = mapping.get("Ebs") or {}
        kind = str(disk.get("VolumeType", "gp3"))
        yield Usage(f"{kind} volume", number(disk.get("VolumeSize")), "GB-month", f"ebs:{kind}")
    if str((properties.get("CreditSpecification") or {}).get("CPUCredits")) == "unlimited":
        yield Usage("CPU beyond the credits", None, "vCPU-hour", "ec2-surplus-credits")


def _address(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    yield Usage("public IPv4 address", Decimal(MONTH), "hour", "ipv4")


def _database(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    size, engine = str(properties.get("DBInstanceClass")), str(properties.get("Engine", "postgres"))
    zones = "-multi-az" if multi_az(properties) else ""
    kind = str(properties.get("StorageType", "gp3"))
    # The table has PostgreSQL's prices.
    family = "rds" if engine == "postgres" else f"rds-{engine}"
    yield Usage(size + (", Multi-AZ" if zones else ""), use["hours"], "hour", f"{family}{zones}:{size}")
    storage = number(properties.get("AllocatedStorage"))
    yield Usage(f"{kind} storage", storage, "GB-month", f"{family}-storage{zones}:{kind}")
    if use["backup_gb"]:
        yield Usage("snapshots", use["backup_gb"], "GB-month", f"{family}-backup")
    support = extended_support(properties)
    if support and today > support.ends:
        yield support_usage(support, today >= support.third_year, use["hours"])


def _cache(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    size, engine = str(properties.get("CacheNodeType")), str(properties.get("Engine", "redis")).lower()
    nodes = number(properties.get("NumCacheClusters", 1))
    words = f"{size}, {engine.capitalize()}" + (f", {nodes} nodes" if nodes != 1 else "")
    yield Usage(words, None if nodes is None else nodes * MONTH, "hour", f"{engine}:{size}")


def _secret(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    yield Usage("secret", Decimal(1), "secret", "secret")


def _alarm(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    yield Usage("alarm", Decimal(1), "alarm", "alarm")


def _topic(properties: Properties, use: Mapping[str, Decimal], today: date) -> Iterator[Usage]:
    if properties.get("Subscription"):
        yield Usage("notifications by e-mail", None, "message", "sns")


TYPES: dict[str, Callable[[Properties, Mapping[str, Decimal], date], Iterator[Usage]]] = {
    "AWS::EC2::Instance": _server,
    "AWS::EC2::EIP": _address,
    "AWS::RDS::DBInstance": _database,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::SNS::Topic": _topic,
}


def _servers(all_of_them: list[Properties], use: Mapping[str, Decimal]) -> Iterator[Usage]:
    yield Usage("transfer to the internet", use["transfer_out_gb"], "GB", "transfer-out")
    yield Usage("custom metrics", use["custom_metrics"], "metric", "metric")


def _buckets(all_of_them: list[Properties], use: Mapping[str, Decimal]) -> Iterator[Usage]:
    yield Usage("storage", use["storage_gb"], "GB-month", "s3:storage")
    yield Usage("write requests", use["write_requests"] / 1000, "1,000 requests", "s3:writes")
    yield Usage("read requests", use["read_requests"] / 10000, "10,000 requests", "s3:reads")


def _logs(all_of_them: list[Properties], use: Mapping[str, Decimal]) -> Iterator[Usage]:
    yield Usage("logs written", use["log_gb"], "GB", "logs:ingestion")
    days = [number(one.get("RetentionInDays")) for one in all_of_them]
    stored = None if None in days else use["log_gb"] * max(day for day in days if day is not None) / DAYS
    yield Usage(
        "logs stored" if stored is not None else "logs kept for ever", stored, "GB-month", "logs:storage"
    )


def _secrets(all_of_them: list[Properties], use: Mapping[str, Decimal]) -> Iterator[Usage]:
    yield Usage("secret calls", use["secret_calls"] / 10000, "10,000 calls", "secret-calls")


# What all resources of a type use together: an assumption is about the service, not about each of them.
SHARED: dict[str, Callable[[list[Properties], Mapping[str, Decimal]], Iterator[Usage]]] = {
    "AWS::EC2::Instance": _servers,
    "AWS::S3::Bucket": _buckets,
    "AWS::Logs::LogGroup": _logs,
    "AWS::SecretsManager::Secret": _secrets,
}


# -- Extended Support --------------------------------------------------------------------------------------


class Support(NamedTuple):
    """RDS Extended Support of a database: from when in which price, and how many vCPUs, None where no source says."""

    version: str
    ends: date
    third_year: date
    vcpus: int | None


def extended_support(properties: Properties) -> Support | None:
    """Return when the major version of a PostgreSQL begins to cost Extended Support, or None if no source says when."""
    version = str(properties.get("EngineVersion", "")).partition(".")[0]
    entry = table()["postgresql_support"].get(version)
    if entry is None or str(properties.get("Engine", "postgres")) != "postgres":
        return None
    ends = date.fromisoformat(entry["ends"])
    start = ends + timedelta(days=1)
    vcpus = table()["vcpus"].get(str(properties.get("DBInstanceClass")), {}).get("count")
    # Also for the standby.
    vcpus = vcpus and vcpus * (2 if multi_az(properties) else 1)
    return Support(version, ends, start.replace(year=start.year + 2), vcpus)


def support_usage(support: Support, third_year: bool, hours: Decimal) -> Usage:
    """Return a month of Extended Support."""
    years = "Yr3" if third_year else "Yr1-Yr2"
    quantity = None if support.vcpus is None else hours * support.vcpus
    return Usage("Extended Support", quantity, "vCPU-hour", f"rds-extended-support:{years}")


# -- The list ----------------------------------------------------------------------------------------------


def _item(type_: str, name: str, usage: Usage) -> dict[str, Any]:
    usd = None if usage.quantity is None else amount(usage.quantity, usage.figure)
    entry = table()["figures"].get(usage.figure, {})
    price = entry.get("usd")
    if "tiers" in entry and usd is not None:
        price = float(usd / usage.quantity) if usage.quantity else entry["tiers"][0]["usd"]
    return {
        "type": type_,
        "name": name,
        "what": usage.what,
        "quantity": None if usage.quantity is None else float(usage.quantity),
        "unit": usage.unit,
        "price": price,
        "monthly_usd": None if usd is None else cents(usd),
    }


def assumption_problems(given: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a sentence for each unknown or invalid assumption; ``prefix`` is what precedes their names."""
    for name, value in given.items():
        if name not in ASSUMPTIONS:
            near = did_you_mean(name, ASSUMPTIONS)
            yield f"{prefix}{name} is an unknown key. Accepted: {', '.join(ASSUMPTIONS)}. {near}".rstrip()
            continue
        _default, unit, description, most = ASSUMPTIONS[name]
        if (found := number(value)) is None or found > most:
            yield sentence(prefix + name, value, f"a number from 0 to {most}: the {unit} that {description}")


def used(assumptions: Mapping[str, Any] | None) -> dict[str, Decimal]:
    """Return all assumptions, the given ones in place of the defaults. Raises ValueError for an unknown or invalid one."""
    given = dict(assumptions or {})
    if problems := list(assumption_problems(given)):
        raise ValueError(" ".join(problems))
    return {name: Decimal(str(given.get(name, one.default))) for name, one in ASSUMPTIONS.items()}


def usages(
    resources: Iterable[Mapping[str, Any]], use: Mapping[str, Decimal], today: date
) -> Iterator[tuple[str, str, Usage]]:
    """Yield type, name and use of all resources; what several of a type use together has the name (all)."""
    by_type: dict[str, list[tuple[str, Properties]]] = defaultdict(list)
    for resource in resources:
        name, properties = str(resource["name"]), resource.get("properties") or {}
        by_type[resource["type"]].append((name, properties))
    for type_, these in by_type.items():
        for name, properties in these:
            if type_ in TYPES:
                for usage in TYPES[type_](properties, use, today):
                    yield type_, name, usage
            elif type_ not in FREE and type_ not in SHARED:
                yield type_, name, Usage(type_, None, "month", type_)
        if type_ in SHARED:
            name = these[0][0] if len(these) == 1 else "(all)"
            for usage in SHARED[type_]([properties for _dummy, properties in these], use):
                yield type_, name, usage


def cost(
    resources: Iterable[Mapping[str, Any]],
    region: str,
    assumptions: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """Return the monthly cost of resources.

    ``{currency, region, monthly, prices_dated, assumptions, items: [{type, name, what, quantity, unit, price, monthly_usd}],
    not_sourced: [text]}``. ``monthly`` is the sum of the items that have a price, in US dollars before tax; None, without items,
    for a region whose prices the table does not have. ``prices_dated`` is the range of the figures' dates, such as "2026-09-17 to
    2026-10-01". Raises ValueError for an unknown or invalid assumption.
    """
    use = used(assumptions)
    found = list(usages(resources, use, today or date.today()))
    known = region == table()["region"]
    items = [_item(*one) for one in found] if known else []
    figures = [table()["figures"].get(usage.figure, {}) for _type, _name, usage in found] if known else []
    dates = sorted({figure["date"] for figure in figures if "date" in figure})
    missing = dict.fromkeys(f"{one['what']} of {one['name']}" for one in items if one["monthly_usd"] is None)
    total = sum(
        (Decimal(str(one["monthly_usd"])) for one in items if one["monthly_usd"] is not None), Decimal(0)
    )
    return {
        "currency": table()["currency"],
        "region": region,
        "monthly": cents(total) if known else None,
        "prices_dated": " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else None,
        "assumptions": {name: float(value) for name, value in use.items()},
        "items": items,
        "not_sourced": list(missing)
        if known
        else [f"prices of {region}: the table has those of {table()['region']}"],
    }

"""Refreshes the dated price table (plugins/plugin_utils/prices.yml) from AWS's Price List API.

Only figures that have a rule change. A rule says which products of which service are meant, and which of the several that AWS
answers are not; where more than one price is left, or none, the figure stays as it is and the problem is named.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "plugins/plugin_utils/prices.yml"
HEADER = """\
# Prices in USD before tax, on demand unless a name says otherwise, for account_cost.py. Each figure has its source and its date.
# scripts/prices writes this file. A figure that no source gives is not here, and the report says so: never enter a guess.
"""
SOURCE = "price-list-api"
# Usage types of Seoul begin with it.
USAGE = "APN2-"


class PriceError(Exception):
    """AWS's answer does not give one price for a figure: says why."""


@dataclass(frozen=True)
class Rule:
    """How AWS's price list has a figure; ``{}`` in a filter is the part of the figure's name behind its colon.

    ``units``: those of the price's dimensions. ``per``: how many of AWS's units are one of the table's. ``without``: a text in the
    usage type of products that are not meant. ``reserved``: the terms of a reservation; none means on demand.
    """

    service: str
    filters: Mapping[str, str]
    units: tuple[str, ...] = ("Hrs",)
    per: int = 1
    without: str = ""
    reserved: Mapping[str, str] = field(default_factory=dict)


ONE_YEAR = {"LeaseContractLength": "1yr", "PurchaseOption": "No Upfront"}
SERVER = {
    "usagetype": USAGE + "BoxUsage:{}",
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
}
POSTGRESQL = {"databaseEngine": "PostgreSQL"}
DATABASE = {"usagetype": USAGE + "InstanceUsage:{}", **POSTGRESQL, "deploymentOption": "Single-AZ"}
REDIS = {"instanceType": "{}", "cacheEngine": "Redis"}
BALANCER = {"productFamily": "Load Balancer-Application"}

# By the part of a figure's name before the colon, or by the whole name.
RULES = {
    "ec2": Rule("AmazonEC2", SERVER),
    "ec2-1-year": Rule("AmazonEC2", SERVER, reserved=ONE_YEAR | {"OfferingClass": "standard"}),
    "ebs": Rule("AmazonEC2", {"usagetype": USAGE + "EBS:VolumeUsage.{}"}, ("GB-Mo",)),
    "ipv4": Rule("AmazonVPC", {"usagetype": USAGE + "PublicIPv4:InUseAddress"}),
    "rds": Rule("AmazonRDS", DATABASE),
    "rds-1-year": Rule("AmazonRDS", DATABASE, reserved=ONE_YEAR),
    "rds-multi-az": Rule(
        "AmazonRDS", {"usagetype": USAGE + "Multi-AZUsage:{}", **POSTGRESQL, "deploymentOption": "Multi-AZ"}
    ),
    "rds-storage:gp3": Rule(
        "AmazonRDS",
        {"usagetype": USAGE + "RDS:GP3-Storage", **POSTGRESQL, "deploymentOption": "Single-AZ"},
        ("GB-Mo",),
    ),
    "rds-backup": Rule(
        "AmazonRDS", {"usagetype": USAGE + "RDS:ChargedBackupUsage", **POSTGRESQL}, ("GB-Mo",)
    ),
    "rds-extended-support": Rule(
        "AmazonRDS", {"usagetype": USAGE + "ExtendedSupport:{}:PostgreSQL15"}, ("vCPU-Hours", "vCPU-hour")
    ),
    # A node has further products for Extended Support, whose price is the surcharge alone.
    "redis": Rule("AmazonElastiCache", REDIS, without="ExtendedSupport"),
    "redis-1-year": Rule("AmazonElastiCache", REDIS, without="ExtendedSupport", reserved=ONE_YEAR),
    "valkey": Rule("AmazonElastiCache", REDIS | {"cacheEngine": "Valkey"}, without="ExtendedSupport"),
    "s3:storage": Rule("AmazonS3", {"usagetype": USAGE + "TimedStorage-ByteHrs"}, ("GB-Mo",)),
    "s3:writes": Rule("AmazonS3", {"usagetype": USAGE + "Requests-Tier1"}, ("Requests",), per=1000),
    "s3:reads": Rule("AmazonS3", {"usagetype": USAGE + "Requests-Tier2"}, ("Requests",), per=10000),
    "transfer-out": Rule("AWSDataTransfer", {"usagetype": USAGE + "DataTransfer-Out-Bytes"}, ("GB",)),
    "logs:ingestion": Rule("AmazonCloudWatch", {"usagetype": USAGE + "DataProcessing-Bytes"}, ("GB",)),
    "logs:storage": Rule("AmazonCloudWatch", {"usagetype": USAGE + "TimedStorage-ByteHrs"}, ("GB-Mo",)),
    "alarm": Rule("AmazonCloudWatch", {"usagetype": USAGE + "CW:AlarmMonitorUsage"}, ("Alarms",)),
    "metric": Rule("AmazonCloudWatch", {"usagetype": USAGE + "CW:MetricMonitorUsage"}, ("Metrics",)),
    # The service has one product for the secrets and one for the calls: their units tell them apart.
    "secret": Rule("AWSSecretsManager", {}, ("Secrets",)),
    "secret-calls": Rule("AWSSecretsManager", {}, ("API Requests",), per=10000),
    # The classic load balancer shares the hours' usage type, the network load balancer the units'.
    "alb:hour": Rule("AWSELB", {"usagetype": USAGE + "LoadBalancerUsage", **BALANCER}),
    "alb:lcu": Rule("AWSELB", {"usagetype": USAGE + "LCUUsage", **BALANCER}, ("LCU-Hrs",)),
}
Ask = Callable[[str, dict[str, str]], list[dict[str, Any]]]


def rule_of(name: str) -> Rule | None:
    """Return the rule of a figure, or None if it has none."""
    return RULES.get(name) or RULES.get(name.partition(":")[0])


def filters_of(name: str, rule: Rule, region: str) -> dict[str, str]:
    """Return the filters for a figure. RDS's usage types have xl for xlarge."""
    part = name.partition(":")[2]
    filters = {
        key: text.replace(
            "{}", part.replace("xlarge", "xl") if "Usage:{}" in text and "db." in part else part
        )
        for key, text in rule.filters.items()
    }
    return filters | {"regionCode": region}


def dimensions(product: Mapping[str, Any], rule: Rule) -> Iterator[list[dict[str, Any]]]:
    """Yield the price's dimensions of each of the product's terms that the rule means."""
    terms = product["terms"].get("Reserved" if rule.reserved else "OnDemand", {})
    for term in terms.values():
        attributes = term.get("termAttributes", {})
        if all(attributes.get(key) == value for key, value in rule.reserved.items()):
            found = list(term["priceDimensions"].values())
            if all(one["unit"] in rule.units for one in found):
                yield found


def tiers(found: list[dict[str, Any]], per: int) -> list[tuple[Decimal, Decimal]]:
    """Return (from, price of the table's unit) for each tier, by number: AWS sends texts, in no order."""
    return sorted(
        (Decimal(one["beginRange"]), Decimal(one["pricePerUnit"]["USD"]) * per)
        for one in ({"beginRange": "0"} | dimension for dimension in found)
    )


def price_of(products: list[dict[str, Any]], rule: Rule) -> list[tuple[Decimal, Decimal]]:
    """Return the tiers of the one price among AWS's products. Raises PriceError if there is none, or more than one."""
    meant = [
        one
        for one in products
        if not rule.without or rule.without not in one["product"]["attributes"].get("usagetype", "")
    ]
    prices: dict[tuple[tuple[Decimal, Decimal], ...], list[str]] = {}
    for product in meant:
        for found in dimensions(product, rule):
            prices.setdefault(tuple(tiers(found, rule.per)), []).append(product["product"]["sku"])
    if not prices:
        units = sorted(
            {
                dimension["unit"]
                for one in meant
                for terms in one["terms"].values()
                for term in terms.values()
                for dimension in term["priceDimensions"].values()
            }
        )
        has = f", which have prices by {', '.join(units)}" if units else ""
        raise PriceError(f"no price by {' or '.join(rule.units)} among {len(products)} products{has}")
    if len(prices) > 1:
        skus = ", ".join(sku for skus in prices.values() for sku in skus)
        raise PriceError(f"{len(prices)} different prices, of the products {skus}")
    [price] = prices
    if price[0][0] != 0 or all(usd == 0 for _, usd in price):
        raise PriceError(f"tiers that begin at {price[0][0]}, the last with {price[-1][1]}")
    return list(price)


def refresh(table: dict[str, Any], ask: Ask, today: str) -> tuple[list[str], list[str]]:
    """Write AWS's prices into the table, in place. Return a line for each figure that differs, and one for each problem.

    ``ask(service, filters)`` returns the products of AWS's price list. ``today`` is the date of the figures, such as 2026-11-28.
    """
    changes, problems = [], []
    for name, figure in table["figures"].items():
        if (rule := rule_of(name)) is None:
            continue
        try:
            price = price_of(ask(rule.service, filters_of(name, rule, table["region"])), rule)
        except PriceError as problem:
            problems.append(f"{name} stays as it is: {problem}.")
            continue
        before = figure_text(figure)
        for key in ("usd", "tiers", "to"):
            figure.pop(key, None)
        figure |= (
            {"usd": plain(price[0][1])}
            if len(price) == 1
            else {"tiers": [{"from": plain(start), "usd": plain(usd)} for start, usd in price]}
        )
        figure |= {"source": SOURCE, "date": today}
        if figure_text(figure) != before:
            changes.append(f"{name}: {before} -> {figure_text(figure)}")
    return changes, problems


def plain(number: Decimal) -> int | float:
    """Return a number as YAML has it."""
    return int(number) if number == int(number) else float(number)


def figure_text(figure: Mapping[str, Any]) -> str:
    """Return a figure's price for a message."""
    steps = figure.get("tiers") or [{"from": 0, "usd": figure.get("usd")}]
    return ", ".join(f"{step['usd']}" + (f" from {step['from']}" if step["from"] else "") for step in steps)


ORDER = ("usd", "tiers", "to", "per", "type", "hourly", "region", "count", "source", "date", "ends")


def written(table: Mapping[str, Any]) -> str:
    """Return the table's file: sections and names in the table's order, each figure on one line with its keys in one order."""

    def line(value: object) -> str:
        ordered = value
        if isinstance(value, dict):
            known = [key for key in ORDER if key in value]
            ordered = {key: value[key] for key in [*known, *(key for key in value if key not in known)]}
        return yaml.safe_dump(ordered, default_flow_style=True, sort_keys=False, width=10**6).strip()

    lines = []
    for section, content in table.items():
        if not isinstance(content, dict):
            lines.append(f"{section}: {content}")
            continue
        lines.append(f"{section}:")
        for name, value in content.items():
            text = (
                line(value).removesuffix("\n...")
                if isinstance(value, dict)
                else json.dumps(value, ensure_ascii=False)
            )
            lines.append(f"  {name if ' ' not in name and name[0].isalpha() else json.dumps(name)}: {text}")
    return HEADER + "---\n" + "\n".join(lines) + "\n"

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""The report about a month's cost: its parts, the deployment document's figure, what would save, what growth would cost."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .account_cost import (
    ASSUMPTIONS,
    MONTH,
    amount,
    cents,
    cost,
    extended_support,
    multi_az,
    number,
    support_usage,
    table,
    used,
)

SERVER, DATABASE, CACHE = (
    "AWS::EC2::Instance",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::ReplicationGroup",
)
SIZES = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
# The property with the size, the prefix of its figures, and the setting.
SIZED = {
    SERVER: ("InstanceType", "ec2", "aws_compute_instance_type"),
    DATABASE: ("DBInstanceClass", "rds", "aws_database_instance_class"),
    CACHE: ("CacheNodeType", "redis", "aws_cache_node_type"),
}
NOT_SOURCED = "not sourced"

Resources = list[dict[str, Any]]


# -- Parts -------------------------------------------------------------------------------------------------

PARTS = {
    "AWS::EC2::Instance": "Server",
    "AWS::EC2::EIP": "Server",
    "AWS::RDS::DBInstance": "Database",
    "AWS::ElastiCache::ReplicationGroup": "Cache",
    "AWS::S3::Bucket": "Images",
    "AWS::SecretsManager::Secret": "Secrets",
    "AWS::Logs::LogGroup": "Monitoring",
    "AWS::SNS::Topic": "Monitoring",
    "AWS::CloudWatch::Alarm": "Monitoring",
}
PARTS_OF_WORDS = {"transfer to the internet": "Transfer", "custom metrics": "Monitoring"}


def part(item: Mapping[str, Any]) -> str:
    """Return the part of the service that an item belongs to."""
    return PARTS_OF_WORDS.get(item["what"]) or PARTS.get(item["type"], "Other")


def by_part(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the items of each part, the parts in a fixed order."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name in dict.fromkeys((*PARTS.values(), "Transfer", "Other")):
        found[name] = [item for item in items if part(item) == name]
    return {name: those for name, those in found.items() if those}


def total(items: Iterable[Mapping[str, Any]]) -> float:
    """Return the sum of the items with a price, in US dollars."""
    return cents(sum((Decimal(str(item["monthly_usd"] or 0)) for item in items), Decimal(0)))


# -- The document ------------------------------------------------------------------------------------------


def _document_line(item: Mapping[str, Any]) -> str:
    """Return the line of the deployment document that has an item's cost, or what it leaves out."""
    name = {"Images": "S3 and data transfer", "Transfer": "S3 and data transfer", "Monitoring": "CloudWatch"}
    lines = {SERVER: "EC2 t3.medium", DATABASE: "RDS db.t3.small", CACHE: "ElastiCache Redis"}
    if part(item) in name:
        return name[part(item)]
    if item["type"] in lines and item["unit"] == "hour":
        return lines[item["type"]]
    words = {"secret": "secrets", "secret calls": "secrets", "gp3 storage": "database storage"}
    return words.get(item["what"], item["what"])


def _why(line: str, entry: Mapping[str, Any], items: list[Mapping[str, Any]]) -> str:
    """Return why the document's figure of a line differs."""
    if "type" not in entry:
        return "by the assumptions above; the document names none" if items else "no such resource"
    hourly = entry["hourly"]
    elsewhere = cents(Decimal(str(hourly)) * MONTH)
    why = f"the document has N. Virginia's price, {hourly} an hour or {elsewhere:.2f}"
    if [item for item in items if str(item["what"]).partition(",")[0] != entry["type"]]:
        why += f", of {entry['type']}"
    return why


def document(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``{line, document_usd, monthly_usd, why}`` for each line of the document's cost chapter and what it leaves out."""
    lines: dict[str, list[Mapping[str, Any]]] = {line: [] for line in table()["document"]}
    for item in items:
        if item["monthly_usd"] is not None:
            lines.setdefault(_document_line(item), []).append(item)
    return [
        {
            "line": line,
            "document_usd": entry["usd"] if (entry := table()["document"].get(line)) else None,
            "monthly_usd": total(those),
            "why": _why(line, entry, those) if entry else "the document leaves it out",
        }
        for line, those in lines.items()
    ]


# -- Options -----------------------------------------------------------------------------------------------


def another_size(size: str, step: int) -> str:
    """Return the size ``step`` places above in the same family, or "" if there is none."""
    family, _dot, name = size.rpartition(".")
    place = SIZES.index(name) + step if name in SIZES else -1
    return f"{family}.{SIZES[place]}" if 0 <= place < len(SIZES) else ""


def arm(size: str) -> str:
    """Return the same size in the family with an Arm processor, or ""."""
    return size.replace("t3.", "t4g.") if size.startswith(("t3.", "db.t3.", "cache.t3.")) else ""


def _with(resources: Resources, type_: str, **properties: object) -> Resources:
    return [
        one | {"properties": one["properties"] | properties} if one["type"] == type_ else one
        for one in resources
    ]


def _unknown(found: Mapping[str, Any]) -> set[str]:
    return {item["what"] for item in found["items"] if item["monthly_usd"] is None}


class Options:
    """What changes of the resources would change in a month's cost.

    An option is ``{what, change_usd, note}``, in US dollars a month, None if no source gives a price that it needs.
    """

    def __init__(
        self, resources: Resources, price: Callable[[Resources], dict[str, Any]], use: Mapping[str, Decimal]
    ) -> None:
        """Take the resources, the function that prices them, and the assumptions."""
        self.resources, self.price, self.use = resources, price, use
        self.now = price(resources)

    def _one(self, type_: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type; empty if there is none, or more than one."""
        found = [one["properties"] for one in self.resources if one["type"] == type_]
        return found[0] if len(found) == 1 else {}

    def change(self, what: str, resources: Resources, note: str = "") -> dict[str, Any]:
        """Return the option of having ``resources`` instead."""
        then = self.price(resources)
        unknown = _unknown(then) - _unknown(self.now)
        usd = None if unknown else cents(Decimal(str(then["monthly"])) - Decimal(str(self.now["monthly"])))
        return {"what": what, "change_usd": usd, "note": note}

    def sized(self, step: int) -> Iterator[dict[str, Any]]:
        """Yield the options of the next size, below (-1) or above (1)."""
        for type_, (name, _prefix, setting) in SIZED.items():
            now = str(self._one(type_).get(name, ""))
            if other := another_size(now, step):
                note = f"{setting}: {other}" + ("; less memory: measure first" if step < 0 else "")
                yield self.change(
                    f"{other} instead of {now}", _with(self.resources, type_, **{name: other}), note
                )

    def arms(self) -> Iterator[dict[str, Any]]:
        """Yield the options of Arm processors, and of Valkey on one."""
        notes = {SERVER: "needs an Arm image, which aws_compute_image does not offer"}
        for type_, (name, _prefix, setting) in SIZED.items():
            now = str(self._one(type_).get(name, ""))
            if other := arm(now):
                note = notes.get(type_, f"{setting}: {other}")
                yield self.change(
                    f"{other} (Arm) instead of {now}", _with(self.resources, type_, **{name: other}), note
                )

    def valkey(self) -> Iterator[dict[str, Any]]:
        """Yield the options of Valkey instead of Redis."""
        cache = self._one(CACHE)
        if not cache or str(cache.get("Engine", "redis")).lower() != "redis":
            return
        now = str(cache.get("CacheNodeType", ""))
        for size in filter(None, (now, arm(now))):
            changed = _with(self.resources, CACHE, CacheNodeType=size, Engine="valkey")
            yield self.change(
                f"Valkey on {size}", changed, "in place, the endpoints stay; not a setting of aws_cache yet"
            )

    def reserved(self) -> Iterator[dict[str, Any]]:
        """Yield the options of reservations of one year, nothing paid upfront."""
        for type_, (name, prefix, _setting) in SIZED.items():
            properties = self._one(type_)
            if not (size := str(properties.get(name, ""))):
                continue
            count = number(properties.get("NumCacheClusters", 1)) or Decimal(1)
            hours = count * (MONTH if type_ == CACHE else self.use["hours"])
            before, after = (
                amount(hours, f"{prefix}:{size}"),
                amount(count * MONTH, f"{prefix}-1-year:{size}"),
            )
            if str(properties.get("Engine")).lower() == "valkey" or multi_az(properties):
                before = None  # the table has the reservations of Redis and of one zone
            if properties.get("InstanceLifecycle") == "spot":
                continue  # AWS reserves no Spot server
            usd = None if before is None or after is None else cents(after - before)
            yield {
                "what": f"{size} reserved for 1 year",
                "change_usd": usd,
                "note": "no upfront payment; paid also when stopped",
            }

    def spot(self) -> Iterator[dict[str, Any]]:
        """Yield the option of a Spot server."""
        server = self._one(SERVER)
        if server and server.get("InstanceLifecycle") != "spot":
            changed = _with(self.resources, SERVER, InstanceLifecycle="spot")
            note = "aws_compute_market: spot; not in production, AWS may terminate it. Its price changes all the time"
            yield self.change(f"Spot instead of {server.get('InstanceType')} on demand", changed, note)

    def files(self) -> Iterator[dict[str, Any]]:
        """Yield the options for stored and sent files."""
        if any(one["type"] == "AWS::S3::Bucket" for one in self.resources):
            stored = self.use["storage_gb"]
            before, after = amount(stored, "s3:storage"), amount(stored, "s3:infrequent")
            usd = None if before is None or after is None else cents(after - before)
            note = (
                "at most, if nothing is read for a month, less a fee for monitoring that no source gives; images below 128 KB "
                "gain nothing"
            )
            yield {"what": "S3 Intelligent-Tiering", "change_usd": usd, "note": note}
        sent = self.use["transfer_out_gb"]
        if any(one["type"] == SERVER for one in self.resources) and sent <= 100:
            before = amount(sent, "transfer-out")
            note = "at most, if all goes through its Free plan (100 GB, 1 million requests); not a part of the project yet"
            yield {
                "what": "CloudFront before the server",
                "change_usd": before and -cents(before),
                "note": note,
            }

    def savings(self) -> list[dict[str, Any]]:
        """Return the options that save."""
        return [*self.sized(-1), *self.arms(), *self.valkey(), *self.reserved(), *self.spot(), *self.files()]

    def growth(self) -> list[dict[str, Any]]:
        """Return the options of growing: larger (scale-up), and more of them (scale-out)."""
        found = list(self.sized(1))
        if self._one(DATABASE) and not multi_az(self._one(DATABASE)):
            multi = _with(self.resources, DATABASE, MultiAZ=True)
            found.append(self.change("database in two zones", multi, "aws_database_multi_az: true"))
        if (nodes := number(self._one(CACHE).get("NumCacheClusters", 1))) and self._one(CACHE):
            more = _with(self.resources, CACHE, NumCacheClusters=int(nodes) + 1)
            found.append(self.change("one more cache node", more, f"aws_cache_nodes: {int(nodes) + 1}"))
        servers = [one for one in self.resources if one["type"] == SERVER]
        if len(servers) == 1:
            found.append(self._second_server(servers[0]))
        return found

    def _second_server(self, server: dict[str, Any]) -> dict[str, Any]:
        """Return the option of a load balancer (ALB) before two servers. It has an address in each of two zones."""
        address = {"type": "AWS::EC2::EIP", "name": "second", "properties": {}}
        option = self.change(
            "load balancer, second server", [*self.resources, server | {"name": "second"}, address]
        )
        units = self.use["lcu"]
        parts = [
            amount(Decimal(MONTH), "alb:hour"),
            amount(units * MONTH, "alb:lcu"),
            amount(Decimal(2 * MONTH), "ipv4"),
        ]
        if option["change_usd"] is None or None in parts:
            return option | {"change_usd": None}
        balancer = sum((one for one in parts if one is not None), Decimal(0))
        words = f"of which {cents(balancer):.2f} for the balancer, {units} LCU and its two addresses; not a part of the project yet"
        return option | {"change_usd": cents(balancer + Decimal(str(option["change_usd"]))), "note": words}


# -- The report --------------------------------------------------------------------------------------------


def support(resources: Resources, use: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    """Return ``{name, version, ends, from, monthly_usd, third_year, third_year_usd}`` for each database that will cost more."""
    found = []
    for one in resources:
        if one["type"] == DATABASE and (its := extended_support(one["properties"])):
            usages = [support_usage(its, third, use["hours"]) for third in (False, True)]
            usd = [
                None if usage.quantity is None else amount(usage.quantity, usage.figure) for usage in usages
            ]
            first, third = [None if one is None else cents(one) for one in usd]
            found.append(
                {
                    "name": one["name"],
                    "version": its.version,
                    "ends": its.ends.isoformat(),
                    "from": (its.ends + timedelta(days=1)).isoformat(),
                    "monthly_usd": first,
                    "third_year": its.third_year.isoformat(),
                    "third_year_usd": third,
                }
            )
    return found


def report(
    resources: Iterable[Mapping[str, Any]],
    region: str,
    assumptions: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """Return the cost of resources (see ``cost``), with ``document``, ``savings``, ``growth`` and ``extended_support``.

    Absent resources cost nothing. The additions are empty for a region without prices. Raises ValueError for an unknown or
    invalid assumption.
    """
    listed = [
        {**one, "properties": one.get("properties") or {}} for one in resources if not one.get("absent")
    ]
    found = cost(listed, region, assumptions, today)
    if found["monthly"] is None:
        return found | {"document": [], "savings": [], "growth": [], "extended_support": []}
    use = used(assumptions)
    options = Options(listed, lambda changed: cost(changed, region, assumptions, today), use)
    return found | {
        "document": document(found["items"]),
        "savings": options.savings(),
        "growth": options.growth(),
        "extended_support": support(listed, use),
    }


# -- The text ----------------------------------------------------------------------------------------------


def _usd(value: float | None, sign: bool = False) -> str:
    return NOT_SOURCED if value is None else f"{value:+,.2f}" if sign else f"{value:,.2f}"


def _quantity(value: float | None) -> str:
    return "?" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


class _Text:
    """Formats a report for a number of columns."""

    def __init__(self, width: int) -> None:
        self.width = width

    def wrapped(self, words: str, indent: int = 0) -> list[str]:
        before = " " * indent
        return textwrap.wrap(
            words, self.width, initial_indent=before, subsequent_indent=before, break_on_hyphens=False
        )

    def row(self, left: str, right: str) -> str:
        room = self.width - len(right) - 1
        return f"{left[:room]:<{room}} {right}"

    def part(self, name: str, items: list[Mapping[str, Any]]) -> Iterator[str]:
        """Yield a part's sum, then the items below their resource; what costs by the piece stands together."""
        yield self.row(name, _usd(total(items)))
        same: dict[str, dict[tuple[object, ...], list[Mapping[str, Any]]]] = {"(all)": {}}
        for item in items:
            alone = item["unit"] not in ("secret", "alarm")
            kinds = same.setdefault(item["name"] if alone else "(all)", {})
            kinds.setdefault((item["what"], item["unit"], item["price"]), []).append(item)
        for own, kinds in same.items():
            if own != "(all)":
                yield f"  {own}"[: self.width]
            for (what, unit, price), those in kinds.items():
                known = [one["quantity"] for one in those if one["quantity"] is not None]
                each = f"{price:g}" if isinstance(price, int | float) else "?"
                priced = f"{_quantity(sum(known)) if known else '?'} x {each} per {unit}"
                usd = None if all(one["monthly_usd"] is None for one in those) else total(those)
                yield self.row(f"    {str(what)[:25]:<25} {priced}", _usd(usd))

    def options(self, options: list[dict[str, Any]]) -> Iterator[str]:
        for option in options:
            yield self.row(f"  {option['what']}", _usd(option["change_usd"], sign=True))
            yield from self.wrapped(option["note"], 6) if option["note"] else ()

    def document(self, found: Mapping[str, Any]) -> Iterator[str]:
        def columns(left: str, theirs: str, here: str) -> str:
            return self.row(f"{left:<{self.width - 26}}{theirs:>10}", here)

        yield columns("Beside the deployment document", "document", "here")
        for line in found["document"]:
            theirs = "-" if line["document_usd"] is None else f"{line['document_usd']:.2f}"
            yield columns(f"  {line['line']}", theirs, _usd(line["monthly_usd"]))
            if line["document_usd"] is not None:
                yield from self.wrapped(line["why"], 6)
        theirs = sum(line["document_usd"] or 0 for line in found["document"])
        yield columns("  total", f"{theirs:.2f}", _usd(found["monthly"]))
        yield from self.wrapped(
            "The document's savings by reservations are mis-added: 40 % of $30 is $12, not $18, which is what remains; 40 % of $25 "
            "is $10, not $15; together $22, not $33.",
            2,
        )

    def support(self, found: Mapping[str, Any]) -> Iterator[str]:
        for one in found["extended_support"]:
            yield ""
            yield "Extended Support"
            for start, usd in (("from", "monthly_usd"), ("third_year", "third_year_usd")):
                yield self.row(f"  PostgreSQL {one['version']} from {one[start]}", _usd(one[usd], sign=True))
            until = f"RDS charges it unless {one['name']} has another major version by {one['ends']}."
            yield from self.wrapped(f"{until} A reservation does not reduce it.", 6)

    def assumptions(self, found: Mapping[str, Any]) -> Iterator[str]:
        yield "Assumed for a month (table_order_cost_assumptions)"
        for name, value in found["assumptions"].items():
            words = f"{_quantity(value)} {ASSUMPTIONS[name].unit} {ASSUMPTIONS[name].description}"
            yield f"  {name:<16}{words}"[: self.width]
        yield from self.wrapped(
            "AWS's free allowances are the account's, not the service's: they are not deducted.", 2
        )

    def report(self, found: Mapping[str, Any]) -> Iterator[str]:
        if found["monthly"] is None:
            yield from self.wrapped(
                f"The cost in {found['region']} is not known: the price table has the prices of {table()['region']} alone, and "
                "prices differ between regions, so that no figure is given."
            )
            return
        yield self.row(f"Monthly cost in {found['region']}, US dollars before tax", _usd(found["monthly"]))
        yield ""
        for name, items in by_part(found["items"]).items():
            yield from self.part(name, items)
        yield ""
        dated = (
            f"Prices of {found['prices_dated']}; docs/cost.md has their sources."
            if found["prices_dated"]
            else ""
        )
        missing = f" Not in the sum, as no source gives it: {'; '.join(found['not_sourced'])}."
        yield from self.wrapped(dated + (missing if found["not_sourced"] else ""))
        yield ""
        yield from self.assumptions(found)
        yield ""
        yield from self.document(found)
        yield ""
        yield "What would save, each alone"
        yield from self.options(found["savings"])
        yield ""
        yield "What growth would cost, each alone"
        yield from self.options(found["growth"])
        yield from self.support(found)


def text(found: Mapping[str, Any], width: int = 80) -> list[str]:
    """Return the lines of a report (see ``report``), at most ``width`` columns wide, from 60 on."""
    return list(_Text(width).report(found))

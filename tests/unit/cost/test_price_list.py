"""The table's refresh from AWS's Price List API.

The answers are made by hand in the shape that AWS documents (GetProducts, format aws_v1): no account was asked. They hold what a
rule must not take: other products of one usage type, tiers in another order than their numbers, reservations.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

import prices
from prices import PriceError
from prices.__main__ import ask, main

TODAY = "2026-12-24"


def dimension(usd: str, unit: str = "Hrs", begin: str = "0", end: str = "Inf") -> dict[str, Any]:
    return {"unit": unit, "beginRange": begin, "endRange": end, "pricePerUnit": {"USD": usd}, "appliesTo": []}


def product(
    sku: str, *dimensions: dict[str, Any], reserved: dict[str, Any] | None = None, **attributes: str
) -> dict[str, Any]:
    """Return a product with its on-demand price, and with reservations by "1yr No Upfront standard"."""

    def term(these: Any, words: str = "") -> dict[str, Any]:
        names = ("LeaseContractLength", "PurchaseOption", "OfferingClass")
        values = (words[:3], words[4:].rpartition(" ")[0], words.rpartition(" ")[2]) if words else ()
        priced = {f"{sku}.T.{place}": one for place, one in enumerate(these)}
        return {
            "priceDimensions": priced,
            "termAttributes": dict(zip(names, values, strict=False)),
            "sku": sku,
        }

    terms = {"OnDemand": {f"{sku}.JRTCKXETXF": term(dimensions)}} if dimensions else {}
    if reserved:
        terms["Reserved"] = {
            f"{sku}.{place}": term([one], words) for place, (words, one) in enumerate(reserved.items())
        }
    return {
        "product": {"sku": sku, "productFamily": "any", "attributes": attributes},
        "serviceCode": "any",
        "terms": terms,
    }


def price(rule: str, *products: dict[str, Any]) -> list[tuple[float, float]]:
    return [
        (float(start), float(usd)) for start, usd in prices.price_of(list(products), prices.rule_of(rule))
    ]


def test_a_node_has_one_price_beside_its_extended_support():
    node = product("NODE", dimension("0.0240000000"), usagetype="APN2-NodeUsage:cache.t4g.micro")
    first = product("YR1", dimension("0.0190000000"), usagetype="APN2-ExtendedSupportYr1Yr2:cache.t4g.micro")
    third = product("YR3", dimension("0.0380000000"), usagetype="APN2-ExtendedSupportYr3:cache.t4g.micro")
    assert price("redis:cache.t4g.micro", first, node, third) == [(0, 0.024)]


def test_tiers_are_in_the_order_of_their_numbers():
    sent = product(
        "OUT",
        dimension("0.1080000000", "GB", "153600"),
        dimension("0.1220000000", "GB", "10240", "51200"),
        dimension("0.1260000000", "GB", "1", "10240"),
        dimension("0.0000000000", "GB", "0", "1"),
        dimension("0.1170000000", "GB", "51200", "153600"),
    )
    tiers = price("transfer-out", sent)
    assert tiers == [(0, 0), (1, 0.126), (10240, 0.122), (51200, 0.117), (153600, 0.108)]


def test_products_of_one_service_are_told_apart_by_their_units():
    secret = product("SECRET", dimension("0.4000000000", "Secrets"))
    calls = product("CALLS", dimension("0.0000050000", "API Requests"))
    assert price("secret", calls, secret) == [(0, 0.4)]
    assert price("secret-calls", secret, calls) == [(0, 0.05)]


def test_a_price_of_one_request_becomes_that_of_the_tables_unit():
    assert price("s3:writes", product("W", dimension("0.0000045000", "Requests"))) == [(0, 0.0045)]


def test_a_reservation_is_that_of_one_year_without_upfront_payment():
    terms = {
        "3yr No Upfront standard": dimension("0.0220000000"),
        "1yr Partial Upfront standard": dimension("0.0150000000"),
        "1yr No Upfront convertible": dimension("0.0380000000"),
        "1yr No Upfront standard": dimension("0.0327000000"),
        "1yr All Upfront standard": dimension("280", "Quantity"),
    }
    server = product("T3", dimension("0.0520000000"), reserved=terms)
    assert price("ec2-1-year:t3.medium", server) == [(0, 0.0327)]
    assert price("ec2:t3.medium", server) == [(0, 0.052)]


@pytest.mark.parametrize(
    ("products", "words"),
    [
        ([], "no price by Hrs among 0 products"),
        (
            [product("A", dimension("0.05", "Quantity"))],
            "no price by Hrs among 1 products, which have prices by Quantity",
        ),
        (
            [product("A", dimension("0.052")), product("B", dimension("0.104"))],
            "2 different prices, of the products A, B",
        ),
        ([product("A", dimension("0.0000000000"))], "tiers that begin at 0, the last with 0"),
        ([product("A", dimension("0.05", begin="10"))], "tiers that begin at 10"),
        (
            [product("A", reserved={"1yr No Upfront standard": dimension("0.03")})],
            "no price by Hrs among 1 products",
        ),
    ],
)
def test_anything_but_one_price_is_a_problem(products, words):
    with pytest.raises(PriceError, match=words):
        prices.price_of(products, prices.RULES["ec2"])


def test_two_products_with_the_same_price_are_one_price():
    assert price("ec2:t3.medium", product("A", dimension("0.052")), product("B", dimension("0.0520"))) == [
        (0, 0.052)
    ]


# -- The table ---------------------------------------------------------------------------------------------

TEXT = prices.TABLE.read_text(encoding="utf-8")


def table() -> dict[str, Any]:
    return yaml.safe_load(TEXT)


def answer(service: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    """Answer a question with a product for each unit that its figures may have, on demand and reserved for the same price."""
    asked = [
        name for name in table()["figures"] if (rule := prices.rule_of(name)) and rule.service == service
    ]
    units = {
        prices.rule_of(name).units[0]
        for name in asked
        if prices.filters_of(name, prices.rule_of(name), "ap-northeast-2") == filters
    }
    reserved = {"1yr No Upfront standard": dimension("0.5")}
    return [
        product(unit, dimension("0.5", unit), reserved=reserved if unit == "Hrs" else None) for unit in units
    ]


def test_the_file_is_as_it_would_be_written():
    assert prices.written(table()) == TEXT


def test_each_figure_with_a_rule_changes_and_no_other():
    refreshed = table()
    changes, problems = prices.refresh(refreshed, answer, TODAY)
    assert problems == []
    for name, before in table()["figures"].items():
        after = refreshed["figures"][name]
        if prices.rule_of(name) is None:
            assert after == before
        else:
            assert (after["source"], after["date"], after["per"]) == ("price-list-api", TODAY, before["per"])
            assert after["usd"] == 0.5 * prices.rule_of(name).per
    assert {section: content for section, content in refreshed.items() if section != "figures"} == {
        section: content for section, content in table().items() if section != "figures"
    }
    assert len(changes) == sum(1 for name in table()["figures"] if prices.rule_of(name))
    assert "ec2:t3.medium: 0.052 -> 0.5" in changes
    assert list(refreshed["figures"]) == list(table()["figures"])


def test_a_second_refresh_writes_the_same_file():
    once = table()
    prices.refresh(once, answer, TODAY)
    again = copy.deepcopy(once)
    assert prices.refresh(again, answer, TODAY) == ([], [])
    assert prices.written(again) == prices.written(once)
    assert yaml.safe_load(prices.written(once)) == once


def test_a_figure_without_one_price_stays_and_is_named():
    refreshed = table()
    changes, problems = prices.refresh(refreshed, lambda _service, _filters: [], TODAY)
    assert changes == []
    assert refreshed == table()
    assert "ec2:t3.medium stays as it is: no price by Hrs among 0 products." in problems


def test_tiers_replace_a_price_and_the_limit_of_what_is_known():
    refreshed = table()
    two = product("A", dimension("0.3", "Metrics", "0"), dimension("0.1", "Metrics", "10000"))
    prices.refresh(refreshed, lambda _service, _filters: [two], TODAY)
    assert refreshed["figures"]["metric"] == {
        "per": "metric",
        "source": "price-list-api",
        "date": TODAY,
        "tiers": [{"from": 0, "usd": 0.3}, {"from": 10000, "usd": 0.1}],
    }


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("rds:db.t3.xlarge", {"usagetype": "APN2-InstanceUsage:db.t3.xl", "databaseEngine": "PostgreSQL"}),
        ("rds-extended-support:Yr3", {"usagetype": "APN2-ExtendedSupport:Yr3:PostgreSQL15"}),
        (
            "ec2:t3.xlarge",
            {"usagetype": "APN2-BoxUsage:t3.xlarge", "capacitystatus": "Used", "preInstalledSw": "NA"},
        ),
        ("valkey:cache.t4g.micro", {"instanceType": "cache.t4g.micro", "cacheEngine": "Valkey"}),
        ("alb:hour", {"usagetype": "APN2-LoadBalancerUsage", "productFamily": "Load Balancer-Application"}),
    ],
)
def test_a_rule_asks_for_its_own_product(name, filters):
    asked = prices.filters_of(name, prices.rule_of(name), "ap-northeast-2")
    assert filters.items() <= asked.items()
    assert asked["regionCode"] == "ap-northeast-2"
    assert "{}" not in "".join(asked.values())


def test_each_rule_has_a_figure():
    used = {id(prices.rule_of(name)) for name in table()["figures"]}
    assert [name for name, rule in prices.RULES.items() if id(rule) not in used] == []


# -- The command -------------------------------------------------------------------------------------------


class Client:
    """Stands for boto3's pricing client; ``pages`` are its answers."""

    def __init__(self, pages: list[list[dict[str, Any]]]):
        self.pages, self.asked = pages, []

    def get_paginator(self, name: str) -> Client:
        assert name == "get_products"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked.append(request)
        return [{"PriceList": [json.dumps(one) for one in page]} for page in self.pages]


def test_all_pages_are_read_and_each_product_is_a_text():
    client = Client([[product("A")], [], [product("B")]])
    found = ask(client, "AmazonEC2", {"usagetype": "x", "regionCode": "y"})
    assert [one["product"]["sku"] for one in found] == ["A", "B"]
    assert client.asked == [
        {
            "ServiceCode": "AmazonEC2",
            "FormatVersion": "aws_v1",
            "Filters": [
                {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "x"},
                {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "y"},
            ],
        }
    ]


def test_aws_out_of_reach_writes_nothing(monkeypatch, capsys, tmp_path):
    file = tmp_path / "prices.yml"
    file.write_text(TEXT)
    monkeypatch.setattr("prices.__main__.TABLE", file)
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setattr("prices.__main__.Config", lambda **_kept: None)
    assert main([]) == 1
    assert "Nothing is written" in capsys.readouterr().err
    assert file.read_text() == TEXT


@pytest.mark.parametrize(("arguments", "code", "same"), [(["--check"], 1, True), ([], 0, False)])
def test_check_writes_nothing(monkeypatch, tmp_path, arguments, code, same):
    file = tmp_path / "prices.yml"
    file.write_text(TEXT)
    monkeypatch.setattr("prices.__main__.TABLE", file)
    monkeypatch.setattr("prices.__main__.boto3.client", lambda *_given, **_kept: None)
    monkeypatch.setattr("prices.__main__.ask", lambda _client, service, filters: answer(service, filters))
    assert main(arguments) == code
    assert (file.read_text() == TEXT) is same

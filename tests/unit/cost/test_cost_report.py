"""The report: beside the deployment document, what would save, what growth costs, as text for 80 columns."""

from __future__ import annotations

import re
from datetime import date
from importlib import import_module
from typing import Any

import pytest

from tests.unit.cost.sample import REGION, resource, site
from tests.unit.tasks import COLLECTION

cost_report = import_module(f"ansible_collections.{COLLECTION}plugins.plugin_utils.account_cost_report")
TODAY = date(2026, 11, 28)


def report(
    resources: list[dict[str, Any]] | None = None, region: str = REGION, **assumptions: Any
) -> dict[str, Any]:
    return cost_report.report(site() if resources is None else resources, region, assumptions, TODAY)


def options(found: dict[str, Any], section: str) -> dict[str, float | None]:
    return {option["what"]: option["change_usd"] for option in found[section]}


def with_properties(type_: str, **properties: Any) -> list[dict[str, Any]]:
    return [
        one | {"properties": one["properties"] | properties} if one["type"] == f"AWS::{type_}" else one
        for one in site()
    ]


def test_the_documents_lines_are_compared_one_by_one():
    lines = {line["line"]: (line["document_usd"], line["monthly_usd"]) for line in report()["document"]}
    assert lines == {
        "EC2 t3.medium": (30, 37.96),
        "RDS db.t3.small": (25, 40.88),
        "ElastiCache Redis": (12, 18.25),
        "S3 and data transfer": (10, 6.78),
        "CloudWatch": (2, 2.73),
        "secrets": (None, 1.65),
        "database storage": (None, 2.62),
        "gp3 volume": (None, 2.74),
        "public IPv4 address": (None, 3.65),
    }
    assert sum(theirs or 0 for theirs, _ in lines.values()) == 79
    assert round(sum(here for _, here in lines.values()), 2) == report()["monthly"]


def test_the_document_has_another_regions_price():
    why = {line["line"]: line["why"] for line in report()["document"]}
    assert why["EC2 t3.medium"] == "the document has N. Virginia's price, 0.0416 an hour or 30.37"
    assert why["RDS db.t3.small"].endswith("0.036 an hour or 26.28")
    assert why["ElastiCache Redis"].endswith("0.017 an hour or 12.41")
    other = report(with_properties("EC2::Instance", InstanceType="t3.large"))["document"][0]
    assert other["why"].endswith("or 30.37, of t3.medium")


def test_savings_are_the_differences_of_two_costs():
    assert options(report(), "savings") == {
        "t3.small instead of t3.medium": -18.98,
        "db.t3.micro instead of db.t3.small": -20.44,
        "t4g.medium (Arm) instead of t3.medium": -7.59,
        "db.t4g.small (Arm) instead of db.t3.small": -3.65,
        "cache.t4g.micro (Arm) instead of cache.t3.micro": -0.73,
        "Valkey on cache.t3.micro": None,
        "Valkey on cache.t4g.micro": -4.23,
        "t3.medium reserved for 1 year": None,
        "db.t3.small reserved for 1 year": None,
        "cache.t3.micro reserved for 1 year": -5.84,
        "Spot instead of t3.medium on demand": None,
        "S3 Intelligent-Tiering": -0.11,
        "CloudFront before the server": -6.3,
    }


def test_the_price_of_a_spot_server_is_named_and_not_guessed():
    found = report(with_properties("EC2::Instance", InstanceLifecycle="spot"))
    assert "t3.medium, Spot of table-order-app-server" in found["not_sourced"]
    assert found["monthly"] == round(report()["monthly"] - 37.96, 2)
    assert not [what for what in options(found, "savings") if what.startswith(("Spot", "t3.medium reserved"))]


def test_what_a_setting_turned_off_costs_nothing():
    resources = [*site(), resource("SecretsManager::Secret", "table-order/cache/token") | {"absent": True}]
    assert report(resources)["monthly"] == report()["monthly"]


def test_growth_is_larger_and_more():
    assert options(report(), "growth") == {
        "t3.large instead of t3.medium": 37.96,
        "db.t3.medium instead of db.t3.small": 40.88,
        "cache.t3.small instead of cache.t3.micro": 17.52,
        "database in two zones": None,
        "one more cache node": 18.25,
        "load balancer, second server": 73.92,
    }
    sourced = with_properties("RDS::DBInstance", DBInstanceClass="db.t4g.micro")
    assert options(report(sourced), "growth")["database in two zones"] == 21.6


def test_an_option_is_left_out_where_it_is_none():
    valkey = with_properties(
        "ElastiCache::ReplicationGroup", CacheNodeType="cache.t4g.micro", Engine="valkey"
    )
    found = options(report(valkey), "savings")
    assert not [
        what for what in found if what.startswith("Valkey") or what.startswith("cache.t4g.micro (Arm)")
    ]
    assert found["cache.t4g.micro reserved for 1 year"] is None  # the table has Redis's
    assert "CloudFront before the server" not in options(report(transfer_out_gb=101), "savings")
    multi = with_properties("RDS::DBInstance", MultiAZ="true")
    assert "database in two zones" not in options(report(multi), "growth")
    assert report([])["savings"] == report([])["growth"] == []


def test_what_is_not_sourced_already_hides_no_other_option():
    topic = resource("SNS::Topic", "alarms", Subscription=[{"Protocol": "email"}])
    assert options(report([*site(), topic]), "savings")["t3.small instead of t3.medium"] == -18.98


def test_extended_support_is_announced():
    assert report()["extended_support"] == [
        {
            "name": "table-order-db",
            "version": "15",
            "ends": "2028-02-29",
            "from": "2028-03-01",
            "monthly_usd": 175.2,
            "third_year": "2030-03-01",
            "third_year_usd": 350.4,
        }
    ]
    assert report(with_properties("RDS::DBInstance", EngineVersion="99"))["extended_support"] == []


@pytest.mark.parametrize("width", [72, 80])
def test_the_text_fits_its_columns(width):
    long = [one | {"name": one["name"] * 5} for one in site()]
    for resources in (site(), long, []):
        lines = cost_report.text(report(resources), width)
        assert max(map(len, lines)) <= width
        assert [line for line in lines if line != line.rstrip()] == []


def test_the_text_names_what_counts():
    lines = cost_report.text(report())
    assert lines[0].split()[-1] == "117.26"
    text = " ".join(" ".join(lines).split())
    assert "secret 4 x 0.4 per secret 1.60" in text
    assert "Prices of 2021-08-03 to 2026-10-01" in text
    assert "db.t3.small reserved for 1 year not sourced" in text
    assert "$12, not $18" in text
    assert "PostgreSQL 15 from 2028-03-01 +175.20" in text
    assert text.count("transfer_out_gb 50 GB go to the internet") == 1


def test_each_part_shows_its_sum_and_all_parts_the_whole():
    parts = cost_report.by_part(report()["items"])
    assert list(parts) == ["Server", "Database", "Cache", "Images", "Secrets", "Monitoring", "Transfer"]
    assert round(sum(map(cost_report.total, parts.values())), 2) == report()["monthly"]


def test_the_text_of_another_region_has_no_figure():
    found = report(region="eu-west-1")
    assert found["savings"] == found["growth"] == found["document"] == found["extended_support"] == []
    text = " ".join(cost_report.text(found))
    assert "The cost in eu-west-1 is not known" in text
    assert "prices of ap-northeast-2 alone" in text
    assert not re.search(r"\d[.]\d", text)

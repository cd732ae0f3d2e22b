"""A month's cost of resources: AWS's prices, no guess, and no figure of another region."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cost.sample import REGION, resource, site
from tests.unit.tasks import COLLECTION, ROOT

UTILS = f"ansible_collections.{COLLECTION}plugins.plugin_utils"
account_cost = import_module(f"{UTILS}.account_cost")
TODAY = date(2026, 11, 28)


def cost(
    resources: list[dict[str, Any]], region: str = REGION, today: date = TODAY, **assumptions: Any
) -> dict[str, Any]:
    return account_cost.cost(resources, region, assumptions, today)


def monthly(found: dict[str, Any], what: str) -> float | None:
    [item] = [item for item in found["items"] if item["what"] == what]
    return item["monthly_usd"]


def database(**properties: Any) -> list[dict[str, Any]]:
    wanted = {
        "Engine": "postgres",
        "EngineVersion": "15",
        "DBInstanceClass": "db.t3.small",
        "AllocatedStorage": 20,
    }
    return [resource("RDS::DBInstance", "db", **wanted | properties)]


# 37.96 + 2.74 + 3.65 + 40.88 + 2.62 + 18.25, and four secrets.
def test_the_default_site_costs_what_the_price_list_says():
    found = cost(site())
    assert {item["what"]: item["monthly_usd"] for item in found["items"]} == {
        "t3.medium": 37.96,
        "gp3 volume": 2.74,
        "public IPv4 address": 3.65,
        "db.t3.small": 40.88,
        "gp3 storage": 2.62,
        "cache.t3.micro, Redis": 18.25,
        "secret": 0.4,
        "secret calls": 0.05,
        "storage": 0.25,
        "write requests": 0.05,
        "read requests": 0.18,
        "transfer to the internet": 6.3,
        "custom metrics": 0.9,
        "logs written": 1.52,
        "logs stored": 0.01,
        "alarm": 0.1,
    }
    assert found["monthly"] == 117.26
    assert found["not_sourced"] == []
    assert (found["currency"], found["prices_dated"]) == ("USD", "2021-08-03 to 2026-10-01")


def test_the_items_add_up_to_the_sum():
    found = cost(site(), read_requests=123_457, log_gb=0.35, transfer_out_gb=77)
    assert round(sum(item["monthly_usd"] for item in found["items"]), 2) == found["monthly"]


def test_an_item_has_the_keys_of_the_plan():
    assert {tuple(item) for item in cost(site())["items"]} == {
        ("type", "name", "what", "quantity", "unit", "price", "monthly_usd")
    }


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1", ""])
def test_another_region_has_no_figure(region):
    found = cost(site(), region)
    assert found["monthly"] is None
    assert found["items"] == []
    assert found["not_sourced"] == [f"prices of {region}: the table has those of {REGION}"]


@pytest.mark.parametrize(
    ("resources", "what"),
    [
        (database(DBInstanceClass="db.r7g.large"), "db.r7g.large"),
        (database(MultiAZ=True), "db.t3.small, Multi-AZ"),
        (database(Engine="mysql"), "db.t3.small"),
        (database(StorageType="io2"), "io2 storage"),
        (database(AllocatedStorage={"known_after_apply": "restored"}), "gp3 storage"),
        ([resource("EC2::Instance", "a", InstanceType="m9z.large")], "m9z.large"),
        (
            [
                resource(
                    "EC2::Instance",
                    "a",
                    InstanceType="t3.medium",
                    CreditSpecification={"CPUCredits": "unlimited"},
                )
            ],
            "CPU beyond the credits",
        ),
        (
            [resource("ElastiCache::ReplicationGroup", "c", CacheNodeType="cache.t3.micro", Engine="valkey")],
            "cache.t3.micro, Valkey",
        ),
        ([resource("EC2::NatGateway", "nat")], "AWS::EC2::NatGateway"),
        ([resource("SNS::Topic", "alarms", Subscription=[{"Protocol": "email"}])], "notifications by e-mail"),
        ([resource("Logs::LogGroup", "logs")], "logs kept for ever"),
    ],
)
def test_what_no_source_gives_is_named_and_not_guessed(resources, what):
    found = cost(resources)
    assert monthly(found, what) is None
    assert [one for one in found["not_sourced"] if one.startswith(f"{what} of ")]


def test_what_is_free_has_no_item():
    free = [resource(type_.removeprefix("AWS::"), "x") for type_ in sorted(account_cost.FREE)]
    assert cost(free)["items"] == []
    assert cost(free)["monthly"] == 0


def test_values_that_were_read_as_text_count_the_same():
    assert monthly(cost(database(AllocatedStorage="20")), "gp3 storage") == 2.62
    multi = database(DBInstanceClass="db.t4g.micro", MultiAZ="true", StorageType="gp3")
    assert monthly(cost(multi), "db.t4g.micro, Multi-AZ") == 37.23
    assert monthly(cost(multi), "gp3 storage") == 5.24


def test_nothing_used_costs_nothing_and_keeps_its_price():
    nothing = cost(site(), **dict.fromkeys(account_cost.ASSUMPTIONS, 0))
    [sent] = [item for item in nothing["items"] if item["what"] == "transfer to the internet"]
    assert (sent["quantity"], sent["price"], sent["monthly_usd"]) == (0, 0.126, 0)
    assert nothing["not_sourced"] == []


def test_nodes_count_and_a_cache_never_stops():
    group = [
        resource("ElastiCache::ReplicationGroup", "c", CacheNodeType="cache.t3.micro", NumCacheClusters=2)
    ]
    assert monthly(cost(group, hours=10), "cache.t3.micro, Redis, 2 nodes") == 36.5


def test_a_stopped_server_keeps_its_address_and_its_disk():
    found = cost(site(), hours=0)
    assert (monthly(found, "t3.medium"), monthly(found, "db.t3.small")) == (0, 0)
    assert (monthly(found, "public IPv4 address"), monthly(found, "gp3 volume")) == (3.65, 2.74)


def test_an_assumption_is_about_the_service_and_not_about_each_resource():
    logs = [one for one in site() if one["type"] == "AWS::Logs::LogGroup"]
    assert [monthly(cost(logs[:count]), "logs written") for count in (1, 2, 3)] == [1.52] * 3
    assert {item["name"] for item in cost(logs)["items"]} == {"(all)"}
    assert {item["name"] for item in cost(logs[:1])["items"]} == {logs[0]["name"]}


def test_each_tier_has_its_own_price_and_nothing_is_said_beyond_the_last():
    assert account_cost.amount(Decimal(10240), "transfer-out") == Decimal("1290.24")
    assert account_cost.amount(Decimal(10250), "transfer-out") == Decimal("1291.46")
    assert account_cost.amount(Decimal(51200), "transfer-out") is not None
    assert account_cost.amount(Decimal(51201), "transfer-out") is None
    assert account_cost.amount(Decimal(1), "no-such-figure") is None


@pytest.mark.parametrize(
    ("today", "usd"),
    [
        (date(2028, 2, 29), None),
        (date(2028, 3, 1), 175.2),
        (date(2030, 2, 28), 175.2),
        (date(2030, 3, 1), 350.4),
    ],
)
def test_extended_support_costs_from_the_day_after_the_end(today, usd):
    items = cost(database(EngineVersion="15.18"), today=today)["items"]
    assert [item["monthly_usd"] for item in items if item["what"] == "Extended Support"] == (
        [usd] if usd else []
    )


def test_extended_support_counts_the_standby_and_names_what_it_cannot_tell():
    late = date(2029, 1, 1)
    assert monthly(cost(database(MultiAZ=True), today=late), "Extended Support") == 350.4
    assert monthly(cost(database(DBInstanceClass="db.t4g.medium"), today=late), "Extended Support") is None


@pytest.mark.parametrize(
    ("assumptions", "words"),
    [
        ({"transfer": 1}, "transfer is an unknown key. Accepted: hours, "),
        ({"hours": 731}, "hours is 731. Accepted: a number from 0 to 730"),
        ({"log_gb": "much"}, "log_gb is 'much'. Accepted: a number from 0"),
        ({"log_gb": -1}, "log_gb is -1. Accepted"),
    ],
)
def test_an_assumption_that_is_wrong_is_refused_by_name(assumptions, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        cost(site(), **assumptions)


# -- The table ---------------------------------------------------------------------------------------------

FILE = ROOT / "plugins/plugin_utils/prices.yml"
TABLE = yaml.safe_load(FILE.read_text())


def figures() -> list[tuple[str, dict[str, Any]]]:
    sections = ("figures", "vcpus", "postgresql_support", "document")
    return [(name, figure) for section in sections for name, figure in TABLE[section].items()]


@pytest.mark.parametrize(("name", "figure"), figures(), ids=[name for name, _ in figures()])
def test_each_figure_has_a_source_and_a_date_or_says_that_it_has_none(name, figure):
    if figure.get("source") == "none":
        assert figure.keys() == {"per", "source"}
    elif figure.keys() != {"usd"}:  # the document's own lines without an explanation
        assert figure["source"] in TABLE["sources"].keys() - {"none"}
        assert date.fromisoformat(figure["date"]) <= date.today()
        assert any(key in figure for key in ("usd", "tiers", "count", "ends"))


def test_the_table_has_one_region_and_the_documents_figures_say_theirs():
    assert TABLE["region"] == REGION
    assert {one["region"] for one in TABLE["document"].values() if "hourly" in one} == {"us-east-1"}


def test_the_assumptions_are_those_of_the_documents():
    specification = yaml.safe_load((ROOT / "roles/table_order/meta/argument_specs.yml").read_text())
    options = specification["argument_specs"]["main"]["options"]
    page = (ROOT / "docs/cost.md").read_text()
    for name, one in account_cost.ASSUMPTIONS.items():
        assert re.search(rf"\b{name}\b", options["table_order_cost_assumptions"]["description"])
        assert f"| `{name}` | {one.default:,} |" in page


def test_the_agents_metrics_are_those_that_the_role_sends():
    metrics = yaml.safe_load((ROOT / "roles/cloudwatch_agent/defaults/main.yml").read_text())[
        "cloudwatch_agent_metrics"
    ]
    assert (
        sum(len(one["measurement"]) for one in metrics.values())
        == account_cost.ASSUMPTIONS["custom_metrics"].default
    )


def test_the_page_has_each_source():
    page = Path(ROOT / "docs/cost.md").read_text()
    assert [name for name in TABLE["sources"] if f"`{name}`" not in page] == []

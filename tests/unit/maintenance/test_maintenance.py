"""The lines of the document's maintenance lists: judged, never fine without a look, and shown on a page without scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.table_order.infra.plugins.filter import maintenance as filters
from ansible_collections.table_order.infra.plugins.plugin_utils.maintenance import ITEMS, judge, normal

from tests.unit.maintenance.samples import FACTS, facts

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/maintenance.schema.json").read_text())
TEMPLATE = (ROOT / "playbooks/templates/maintain.html.j2").read_text()
LISTS = ("daily", "weekly", "monthly", "quarterly")


def items(found):
    """Return the report's items by id."""
    report = judge(found)
    jsonschema.validate(report, SCHEMA)
    return {one["id"]: one for one in report["items"]}


def test_the_lists_are_those_of_the_document():
    """Daily 2, weekly 3, monthly 4, quarterly 4: its chapter "Regular Maintenance Tasks"."""
    assert [sum(one.list == name for one in ITEMS) for name in LISTS] == [2, 3, 4, 4]
    assert len({one.id for one in ITEMS}) == 13
    for one in ITEMS:
        assert (ROOT / one.runbook).is_file()
        assert re.search("[가-힣]", one.title[1])


def test_a_well_kept_service_needs_nobody_but_for_the_audit():
    found = judge(facts())
    assert found["status"] == "fine"
    assert {one["id"] for one in found["items"] if one["state"] == "note"} == {"audit"}
    assert "MFA" in items(facts())["audit"]["do"]["en"]
    assert items(facts())["recovery"]["text"]["ko"] == "20일 전 시험: RTO 754 s, RPO 59 s"
    assert {one["unit"] for one in found["charts"]} == {"%", "GiB"}
    assert len(found["charts"][0]["values"]) == 7 * 24


def test_a_list_alone_has_its_lines():
    found = judge(facts() | {"lists": ["daily"]})
    assert [one["id"] for one in found["items"]] == ["logs", "backups"]
    assert found["charts"] == []


# What each part of the facts is for; "database" without a look leaves the size of the sites's others alone.
USED_BY = {
    "plan": {"security_groups", "costs", "policies", "audit"},
    "logs": {"logs"},
    "resources": {"costs"},
    "metrics": {"metrics", "costs"},
    "account": {"costs", "recovery", "credentials"},
    "database": {"performance"},
    "packages": {"dependencies"},
}


@pytest.mark.parametrize("part", USED_BY)
@pytest.mark.parametrize(
    "form", [{}, {"failed": True, "msg": "AWS cannot be reached"}, {"error": "AWS cannot be reached"}]
)
def test_what_was_not_looked_at_is_unknown_with_the_reason(part, form):
    found = items(facts() | {part: form})
    unknown = {name: one["details"] for name, one in found.items() if one["state"] == "unknown"}
    assert set(unknown) == USED_BY[part]
    reason = "AWS cannot be reached" if form else "It was not looked at."
    assert all(reason in details[0] for details in unknown.values())


def test_all_of_the_facts_are_tried():
    assert set(USED_BY) == set(FACTS) - {"at", "lists", "status"}


@pytest.mark.parametrize("name", FACTS["account"]["looks"])
def test_a_denied_read_of_the_account_is_unknown(name):
    found = facts()
    found["account"]["looks"][name] = {"error": "AWS denied it."}
    assert [one["details"] for one in items(found).values() if one["state"] == "unknown"] == [
        ["AWS denied it."]
    ]


def differing(type_):
    change = {"property": "Rules", "before": [3, 2], "after": [1, 2], "sensitive": False, "unknown": False}
    return {"type": type_, "name": "a", "action": "update", "changes": [change]}


def look(name, value):
    return lambda one: one["account"]["looks"].update({name: {"found": value}})


OLD = "2026-05-01T00:00:00+00:00"
ERROR = {"messages": ['{"level": "error", "logger": "app", "message": "no table 7"}'] * 2}
ADDRESS, VOLUME = (
    {"used": None, "id": "e", "address": "a"},
    {"id": "v", "gib": 100, "kind": "gp3", "state": "available"},
)
STATEMENT = {"statement": "SELECT slow", "calls": 20, "mean_ms": 900.0, "total_ms": 18000}
REFUSED = {"area": "Certificates", "what": "server", "state": "unknown", "text": "SSH: refused", "do": ""}
BEHIND = [{"name": "fastapi", "version": "1.0", "latest_version": "2.0"}]
BROKEN = [
    (
        "logs",
        "2x /aws/ec2/table-order/fastapi: app: no table …",
        lambda f: f["logs"]["results"][0].update(ERROR),
    ),
    (
        "security_groups",
        "Rules [3] → [1]",
        lambda f: f["plan"]["resources"].append(differing("AWS::EC2::SecurityGroup")),
    ),
    (
        "policies",
        "AWS::IAM::Role a: update",
        lambda f: f["plan"]["resources"].append(differing("AWS::IAM::Role")),
    ),
    ("audit", "AWS::SNS::Topic a", lambda f: f["plan"]["resources"].append(differing("AWS::SNS::Topic"))),
    (
        "audit",
        "rds:db x: tags",
        lambda f: f["plan"]["unmanaged"].append({"type": "rds:db", "name": "x", "id": "y", "why": "tags"}),
    ),
    ("costs", "address a (e): 3.65 USD a month", look("addresses", [ADDRESS])),
    ("costs", "volume v, 100 GiB: 9.12 USD a month", look("volumes", [VOLUME])),
    ("costs", "network interface eni: 0.00 USD", look("interfaces", [{"id": "eni", "state": "available"}])),
    (
        "costs",
        "snapshot s without an image, 8 GiB: no price",
        look("snapshots", [{"id": "s", "gib": 8, "made": OLD}]),
    ),
    (
        "costs",
        "image n (a), 211 days old",
        look("images", [{"id": "a", "name": "n", "made": OLD, "snapshots": ["snap-1"]}]),
    ),
    ("recovery", "", look("done", [])),
    (
        "recovery",
        "backup_check: 2026-05-01",
        lambda f: f["account"]["looks"]["done"]["found"][0].update(modified=OLD),
    ),
    ("credentials", "secret s: 211 days", look("secrets", [{"name": "s", "changed": OLD}])),
    ("credentials", "access key k: 211 days", look("keys", [{"id": "k", "made": OLD, "state": "Active"}])),
    ("performance", "docs/runbooks/scale.md", lambda f: f["database"]["database"].update(reads=50_000)),
    (
        "performance",
        "90000 dead beside 9990 rows",
        lambda f: f["database"]["tables"][0].update(rows=9_990, dead=90_000),
    ),
    ("performance", "901 scans", lambda f: f["database"]["tables"][0].update(scans=901)),
    (
        "performance",
        "900.0 ms, 20 times: SELECT slow",
        lambda f: f["database"]["statements"].append(STATEMENT),
    ),
    (
        "dependencies",
        "fastapi 1.0 → 2.0",
        lambda f: f["packages"]["results"][1].update(stdout=json.dumps(BEHIND)),
    ),
]


@pytest.mark.parametrize(
    ("name", "said", "change"), BROKEN, ids=[f"{one[0]}-{one[1][:20]}" for one in BROKEN]
)
def test_what_needs_a_person_says_what_to_do(name, said, change):
    found = facts()
    change(found)
    one = items(found)[name]
    assert one["state"] == "attention"
    assert one["do"]["en"]
    assert re.search("[가-힣]", one["do"]["ko"])
    assert said in "\n".join(one["details"])


@pytest.mark.parametrize(
    ("name", "reason", "change"),
    [
        ("logs", "there is no such log group", lambda f: f["logs"]["results"][0].update(exists=False)),
        (
            "dependencies",
            "No matching distribution",
            lambda f: f["packages"]["results"][0].update(rc=1, stderr="a\nNo matching distribution"),
        ),
        ("dependencies", "no answer within a minute", lambda f: f["packages"]["results"][1].update(rc=124)),
        (
            "security_groups",
            "AWS denied a:B",
            lambda f: f["plan"].update(denied=[{"action": "a:B", "types": []}]),
        ),
        ("metrics", "no values", lambda f: f["metrics"].update(metrics={"a cpu": []})),
        ("credentials", "no secret", look("secrets", [])),
        ("dependencies", "no release is live", lambda f: f["packages"]["results"][0].update(skipped=True)),
        ("credentials", "SSH: refused", lambda f: f["status"]["checks"].append(REFUSED)),
    ],
)
def test_half_a_look_is_unknown(name, reason, change):
    found = facts()
    change(found)
    one = items(found)[name]
    assert (one["state"], reason in one["details"][0]) == ("unknown", True)


def test_without_the_extension_it_says_how_to_get_it():
    found = facts()
    found["database"]["statements"] = None
    one = items(found)["performance"]
    assert (one["state"], "CREATE EXTENSION pg_stat_statements" in one["do"]["en"]) == ("note", True)


def test_a_kind_of_message_has_nothing_of_a_guest():
    message = '2026/11/28 [error] 12#7: *9 upstream "GET /api/orders?name=Kim" client: 203.0.113.9, kim@example.org, 1f3a-9'
    kind = normal(message)
    assert "upstream" in kind
    assert not re.search(r"Kim|kim|\d", kind)
    raised = {
        "logger": "app",
        "message": "unhandled error",
        "exception": "Traceback\n a\nValueError: '12'",
        "path": "/x",
    }
    assert normal(json.dumps(raised)) == "app: unhandled error: ValueError: …"


def test_the_page_has_both_languages_and_no_script_and_escapes_all():
    found = facts()
    found["logs"]["results"][0]["messages"] = ["ERROR <script>alert(1)</script> & more"]
    metrics = found["metrics"]["metrics"]
    metrics["<script>b</script> cpu"] = metrics.pop("table-order-app-server cpu")
    page = filters.page(filters.report(found), TEMPLATE)
    assert "<script" not in page
    assert "&lt;script&gt;alert(…)&lt;/script&gt; &amp; more" in page
    assert page.count("<svg") == 2
    assert not re.search(r"""(?:src|href)=|url\(|@import""", page), "nothing comes from elsewhere"
    assert "조치 필요" in page
    assert "needs a person" in page
    assert page.index("한국어") < page.index("English")
    assert page == filters.page(filters.report(found), TEMPLATE), "the same report gives the same page"


def test_the_screen_names_each_line():
    found = facts()
    found["packages"] = {"error": "SSH: timed out"}
    text = filters.text(filters.report(found), 72)
    assert text.startswith("Maintenance of table-order (production)")
    assert "daily         ok Review CloudWatch Logs for errors" in text
    assert "?? could not look at Application dependencies: SSH: timed out" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 72

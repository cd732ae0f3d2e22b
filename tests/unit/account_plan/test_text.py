"""The plan as people read it: 80 columns, with and without colours, and with what its reader must know."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.template import trust_as_template
from ansible_collections.table_order.infra.plugins.filter.account_plan import account_plan, account_plan_text
from ansible_collections.table_order.infra.plugins.module_utils.account_types import normal
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan import plan
from ansible_collections.table_order.infra.plugins.plugin_utils.account_plan_text import main, text

from tests.unit.account_plan.samples import (
    BUCKET,
    GROUP,
    ROLE,
    described,
    found,
    nothing,
    of,
    one,
    policy,
    rule,
)

ROOT = Path(__file__).parents[3]
SECOND = {
    "type": "AWS::EC2::Instance",
    "name": "table-order-app-server",
    "id": "i-0123456789abcdef0",
    "why": "A second resource of this name.",
}
DENIED = {
    "action": "cloudwatch:DescribeAlarms",
    "message": "User ann is not authorized to perform: cloudwatch:DescribeAlarms " * 30,
    "types": ["AWS::CloudWatch::Alarm"],
}


def drifted():
    """Return an account that differs in each way."""
    read = found("table-order-cpu") | {"unmanaged": [SECOND]}
    of(read, "table-order-vpc")["properties"]["EnableDnsSupport"] = False
    widened = [{"PolicyName": "s3-access", "PolicyDocument": policy("s3:GetObject", "s3:DeleteObject")}]
    of(read, "table-order-ec2-role")["properties"] |= normal(ROLE, {"Policies": widened})
    rules = [rule(22, CidrIp="0.0.0.0/0"), rule(443, CidrIp="0.0.0.0/0")]
    of(read, "table-order-ec2-sg")["properties"] |= normal(GROUP, {"SecurityGroupIngress": rules})
    of(read, "table-order-db")["properties"] |= {"StorageEncrypted": False, "AllocatedStorage": "40"}
    return read


def said(read, wanted=None, **options):
    return text(plan(wanted or described(), read, "local"), **options)


def test_each_kind_of_difference_is_readable():
    assert said(drifted()) == (ROOT / "tests/unit/account_plan/drifted.txt").read_text().rstrip("\n")


STATEMENT = policy("s3:GetObject")["Statement"][0]
DOCUMENT = policy("s3:GetObject")
# A bucket's policy by hand, and a line of the difference to DOCUMENT.
BY_HAND = {
    "none": ({}, "+   Sid: Read"),
    "another statement": (
        DOCUMENT | {"Statement": [STATEMENT, {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}]},
        "- - Action:",
    ),
    "no statement": (DOCUMENT | {"Statement": []}, "- Statement: []"),
    "one for all": (DOCUMENT | {"Statement": STATEMENT | {"Resource": "*"}}, "-   - '*'"),
    "a list for a text": (
        DOCUMENT | {"Statement": [STATEMENT | {"Action": ["s3:GetObject", "s3:*"]}]},
        "-   - s3:*",
    ),
    "any principal": (DOCUMENT | {"Statement": [STATEMENT | {"Principal": "*"}]}, "-   Principal:"),
    "a condition": (
        DOCUMENT | {"Statement": [STATEMENT | {"Condition": {"Bool": "true"}}]},
        "-   Condition:",
    ),
    "a statement that is a text": (DOCUMENT | {"Statement": ["text", STATEMENT]}, "- - text"),
    "a text": ("by hand", "- by hand"),
    "a list": ([DOCUMENT], "- - Statement:"),
}


@pytest.mark.parametrize(("by_hand", "line"), BY_HAND.values(), ids=BY_HAND)
def test_the_difference_of_a_policy_by_hand_is_readable(by_hand, line):
    wanted, read = {"aws_storage": [one(BUCKET, "menu", BucketPolicy=DOCUMENT)]}, nothing()
    properties = normal(BUCKET, {"BucketPolicy": by_hand})
    read["resources"] = [one(BUCKET, "menu", **properties) | {"id": "menu", "notes": []}]
    lines = said(read, wanted).splitlines()
    assert lines[2:4] == ["~ update    AWS::S3::Bucket menu", "      BucketPolicy:"]
    assert line in [one.strip() for one in lines[4:]]


def test_a_statement_may_be_wanted_of_any_form():
    for by_hand, _line in BY_HAND.values():
        wanted, read = {"aws_storage": [one(BUCKET, "menu", BucketPolicy=by_hand)]}, nothing()
        read["resources"] = [one(BUCKET, "menu", BucketPolicy=DOCUMENT) | {"id": "menu", "notes": []}]
        assert "BucketPolicy:" in said(read, wanted)


def test_a_difference_in_form_alone_is_shown_as_well():
    """Lists of one element are their element in the normal form; the text must not hide what the plan names."""
    read, wanted = nothing(), {"aws_storage": [one(BUCKET, "menu", BucketPolicy=DOCUMENT)]}
    [change] = [
        change
        | {"before": DOCUMENT, "after": DOCUMENT | {"Statement": [STATEMENT | {"Action": "s3:GetObject"}]}}
        for change in plan(wanted, read, "local")["resources"][0]["changes"]
        if change["property"] == "BucketPolicy"
    ]
    planned = plan(wanted, read, "local")
    planned["resources"][0] |= {"action": "update", "changes": [change]}
    assert "+ - Action: s3:GetObject" in [line.strip() for line in text(planned).splitlines()]


def test_the_filters_take_ansibles_own_text():
    """PyYAML represents no text with the tags of ansible-core."""
    tagged = json.loads(json.dumps(DOCUMENT), object_hook=lambda one: {key: tag(one[key]) for key in one})
    wanted, read = {"aws_storage": [one(BUCKET, "menu", BucketPolicy=tagged)]}, nothing()
    by_hand = DOCUMENT | {"Statement": [STATEMENT | {"Principal": tag("*")}]}
    read["resources"] = [one(BUCKET, "menu", BucketPolicy=by_hand) | {"id": "menu", "notes": []}]
    assert type(tagged["Version"]) is not str
    planned = account_plan(wanted, read, "local")
    assert "-   Principal:" in account_plan_text(planned)
    planned["resources"][0]["changes"][0]["before"] = tagged
    assert "-   Sid: Read" not in account_plan_text(planned)


def tag(value):
    """Return a text as a play has it, in a list as well."""
    if isinstance(value, list):
        return [tag(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


def test_an_empty_account_is_readable():
    assert said(nothing()) == (ROOT / "tests/unit/account_plan/empty.txt").read_text().rstrip("\n")


def test_no_changes_are_one_sentence():
    assert said(found()).splitlines() == [
        "Plan for local: account 123456789012, ap-northeast-2",
        "",
        "No changes: 8 unchanged.",
    ]


def test_a_denied_read_is_named_with_what_is_unknown():
    lines = said(found("table-order-cpu") | {"denied": [DENIED]}).splitlines()
    assert "! unknown   AWS::CloudWatch::Alarm table-order-cpu" in lines
    assert "! denied cloudwatch:DescribeAlarms" in lines
    assert len(lines) < 16
    assert "      Unknown without it: AWS::CloudWatch::Alarm" in lines
    assert " ".join(lines[-2:]) == (
        "No changes in what could be read: 7 unchanged, 1 unknown. Incomplete: reads were denied."
    )


@pytest.mark.parametrize("width", [72, 80, 120])
def test_no_line_is_wider_but_for_a_long_word(width):
    for read in (drifted(), nothing(), found() | {"denied": [DENIED]}):
        lines = said(read, width=width).splitlines()
        assert [line for line in lines if len(line) > width and len(line.split()) > 3] == []


def test_colours_change_nothing_but_the_colour():
    coloured = said(drifted(), colour=True)
    assert "\033[32m+ create    \033[0mAWS::CloudWatch::Alarm" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == said(drifted())
    assert "\033" not in said(drifted())


def test_what_somebody_typed_steers_no_terminal():
    read = found()
    of(read, "table-order-alarms")["properties"]["Tags"] = {"Owner\033[2J": "ann\033]0;x\a\n"}
    read["unmanaged"] = [SECOND | {"name": "x\033[2J"}]
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", said(read)) == []


def test_a_sensitive_value_is_not_shown():
    read = found()
    of(read, "table-order-alarms")["properties"]["Tags"] = {"DbPassword": "found-value"}
    assert "Tags.DbPassword: sensitive, not shown" in said(read)
    assert "found-value" not in said(read)


def test_the_cost_is_said_before_and_after():
    cost = {"currency": "USD", "monthly_before": 79.1, "monthly_after": 70, "prices_dated": "2026-11-01"}
    cost["items"] = [{"monthly_usd": None}, {"monthly_usd": 70}]
    shown = text(plan(described(), found(), "local") | {"cost": cost})
    assert shown.endswith(
        "Cost in USD a month: 79.10 → 70.00 (-9.10), prices of 2026-11-01; without 1 that\nno source gives."
    )


@pytest.mark.parametrize(
    ("read", "code"),
    [(found(), 0), (drifted(), 2), (found("table-order-cpu") | {"denied": [DENIED]}, 1), (nothing(), 2)],
)
def test_its_exit_code_is_the_plans_status(read, code, tmp_path, capsys):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(described(), read, "local")))
    assert main([str(file)]) == code
    assert "\033" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_a_terminal_gets_colours_unless_told_otherwise(variables, colours, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(described(), drifted(), "local")))
    program = "import pty, sys; sys.exit(pty.spawn([sys.executable, '-m', 'plugins.plugin_utils.account_plan_text', sys.argv[1]]))"
    run = subprocess.run(
        [sys.executable, "-c", program, file],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "TERM": "xterm", **variables},
    )
    assert ("\033[33m~ update" in run.stdout) is colours

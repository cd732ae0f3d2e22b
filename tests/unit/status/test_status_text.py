"""The screen: 80 columns, readable without colours, and what to do beside what is broken."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.table_order.infra.plugins.plugin_utils import status_text as module
from ansible_collections.table_order.infra.plugins.plugin_utils.status import judge

from tests.unit.status.samples import account, facts, server

DENIED = {
    "error": "AWS denied rds:DescribePendingMaintenanceActions. Render and attach the policies again (scripts/policy)."
}


def broken():
    found = facts()
    account(found, "servers").update(state="stopped", why="User initiated")
    found["account"]["looks"]["maintenance"] = DENIED
    for part in ("disks", "memory", "units", "updates"):
        server(found)["looks"][part] = {"error": "SSH: timed out"}
    return judge(found)


@pytest.mark.parametrize("status", [judge(facts()), broken()], ids=["fine", "broken"])
def test_no_line_is_longer_than_the_screen_is_wide_and_all_fit_on_one(status):
    lines = module.text(status).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    assert "\033" not in module.text(status)


def test_a_sign_tells_each_state_without_colours():
    shown = module.text(broken())
    assert re.search(
        r"^Server +!! i-0123456789abcdef0 t3.medium is stopped: User initiated\n +-> Start it in",
        shown,
        re.MULTILINE,
    )
    assert re.search(r"^Database +ok available", shown, re.MULTILINE)
    assert re.search(r"^ {14}\?\? could not look at pending maintenance: AWS denied$", shown, re.MULTILINE)
    assert re.search(r"^ {14}-  PostgreSQL 15: 458 days", shown, re.MULTILINE)
    assert shown.splitlines()[-1] == "1 needs a person, 5 could not be looked at; 12 are fine."
    assert module.text(judge(facts())).splitlines()[-1] == "Fine: nothing needs a person (18 checks)."


def test_what_could_not_be_looked_at_for_one_reason_is_one_line():
    shown = module.text(broken())
    assert (
        "?? could not look at disks, memory, units, security updates: SSH:\n                 timed out\n"
        in shown
    )
    assert shown.count("SSH:") == 1


def test_colours_are_only_around_the_signs():
    shown = module.text(broken(), colour=True)
    assert "\033[31m!!\033[0m i-0123456789abcdef0" in shown
    assert re.sub(r"\033\[\d+m", "", shown) == module.text(broken())


def test_what_others_wrote_does_not_steer_the_terminal():
    found = facts()
    server(found)["application"]["live_line"] = "a\033[2Jb\r\nc"
    assert "live a [2Jb  c" in module.text(judge(found))


@pytest.mark.parametrize(("status", "code"), [("fine", 0), ("attention", 1), ("unknown", 2)])
@pytest.mark.parametrize("no_colour", ["", "1"])
def test_the_program_prints_the_file_and_returns_the_status(
    status, code, no_colour, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "status.json"
    path.write_text(json.dumps({**judge(facts()), "status": status}))
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert module.main([str(path)]) == code
    assert ("\033[32mok" in capsys.readouterr().out) is not bool(no_colour)

"""playbooks/cost.yml prices what the roles describe, without AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.plugin_utils.account_cost import cost
from tests.unit.cost.sample import REGION, site
from tests.unit.roles.preflight_runs import results, run_play
from tests.unit.tasks import ROOT
from tests.unit.test_settings_wired import text

PLAYBOOK = "playbooks/cost.yml"
GIVEN = {
    "ansible_connection": "local",
    "table_order_environment": "local",
    "table_order_cloud_name": "local",
    "table_order_account_id": "123456789012",
    "aws_security_ssh_cidrs": ["203.0.113.7/32"],
    "aws_compute_public_key_file": __file__,
    "aws_compute_generate_key": False,
}
HOSTS = {
    "seoul": {"table_order_region": REGION, "cost_json": "seoul.json"},
    "busy": {"table_order_region": REGION, "table_order_cost_assumptions": {"transfer_out_gb": "200"}},
    "elsewhere": {"table_order_region": "eu-north-1"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Any]:
    """The playbook on a host for each case: the lines that it shows, and under "json" the file that it writes."""
    directory = tmp_path_factory.mktemp("cost")
    settings = text("inventories/shared/site.yml") | text("inventories/local/group_vars/all/main.yml") | GIVEN
    hosts = {
        name: settings
        | {"table_order_zones": [values["table_order_region"] + zone for zone in "ac"]}
        | values
        for name, values in HOSTS.items()
    }
    hosts["seoul"]["cost_json"] = str(directory / "seoul.json")
    play = (ROOT / PLAYBOOK).read_text().replace("hosts: account", "hosts: all")
    for shared in ("vars/account.yml", "tasks/settings.yml"):
        play = play.replace(shared, str(ROOT / "playbooks" / shared))
    printed = run_play(directory, play, {"all": {"hosts": hosts}})
    shown = {name: found[-1][1] for name, found in results(printed, hosts).items()}
    written = directory / "seoul.json"
    return {name: one["msg"].splitlines() for name, one in shown.items()} | {
        "json": json.loads(written.read_text()),
        "mode": written.stat().st_mode & 0o777,
    }


def test_the_default_site_costs_what_its_resources_do(runs):
    assert runs["json"]["items"] == cost(site(), REGION)["items"]
    assert runs["seoul"][0].split()[-1] == f"{runs['json']['monthly']:.2f}"
    assert max(map(len, runs["seoul"])) <= 72
    assert runs["mode"] == 0o600


def test_an_assumption_is_a_setting(runs):
    assert [line.split()[-1] for line in runs["busy"] if line.startswith("Transfer")] == ["25.20"]


def test_another_region_has_no_figure(runs):
    assert runs["elsewhere"][0].startswith("The cost in eu-north-1 is not known")

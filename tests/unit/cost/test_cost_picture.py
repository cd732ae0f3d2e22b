"""The picture of the cost, and the inventory that needs no cloud."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from iam import InventoryError
from plugins.plugin_utils.account_cost_report import report
from prices import offline, picture
from tests.unit.cost.sample import REGION, site
from tests.unit.tasks import ROOT


@pytest.mark.parametrize("terminal", ["dumb", "xterm-256color"])
def test_the_picture_in_the_documents_is_that_of_the_default_site(monkeypatch, terminal):
    monkeypatch.setenv("TERM", terminal)
    drawn = picture.picture(report(site(), REGION))
    assert (ROOT / "docs/cost.svg").read_text() == drawn, "write it again with: make docs"


def test_the_picture_has_a_bar_for_each_part_and_nothing_from_the_network():
    drawn = picture.picture(report(site(), REGION))
    elements = list(ElementTree.fromstring(drawn).iter())  # noqa: S314 - drawn above
    bars = [float(one.get("width")) for one in elements if one.get("fill") == "#0969da"]
    assert len(bars) == 7
    assert bars == sorted(bars, reverse=True)
    assert min(bars) > 0
    text = " ".join("".join(one.itertext()) for one in elements if one.tag.endswith("}text")).replace(
        "\xa0", " "
    )
    assert [word for word in ("Server", "$44.35", "Transfer", "$117.26", REGION) if word not in text] == []
    assert "url(http" not in drawn


def test_without_figures_there_is_no_picture():
    with pytest.raises(ValueError, match="no figures for eu-west-1"):
        picture.picture(report(site(), "eu-west-1"))


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_an_inventory_without_its_cloud_has_its_settings(name, tmp_path):
    inventory = ROOT / "inventories" / name
    cloud = yaml.safe_load((inventory / "00-cloud.yml").read_text())
    for _again in (1, 2):
        file = offline.write(inventory, tmp_path / "cost")
    everything = yaml.safe_load(file.read_text())["all"]
    assert everything["hosts"] == {"account": {}}
    assert everything["vars"]["table_order_environment"] == cloud["environment"]
    assert everything["vars"]["table_order_region"] == cloud["region"]
    assert everything["vars"]["table_order_zones"][0] == cloud["region"] + "a"
    assert (file.parent / "group_vars").resolve() == (inventory / "group_vars").resolve()


def test_a_folder_that_is_no_inventory_is_refused(tmp_path):
    with pytest.raises(InventoryError, match=r"There is no .*00-cloud.yml"):
        offline.write(Path(tmp_path), tmp_path / "cost")

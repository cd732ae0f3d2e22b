"""The account that an inventory may touch."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader

ROOT = Path(__file__).parents[2]
CALLER = {"Account": "210987654321", "Arn": "arn:aws:iam::210987654321:user/operator"}


@pytest.fixture
def plugin(monkeypatch):
    path = ROOT / "plugins/inventory/table_order_cloud.py"
    specification = importlib.util.spec_from_file_location("table_order_cloud", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "refuse_endpoint_overrides", lambda: None)
    monkeypatch.setattr(module, "pin_to_aws", lambda region: None)
    monkeypatch.setattr(module, "aws_caller", lambda region: CALLER)
    monkeypatch.setattr(module, "zones", lambda region: [f"{region}a"])
    return module.InventoryModule()


def read(plugin, monkeypatch, **cloud):
    options = {"account": "", "endpoint": "", "local_cloud": {}, "region": "ap-northeast-2", **cloud}
    monkeypatch.setattr(plugin, "_read_config_data", lambda path: None)
    monkeypatch.setattr(plugin, "get_option", options.get)
    inventory = InventoryData()
    plugin.parse(inventory, DataLoader(), "inventories/x/00-cloud.yml")
    return inventory.groups["all"].get_vars()


def test_production_without_an_account_is_refused_with_the_present_one(plugin, monkeypatch):
    with pytest.raises(AnsibleParserError, match='account: "210987654321"'):
        read(plugin, monkeypatch, environment="production")


def test_another_account_is_refused(plugin, monkeypatch):
    for environment in ("production", "staging"):
        with pytest.raises(AnsibleParserError, match=r"for AWS account 123456789012.*210987654321"):
            read(plugin, monkeypatch, environment=environment, account="123456789012")


def test_the_named_account_and_staging_without_one_are_accepted(plugin, monkeypatch):
    for environment, account in (("production", CALLER["Account"]), ("staging", "")):
        variables = read(plugin, monkeypatch, environment=environment, account=account)
        assert variables["table_order_account_id"] == CALLER["Account"]


def test_production_s_own_file_is_for_production():
    cloud = yaml.safe_load((ROOT / "inventories/production/00-cloud.yml").read_text())
    assert (cloud["environment"], cloud["account"], "endpoint" in cloud) == ("production", "", False)

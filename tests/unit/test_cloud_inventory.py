"""The account that an inventory may touch."""

import importlib
import unittest.mock
from pathlib import Path

import botocore.exceptions
import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible_collections.table_order.infra.plugins.inventory import table_order_cloud

ROOT = Path(__file__).parents[2]
CALLER = {"Account": "210987654321", "Arn": "arn:aws:iam::210987654321:user/operator"}


def module():
    return importlib.reload(table_order_cloud)


@pytest.fixture
def plugin(monkeypatch):
    module_here = module()
    monkeypatch.setattr(module_here, "refuse_endpoint_overrides", lambda: None)
    monkeypatch.setattr(module_here, "pin_to_aws", lambda region: None)
    monkeypatch.setattr(module_here, "aws_caller", lambda region: CALLER)
    monkeypatch.setattr(module_here, "zones", lambda region: [f"{region}a"])
    monkeypatch.setattr(module_here, "servers", lambda region, environment: {})
    return module_here.InventoryModule()


def read(plugin, monkeypatch, path="inventories/x/00-cloud.yml", **cloud):
    options = {"account": "", "endpoint": "", "local_cloud": {}, "region": "ap-northeast-2", **cloud}
    monkeypatch.setattr(plugin, "_read_config_data", lambda path: cloud)
    monkeypatch.setattr(plugin, "get_option", options.get)
    inventory = InventoryData()
    plugin.describe(inventory, str(path))
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


def test_a_misspelled_setting_is_refused_and_not_taken_for_none(plugin, monkeypatch):
    """Without it the plugin would accept the account of any credentials."""
    with pytest.raises(
        AnsibleParserError, match=r"acount in inventories/x/00-cloud.yml .* Did you mean account\?"
    ):
        read(plugin, monkeypatch, environment="staging", acount="123456789012")


@pytest.mark.parametrize("account", ["12345678901", "1234-5678-9012", 0o12345670123])
def test_an_account_that_can_be_none_is_refused(plugin, monkeypatch, account):
    with pytest.raises(
        AnsibleParserError, match=r"account in inventories/x/00-cloud.yml is .*12 digits.*in quotes"
    ):
        read(plugin, monkeypatch, environment="staging", account=account)


def test_a_second_list_of_servers_is_refused(plugin, monkeypatch, tmp_path):
    """An inventory of before has one, and a partly changed copy lists another environment's server."""
    (tmp_path / "aws_ec2.yml").write_text("plugin: amazon.aws.aws_ec2\n")
    with pytest.raises(AnsibleParserError, match=r"aws_ec2.yml lists servers.* delete aws_ec2.yml"):
        read(plugin, monkeypatch, tmp_path / "00-cloud.yml", environment="review")


def said(raised):
    """Return what the plugin says where the question who the caller is ends with ``raised``."""
    client = unittest.mock.Mock()
    client.get_caller_identity.side_effect = raised
    with (
        unittest.mock.patch("boto3.client", return_value=client),
        pytest.raises(AnsibleParserError) as caught,
    ):
        module().aws_caller("eu-west-9")
    return str(caught.value)


def refused(code):
    return botocore.exceptions.ClientError({"Error": {"Code": code}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (botocore.exceptions.NoCredentialsError(), "No AWS credentials were found. Set AWS_PROFILE"),
        (refused("ExpiredToken"), "The session has expired: sign in again"),
        (refused("InvalidClientTokenId"), "Or the region eu-west-9 (region in 00-cloud.yml) is not enabled"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "credentials cannot be used: The SSO session"),
        (botocore.exceptions.SSOTokenLoadError(error_msg="none"), "Sign in again (aws sso login)"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="x"), "Check region in 00-cloud.yml"),
        (botocore.exceptions.InvalidRegionError(region_name="x y"), "Check region in 00-cloud.yml"),
    ],
    ids=lambda value: getattr(value, "__class__", type(value)).__name__,
)
def test_a_failed_look_up_of_the_caller_names_the_reason(raised, words):
    assert words in said(raised)


def test_a_second_inventory_of_a_cloud_is_refused(plugin):
    """-i inventories/staging -i inventories/production would mix the settings of both."""
    inventory = InventoryData()
    inventory.add_group("aws")
    with pytest.raises(AnsibleParserError, match="one process uses only one cloud"):
        plugin.describe(inventory, "inventories/x/00-cloud.yml")


def fails(region):
    raise AnsibleParserError(f"The zones of region {region} could not be looked up: it has expired.")


def test_a_first_look_up_that_fails_ends_the_run_with_its_reason_only(plugin, monkeypatch, capsys):
    """Ansible would try its other inventory plugins on the file, and end with what they think of it."""
    monkeypatch.setattr(plugin, "describe", lambda inventory, path: fails("x"))
    monkeypatch.setattr(table_order_cloud.BaseInventoryPlugin, "parse", lambda *given: None)
    with pytest.raises(SystemExit):
        plugin.parse(InventoryData(), DataLoader(), "inventories/x/00-cloud.yml")
    assert (
        capsys.readouterr().err == "[ERROR]: The zones of region x could not be looked up: it has expired.\n"
    )


def test_a_later_look_up_that_fails_keeps_the_servers_and_the_reason(plugin, monkeypatch):
    """A run that stops has locks to release, and why it stops to say."""
    monkeypatch.setattr(
        table_order_cloud, "servers", lambda region, environment: {"app": {"ansible_host": "192.0.2.1"}}
    )
    assert read(plugin, monkeypatch, environment="staging")["table_order_inventory_problem"] == ""
    monkeypatch.setattr(table_order_cloud, "zones", fails)
    variables = read(plugin, monkeypatch, environment="staging")
    assert "it has expired" in variables["table_order_inventory_problem"]
    assert variables["table_order_zones"] == ["ap-northeast-2a"]
    with pytest.raises(AnsibleParserError, match="it has expired"):
        read(plugin, monkeypatch, "inventories/y/00-cloud.yml", environment="staging")


def test_a_file_that_was_edited_in_the_middle_of_a_run_keeps_what_it_began_with(plugin, monkeypatch):
    """Otherwise the run would end at once, with its locks."""
    read(plugin, monkeypatch, environment="staging")
    variables = read(plugin, monkeypatch, environment="staging", account="123456789012")
    assert "for AWS account 123456789012" in variables["table_order_inventory_problem"]
    assert variables["table_order_account_id"] == CALLER["Account"]


def test_each_call_of_a_run_on_aws_is_repeated_unless_the_operator_says_otherwise(monkeypatch):
    monkeypatch.setattr(table_order_cloud.os, "environ", {"AWS_MAX_ATTEMPTS": "2"})
    module_here = module()
    module_here.pin_to_aws("eu-west-1")
    assert module_here.os.environ["AWS_MAX_ATTEMPTS"] == "2"
    assert module_here.os.environ["AWS_RETRY_MODE"] == "standard"

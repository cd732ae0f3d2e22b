"""The module: its connection options, its errors, and its document."""

import json
import re

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.table_order.infra.plugins.module_utils.account_reader import (
    WORKERS,
    Patience,
    Session,
    action_of,
)
from ansible_collections.table_order.infra.plugins.modules import account_resources_info as module

from tests.unit.account.record import ARGUMENTS
from tests.unit.account.test_reader import CALLS

CREDENTIALS = {"access_key": "unit", "secret_key": "unit", "region": "ap-northeast-2"}


@pytest.fixture
def run(capsys):
    """Return a function that runs the module and returns its result."""

    def run_module(**options):
        arguments = {
            "resources": ARGUMENTS[0],
            "tags": ARGUMENTS[1],
            "name": ARGUMENTS[2],
            **CREDENTIALS,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def test_it_returns_the_account_unchanged(run, finished, monkeypatch):
    monkeypatch.setattr(Session, "client", lambda _session, service: finished(service))
    result = run()
    assert (result["changed"], result["region"], result["account"]) == (
        False,
        "ap-northeast-2",
        "123456789012",
    )
    assert len(result["resources"]) == len(ARGUMENTS[0])
    documented = yaml.safe_load(module.RETURN).keys()
    assert documented == result.keys() - {"changed", "invocation"}


def test_an_endpoint_that_does_not_answer_is_told(run, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    result = run(endpoint_url="http://127.0.0.1:9")
    assert result["failed"] is True
    assert re.match(
        r"The account cannot be read\. \w+:\w+: AWS cannot be reached: Could not connect", result["msg"]
    )


def test_a_wrong_description_is_told(run):
    result = run(resources=[{"type": "AWS::EC2::VPC", "name": "a", "properties": {"Cidr": "10.0.0.0/16"}}])
    assert result["msg"].startswith("The account cannot be read. AWS::EC2::VPC has no property Cidr")
    result = run(resources=[{"type": "AWS::EC2::Vpc", "name": "a"}])
    assert result["msg"].startswith("The account cannot be read. AWS::EC2::Vpc is not a type")


def test_its_clients_retry_and_share_the_options():
    arguments = {"resources": [], "name": "x", **CREDENTIALS, "endpoint_url": "http://127.0.0.1:9"}
    arguments["aws_config"] = {"read_timeout": 7}
    with patch_module_args(arguments):
        session = Session(AnsibleAWSModule(argument_spec=module.ARGUMENT_SPEC))
    config = session.client("ec2").meta.config
    assert config.retries == {"mode": "adaptive", "total_max_attempts": Patience().attempts}
    assert (config.max_pool_connections, config.connect_timeout, config.read_timeout) == (WORKERS, 10, 7)
    assert session.client("ec2").meta.endpoint_url == "http://127.0.0.1:9"


def test_its_document_names_every_action_that_it_needs():
    (note,) = yaml.safe_load(module.DOCUMENTATION)["notes"]
    named = set(re.findall(r"C\(([\w:*]+)\)", note))
    needed = {action_of(*call) for call in CALLS}
    assert {
        one for one in named if not any(re.fullmatch(one.replace("*", ".*"), need) for need in needed)
    } == set()
    assert {
        need for need in needed if not any(re.fullmatch(one.replace("*", ".*"), need) for one in named)
    } == set()

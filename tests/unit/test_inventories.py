"""The guarantees of the inventories and ansible.cfg: only the right server, and an error without one."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from ansible.config.manager import ConfigManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.connection import ssh
from ansible.template import Templar
from ansible_collections.table_order.infra.plugins.inventory.table_order_cloud import servers
from botocore.paginate import PageIterator

from tests.unit.tasks import ROOT, as_list, find, load
from tests.unit.test_settings_wired import Scope, trusted

INVENTORIES = sorted(path.parent.name for path in ROOT.glob("inventories/*/00-cloud.yml"))


def read(environment: str, name: str) -> dict[str, Any]:
    return load(ROOT / "inventories" / environment / name)


class Ec2:
    """Answers DescribeInstances with these instances, in two pages, and keeps what was asked."""

    def __init__(self, *instances: dict[str, Any]) -> None:
        self.instances, self.filters = instances, []

    def get_paginator(self, operation: str) -> Ec2:
        assert operation == "describe_instances"
        return self

    def paginate(self, **asked: Any) -> PageIterator:
        self.filters = asked["Filters"]
        pages = [{"Reservations": [{"Instances": [one]}]} for one in self.instances]
        return Pages(pages)


class Pages(PageIterator):
    """Pages that are here already."""

    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self.pages = pages

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.pages)


def instance(number: int, name: str = "shop", **others: Any) -> dict[str, Any]:
    return {
        "InstanceId": f"i-0{number}",
        "PublicIpAddress": f"192.0.2.{number}",
        "LaunchTime": datetime(2026, 1, 1, tzinfo=UTC),
        "Tags": [{"Key": "Name", "Value": name}, {"Key": "HostKey", "Value": "ssh-ed25519 AAAA"}],
    } | others


def listed(
    monkeypatch: pytest.MonkeyPatch, ec2: Ec2, environment: str = "staging"
) -> dict[str, dict[str, str]]:
    monkeypatch.setattr("boto3.client", lambda service, region_name: ec2)
    return servers("ap-northeast-2", environment)


@pytest.mark.parametrize("environment", INVENTORIES)
def test_an_inventory_finds_the_running_server_of_its_own_environment_only(monkeypatch, environment):
    """By the tags that the role gives it: another environment's server in the same account is another's."""
    ec2 = Ec2()
    assert listed(monkeypatch, ec2, environment) == {}
    found = {one["Name"]: one["Values"] for one in ec2.filters}
    cloud = read(environment, "00-cloud.yml")
    scope = Scope("aws_compute", table_order_environment=cloud["environment"], aws_compute_host_key=[])
    task = find("roles/aws_compute/tasks/instance.yml", "Create the server")
    given = scope.see(task.arguments["tags"], __aws_compute_host_key=[])
    assert found.pop("instance-state-name") == ["running"]
    wanted = {name.removeprefix("tag:"): value for name, [value] in found.items()}
    assert wanted.items() <= given.items()
    assert set(wanted) == {"Project", "Environment", "Role"}
    assert cloud["environment"] == environment


def test_a_server_has_its_address_and_the_key_that_was_recorded(monkeypatch):
    found = listed(monkeypatch, Ec2(instance(1)))
    assert found == {
        "shop": {
            "ansible_host": "192.0.2.1",
            "table_order_instance_id": "i-01",
            "table_order_host_key": "ssh-ed25519 AAAA",
            "table_order_launch_time": "2026-01-01T00:00:00+00:00",
        }
    }


def test_a_server_without_an_address_yet_is_listed(monkeypatch):
    without = {key: value for key, value in instance(1).items() if key != "PublicIpAddress"}
    assert "ansible_host" not in listed(monkeypatch, Ec2(without))["shop"]


@pytest.mark.parametrize(("address", "accepted"), [("192.0.2.1", True), (None, False)])
def test_a_server_without_an_address_is_refused_with_the_way_on(monkeypatch, address, accepted):
    """A run may end between the server's creation and its address."""
    server = {key: value for key, value in instance(1, PublicIpAddress=address).items() if value}
    hosts = listed(monkeypatch, Ec2(server))
    task = find("roles/table_order/tasks/server.yml", "Require the server's address")
    scope = Scope("table_order", groups={"app_server": list(hosts)}, hostvars=hosts)
    templar = Templar(loader=DataLoader(), variables=scope.variables)
    assert templar.evaluate_conditional(trusted(task.arguments["that"])) is accepted
    assert "playbooks/provision.yml" in scope.see(task.arguments["fail_msg"])


def test_several_servers_are_several_hosts(monkeypatch):
    found = listed(monkeypatch, Ec2(instance(1), instance(2), instance(3, "other"), instance(4, "", Tags=[])))
    assert list(found) == ["shop-i-01", "shop-i-02", "other", "i-04"]


def test_staging_and_production_differ_in_one_word():
    """What else an operator sets is not in the repository."""
    staging, production = (ROOT / "inventories" / name for name in ("staging", "production"))
    files = [path.relative_to(staging) for path in staging.rglob("*") if path.is_file()]
    assert {path.relative_to(production) for path in production.rglob("*") if path.is_file()} == set(files)
    for file in files:
        text = (staging / file).read_text().replace("environment: staging", "environment: production")
        assert (production / file).read_text() == text, file


def configured(name: str, **plugin: str) -> Any:
    """Return a value of ansible.cfg, as Ansible or the plugin finds it."""
    config = ConfigManager(str(ROOT / "ansible.cfg"))
    config.initialize_plugin_configuration_definitions(
        "connection", "ssh", yaml.safe_load(ssh.DOCUMENTATION)["options"]
    )
    return config.get_config_value(name, **plugin)


def test_a_cloud_that_cannot_be_asked_is_an_error_and_not_no_server(monkeypatch):
    """ "no hosts matched" ends a run with success."""
    monkeypatch.delenv("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", raising=False)
    assert configured("INVENTORY_ANY_UNPARSED_IS_FAILED") is True


def test_the_cloud_is_chosen_before_anything_asks_it():
    assert configured("INVENTORY_ENABLED")[0] == "table_order.infra.table_order_cloud"


def test_a_secret_is_not_in_a_file_on_the_server_on_its_way():
    """Without pipelining every module is written to a file there, with its arguments."""
    assert configured("pipelining", plugin_type="connection", plugin_name="ssh") in (True, "true")


@pytest.mark.parametrize("environment", INVENTORIES)
@pytest.mark.parametrize("known", [True, False])
def test_ssh_believes_the_kept_key_and_no_file_of_the_operator_s(tmp_path, environment, known):
    """As ssh itself understands the options."""
    (tmp_path / "known_hosts").write_text("i-1 ssh-ed25519 AAAA\n" if known else "")
    connection = load(ROOT / "inventories" / environment / "group_vars/app_server/connection.yml")
    variables = {"table_order_state_directory": str(tmp_path), "table_order_instance_id": "i-1"}
    templar = Templar(loader=DataLoader(), variables=trusted(variables))
    options = shlex.split(templar.template(trusted(connection["ansible_ssh_common_args"])))
    run = subprocess.run(
        ["ssh", "-v", "-G", *options, "192.0.2.1"], capture_output=True, text=True, check=True
    )
    said = dict(line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
    wanted = {
        "hostkeyalias": "i-1",
        "stricthostkeychecking": "true" if known else "accept-new",
        "userknownhostsfile": str(tmp_path / "known_hosts"),
        "globalknownhostsfile": "/dev/null",
        "identitiesonly": "yes",
    }
    assert {name: said.get(name) for name in wanted} == wanted
    assert "Reading configuration data" not in run.stderr.replace("data none", "")


@pytest.mark.parametrize(
    ("names", "refused"), [(["a"], False), (["a", "b"], True), (["a", "a"], True)], ids=["one", "two", "same"]
)
def test_another_instance_with_the_servers_tags_is_never_taken_for_it(monkeypatch, names, refused):
    """Whoever is taken for the server is handed the passwords."""
    hosts = listed(monkeypatch, Ec2(*(instance(place, name) for place, name in enumerate(names))))
    task = find("roles/table_order/tasks/server.yml", "Require a single server")
    scope = Scope("table_order", groups={"app_server": list(hosts)}, hostvars=hosts, ansible_check_mode=False)
    templar = Templar(loader=DataLoader(), variables=scope.variables)
    that = [templar.evaluate_conditional(trusted(one)) for one in as_list(task.arguments["that"])]
    assert all(that) is not refused
    if refused:
        said = scope.see(task.arguments["fail_msg"])
        assert "2 servers run in environment" in said
        assert "i-00, i-01" in said

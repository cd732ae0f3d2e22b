"""The guarantees of the inventories and ansible.cfg: only the right server, and an error without one."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
import yaml
from ansible.config.manager import ConfigManager
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.connection import ssh
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar

from tests.unit.tasks import ROOT, as_list, find, load
from tests.unit.test_settings_wired import Scope, filters, trusted

INVENTORIES = sorted(path.parent.name for path in ROOT.glob("inventories/*/00-cloud.yml"))


def read(environment: str, name: str) -> dict[str, Any]:
    return load(ROOT / "inventories" / environment / name)


@pytest.mark.parametrize("environment", INVENTORIES)
def test_an_inventory_finds_the_running_server_of_its_own_environment_only(environment):
    """By the tags that the role gives it: another environment's server in the same account is another's."""
    found = read(environment, "aws_ec2.yml")
    cloud = read(environment, "00-cloud.yml")
    scope = Scope("aws_compute", table_order_environment=cloud["environment"], aws_compute_host_key=[])
    task = find("roles/aws_compute/tasks/instance.yml", "Create the server")
    given = scope.see(task.arguments["tags"], __aws_compute_host_key=[])
    wanted = {
        name.removeprefix("tag:"): value
        for name, value in found["filters"].items()
        if name.startswith("tag:")
    }
    assert wanted.items() <= given.items()
    assert set(wanted) >= {"Project", "Environment", "Role"}
    assert found["filters"]["instance-state-name"] == ["running"]
    assert cloud["environment"] == environment


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
    order = configured("INVENTORY_ENABLED")
    assert order.index("table_order_cloud") < order.index("amazon.aws.aws_ec2")


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


def known_groups(environment: str, *instances: dict[str, str]) -> dict[str, list[str]]:
    """Return the groups with their hosts that an inventory's aws_ec2.yml makes of what EC2 answers."""
    filters()
    plugin = inventory_loader.get("amazon.aws.aws_ec2")
    plugin.loader, plugin.inventory = DataLoader(), InventoryData()
    options = plugin._read_config_data(str(ROOT / "inventories" / environment / "aws_ec2.yml"))
    answered = [
        {
            "InstanceId": one["id"],
            "PublicIpAddress": one["address"],
            "Placement": {"AvailabilityZone": "ap-northeast-2a"},
            "Tags": [{"Key": "Name", "Value": one["name"]}],
        }
        for one in instances
    ]
    plugin._populate({"aws_ec2": answered}, options["hostnames"], hostvars_prefix=options["hostvars_prefix"])
    plugin.inventory.add_group("app_server")
    return {
        name: [host.name for host in group.get_hosts()] for name, group in plugin.inventory.groups.items()
    }


@pytest.mark.parametrize("environment", INVENTORIES)
@pytest.mark.parametrize(
    ("names", "refused"), [(["a"], False), (["a", "b"], True), (["a", "a"], True)], ids=["one", "two", "same"]
)
def test_another_instance_with_the_servers_tags_is_never_taken_for_it(environment, names, refused):
    """Whoever is taken for the server is handed the passwords; two of one name are one host to Ansible."""
    found = known_groups(
        environment,
        *(
            {"id": f"i-0{place}", "address": f"192.0.2.{place}", "name": name}
            for place, name in enumerate(names)
        ),
    )
    task = find("roles/table_order/tasks/server.yml", "Require a single server")
    scope = Scope("table_order", groups=found, ansible_check_mode=False, **task.keywords["vars"])
    templar = Templar(loader=DataLoader(), variables=scope.variables)
    that = [templar.evaluate_conditional(trusted(one)) for one in as_list(task.arguments["that"])]
    assert all(that) is not refused
    # Ansible would warn of other names.
    assert [name for name in found if not name.isidentifier()] == []
    if refused:
        said = scope.see(task.arguments["fail_msg"])
        assert "2 servers run in environment" in said
        assert "i-00, i-01" in said

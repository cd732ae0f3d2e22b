"""The agent's configuration, rendered by Ansible's own templar and judged by the stand-in's loader and Amazon's schema."""

import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from jsonschema import Draft4Validator

REPOSITORY = Path(__file__).parents[2]
ROLE = REPOSITORY / "roles/cloudwatch_agent"
sys.path.insert(0, str(REPOSITORY / "packages/cloudwatch-agent-stand-in"))

from stand_in import config  # noqa: E402


def trusted(value):
    """The role's own values may hold templates, as they do when Ansible reads the file."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def render(version="1.300070.0b1", **settings):
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    inside = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    asked = {"__cloudwatch_agent_version": {"stdout": version}}
    templar = Templar(loader=DataLoader(), variables=trusted(defaults | inside | settings) | asked)
    template = (ROLE / "templates/agent.json.j2").read_text()
    return json.loads(templar.template(trust_as_template(template)))


def test_the_defaults_are_the_streams_of_the_seed():
    parsed = config.parse(render())
    assert {(item.path, item.group, item.stream) for item in parsed.files} == {
        (f"/opt/fastapi-app/logs/{name}", f"/aws/ec2/fastapi-app/{group}", f"{{instance_id}}/{name}")
        for name, group in (
            ("fastapi.log", "fastapi"),
            ("nginx-access.log", "nginx"),
            ("nginx-error.log", "nginx"),
        )
    }
    assert [(item.group, item.priority) for item in parsed.journals] == [
        ("/aws/ec2/fastapi-app/system", "info")
    ]
    assert (parsed.region, parsed.run_as_user, parsed.namespace) == ("ap-northeast-2", "cwagent", "CWAgent")
    assert {metric.kind for metric in parsed.metrics} == {"cpu", "mem", "disk"}


def test_another_prefix_reaches_every_group():
    parsed = config.parse(render(cloudwatch_agent_log_group_prefix="/aws/ec2/table-order-staging"))
    assert {item.group for item in (*parsed.files, *parsed.journals)} == {
        f"/aws/ec2/table-order-staging/{name}" for name in ("fastapi", "nginx", "system")
    }


def test_units_of_the_journal_are_named():
    journals = [{"group": "g", "stream": "s", "units": ["ssh.service"], "priority": "err"}]
    (journal,) = config.parse(render(cloudwatch_agent_journals=journals)).journals
    assert (journal.units, journal.priority) == (("ssh.service",), "err")


@pytest.mark.parametrize(
    ("settings", "sections"),
    [
        ({"cloudwatch_agent_metrics": {}}, {"agent", "logs"}),
        ({"cloudwatch_agent_log_files": [], "cloudwatch_agent_journals": []}, {"agent", "metrics"}),
    ],
)
def test_what_is_not_wanted_is_left_out(settings, sections):
    rendered = render(**settings)
    assert rendered.keys() == sections
    config.parse(rendered)


def test_an_agent_without_journald_gets_none():
    assert list(render(cloudwatch_agent_journals=[])["logs"]["logs_collected"]) == ["files"]


@pytest.mark.parametrize("version", ["1.300069.9b9", "1.300064.0b1337", "1.247359.0b252863", "1.300049.1\n"])
def test_an_agent_that_is_too_old_for_the_journal_gets_a_configuration_that_it_takes(version):
    with pytest.raises(config.ConfigError, match="journald"):
        config.parse(render(), version)
    rendered = render(version)
    assert list(rendered["logs"]["logs_collected"]) == ["files"]
    config.parse(rendered, version)


@pytest.mark.parametrize(
    "version", ["1.300070.0b1", "1.300070.0 stand-in 1.0+ab", "1.301000.1", "stand-in 1.0+ab", "", "2.1.0"]
)
def test_a_newer_agent_gets_the_journal_and_so_does_one_that_says_nothing(version):
    rendered = render(version)
    assert list(rendered["logs"]["logs_collected"]) == ["files", "journald"]
    config.parse(rendered, version)


def test_an_old_agent_without_files_gets_metrics_alone():
    rendered = render("1.300064.0b1", cloudwatch_agent_log_files=[])
    assert rendered.keys() == {"agent", "metrics"}


def test_values_are_quoted_as_json_wants():
    path = '/srv/"quoted" \\ 김치.log'
    (item,) = config.parse(
        render(cloudwatch_agent_log_files=[{"path": path, "group": "g", "stream": "s"}])
    ).files
    assert item.path == path


SCHEMAS = {"the part that is written down here": Path(__file__).parent / "cloudwatch_agent_schema.yml"}
if "TABLE_ORDER_AGENT_SCHEMA" in os.environ:
    SCHEMAS["Amazon's own"] = Path(os.environ["TABLE_ORDER_AGENT_SCHEMA"])


def scenario(host):
    """The settings of a container of molecule/cloudwatch_agent."""
    inventory = yaml.safe_load((REPOSITORY / "molecule/cloudwatch_agent/inventory/hosts.yml").read_text())
    hosts = inventory["molecule"]["hosts"]
    return {name: value for name, value in hosts[host].items() if name.startswith("cloudwatch_agent_")}


@pytest.fixture(params=SCHEMAS)
def judge(request):
    """Amazon's schema for the configuration. (JSON is YAML.)"""
    schema = yaml.safe_load(SCHEMAS[request.param].read_text())
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="the defaults"),
        pytest.param(
            scenario("table-order-molecule-cloudwatch_agent-options"), id="every option the other way"
        ),
        pytest.param(
            {"cloudwatch_agent_user": "root", "cloudwatch_agent_metrics": {}}, id="root, no metrics"
        ),
        pytest.param({"cloudwatch_agent_log_files": [], "cloudwatch_agent_journals": []}, id="no logs"),
        pytest.param({"cloudwatch_agent_journals": []}, id="no journal"),
        pytest.param({"cloudwatch_agent_metrics_interval": "30"}, id="a number given as text"),
    ],
)
def test_amazons_schema_accepts_it(judge, settings):
    assert [error.message for error in judge.iter_errors(render(**settings))] == []


def test_the_scenario_turns_every_option_the_other_way():
    settings = scenario("table-order-molecule-cloudwatch_agent-options")
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    # absent.yml turns the first one; the second one's default is what the other family's repository has.
    left = {name for name, value in defaults.items() if settings.get(name, value) == value}
    assert left == {"cloudwatch_agent_state", "cloudwatch_agent_package"}


@pytest.mark.parametrize(
    "change",
    [
        {"logs": {"logs_collected": {"typo": {}}}},
        {"agent": {"metrics_collection_interval": "60"}},
        {"logs": {"logs_collected": {"files": {"collect_list": []}}}},
        {"logs": {"logs_collected": {"files": {"collect_list": [{"file_path": "/a", "stream": "s"}]}}}},
        {
            "logs": {
                "logs_collected": {
                    "journald": {"collect_list": [{"log_group_name": "g", "priority": "loud"}]}
                }
            }
        },
        {"metrics": {"metrics_collected": {"mem": {}}}},
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_amazons_schema_refuses_what_is_wrong(judge, change):
    assert list(judge.iter_errors(render() | change))

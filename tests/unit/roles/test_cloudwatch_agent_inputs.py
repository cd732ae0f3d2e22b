"""Settings that try to break the role cloudwatch_agent: refused by name before the host is touched, or accepted.

One playbook runs the role's preflight for all of them at once: each is a host of an inventory, with its settings.
"""

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.roles.modules import load
from tests.unit.roles.preflight_runs import assert_ansible_gives, run_play

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/cloudwatch_agent"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
problems = load("filter/cloudwatch_agent_problems.py")


def setting(name, value):
    return {f"cloudwatch_agent_{name}": value}


def log_file(**other):
    return setting("log_files", [{"path": "/srv/a.log", "group": "g", "stream": "s", **other}])


def journal(**other):
    return setting("journals", [{"group": "g", "stream": "s", **other}])


NOTHING = setting("log_files", []) | setting("journals", []) | setting("metrics", {})
AMAZON = {"system": "Amazon"}
# What is set; what the refusal must say.
REFUSED = {
    "unknown setting": (setting("log_file", []), "cloudwatch_agent_log_file is not a setting", "_log_files?"),
    "null": (setting("region", None), "cloudwatch_agent_region is null"),
    "null for a list": (setting("log_files", None), "cloudwatch_agent_log_files is null"),
    "unknown state": (setting("state", "gone"), "cloudwatch_agent_state is 'gone'", "present or absent"),
    # The package.
    "empty package": (setting("package", ""), "cloudwatch_agent_package is ''"),
    "list as package": (setting("package", ["a", "b"]), "cloudwatch_agent_package is \"['a', 'b']\""),
    "option as package": (setting("package", "--nogpgcheck"), "cloudwatch_agent_package is '--nogpgcheck'"),
    "shell in the package": (setting("package", "a; reboot"), "cloudwatch_agent_package is 'a; reboot'"),
    "newline in the package": (setting("package", "agent\n"), "cloudwatch_agent_package is 'agent\\n'"),
    "password in the URL": (
        setting("package", "https://me:a/s3cret-thing@b@example.org/agent.deb"),
        "cloudwatch_agent_package is 'https://***@example.org/agent.deb'",
        "credentials",
        "controller",
    ),
    "password without a scheme": (
        setting("package", "me:s3cret-thing@example.org/agent.deb"),
        "cloudwatch_agent_package is '***@example.org/agent.deb'",
    ),
    "page instead of a package": (
        setting("package", "https://example.org/"),
        "cloudwatch_agent_package is",
        ".deb",
    ),
    "program in the URL": (setting("package", "https://example.org/$(id).deb"), "a file name of letters"),
    "other kind of URL": (
        setting("package", "ftp://example.org/agent.deb"),
        "cloudwatch_agent_package is",
        "http",
    ),
    # Root installs it, and a file has no signature that is asked for.
    "package in clear": (
        setting("package", "http://example.org/agent.deb"),
        "cloudwatch_agent_package is 'http://example.org/agent.deb'",
        "an https URL",
    ),
    "relative package file": (
        setting("package", "agent.deb"),
        "cloudwatch_agent_package is 'agent.deb'",
        "absolute",
    ),
    "traversal to a package file": (
        setting("package", "/srv/../etc/x.deb"),
        "cloudwatch_agent_package is '/srv/..",
    ),
    "package file that is not there": (
        setting("package", "/nowhere/x.deb"),
        "not a readable file",
        "build",
    ),
    "directory as package file": (setting("package", "{directory}"), "not a readable file"),
    "rpm on Debian": (setting("package", "{rpm}"), "Accepted on Debian: a .deb file"),
    "deb on Amazon Linux": (setting("package", "{deb}") | AMAZON, "Accepted on Amazon: a .rpm file"),
    # Names.
    "region in words": (setting("region", "Seoul"), "cloudwatch_agent_region is 'Seoul'", "ap-northeast-2"),
    "zone as region": (setting("region", "ap-northeast-2a"), "cloudwatch_agent_region is 'ap-northeast-2a'"),
    "option as user": (setting("user", "-o"), "cloudwatch_agent_user is '-o'"),
    "Korean user": (setting("user", "김치"), "cloudwatch_agent_user is '김치'"),
    "user that is not there": (
        setting("user", "nobody-of-that-name"),
        "cloudwatch_agent_user is 'nobody-of-that-name'",
        "no such user",
        "cwagent",
    ),
    "text for the groups": (setting("groups", "adm"), "cloudwatch_agent_groups is 'adm'", "[adm]"),
    "comma in a group": (setting("groups", ["adm,root"]), "cloudwatch_agent_groups holds 'adm,root'"),
    "blank in the prefix": (
        setting("log_group_prefix", "/aws/ec2/table order"),
        "cloudwatch_agent_log_group_prefix is",
    ),
    "prefix of AWS": (setting("log_group_prefix", "aws/ec2"), "not aws/ at the beginning"),
    "relative log directory": (setting("log_directory", "logs"), "cloudwatch_agent_log_directory is 'logs'"),
    "traversal in the log directory": (
        setting("log_directory", "/opt/../etc"),
        "cloudwatch_agent_log_directory is",
    ),
    # Log files.
    "text for the log files": (
        setting("log_files", "/srv/a.log"),
        "cloudwatch_agent_log_files is '/srv/a.log'",
    ),
    "text as a log file": (
        setting("log_files", ["/srv/a.log"]),
        "cloudwatch_agent_log_files holds '/srv/a.log'",
    ),
    "log file without a stream": (
        setting("log_files", [{"path": "/srv/a.log", "group": "g"}]),
        "cloudwatch_agent_log_files has an entry without stream",
    ),
    "unknown key": (log_file(strem="s"), "unknown key 'strem'", "Did you mean stream?"),
    "retention": (log_file(retention_in_days=7), "unknown key 'retention_in_days'", "path, group, stream"),
    "relative path": (log_file(path="a.log"), "cloudwatch_agent_log_files holds the path 'a.log'"),
    "traversal in a path": (log_file(path="/srv/../etc/shadow"), "holds the path '/srv/../etc/shadow'"),
    "newline in a path": (log_file(path="/srv/a\nb.log"), "holds the path '/srv/a\\nb.log'"),
    "number as path": (log_file(path=7), "holds the path '7'"),
    "directory as a log file": (log_file(path="/srv/logs/"), "holds the path '/srv/logs/'"),
    "quote in a group": (log_file(group='a"b'), "cloudwatch_agent_log_files sends to the group 'a\"b'"),
    "group of 513": (log_file(group="g" * 513), "sends to the group 'ggg"),
    "empty stream": (log_file(stream=""), "sends to the stream ''"),
    "colon in a stream": (log_file(stream="a:b"), "sends to the stream 'a:b'", "neither : nor *"),
    "newline in a stream": (log_file(stream="a\n"), "sends to the stream 'a\\n'"),
    "hyphen in the placeholder": (
        log_file(stream="{instance-id}/x"),
        "does not know {instance-id}. Did you mean {instance_id}?",
    ),
    "unknown placeholder": (log_file(stream="{xyzzy}"), "does not know {xyzzy}. Accepted: {instance_id}"),
    "the same twice": (
        setting("log_files", 2 * log_file()["cloudwatch_agent_log_files"]),
        "cloudwatch_agent_log_files holds the entry",
        "more than once",
    ),
    # Journals.
    "unknown priority": (
        journal(priority="loud"),
        "cloudwatch_agent_journals has the priority 'loud'",
        "warning",
    ),
    "text for the units": (
        journal(units="ssh"),
        "cloudwatch_agent_journals has the units 'ssh'",
        "[ssh.service]",
    ),
    "option as unit": (journal(units=["--system"]), "cloudwatch_agent_journals has the unit '--system'"),
    "unknown key of a journal": (journal(unit=["ssh"]), "unknown key 'unit'", "Did you mean units?"),
    # Metrics.
    "namespace of AWS": (
        setting("metrics_namespace", "AWS/EC2"),
        "cloudwatch_agent_metrics_namespace is 'AWS/EC2'",
    ),
    "no interval": (
        setting("metrics_interval", 0),
        "cloudwatch_agent_metrics_interval is '0'",
        "1 to 172800",
    ),
    "interval of three days": (
        setting("metrics_interval", 259200),
        "cloudwatch_agent_metrics_interval is '259200'",
    ),
    "interval in words": (setting("metrics_interval", "1m"), "cloudwatch_agent_metrics_interval is '1m'"),
    "flag as interval": (setting("metrics_interval", True), "cloudwatch_agent_metrics_interval is 'True'"),
    "list of metrics": (
        setting("metrics", ["cpu"]),
        "cloudwatch_agent_metrics is \"['cpu']\"",
        "metrics_collected",
    ),
    "metric without settings": (
        setting("metrics", {"cpu": True}),
        "cloudwatch_agent_metrics holds 'cpu': 'True'",
    ),
    "metric without a measurement": (
        setting("metrics", {"mem": {}}),
        "cloudwatch_agent_metrics.mem has no list",
    ),
    "nothing to send": (NOTHING, "cloudwatch_agent_log_files, cloudwatch_agent_journals and", "all empty"),
}

ACCEPTED = {
    "the defaults": {},
    "the defaults on Amazon Linux": AMAZON,
    "every kind of letter in a path": log_file(path="/srv/김치 찌개/$HOME $(id) `id` 'a' \"b\" #;%n\\.log"),
    "every kind of letter in a stream": log_file(
        stream="{instance_id} 주방 $HOME 100% \"b\" 'a' # {hostname}"
    ),
    "a pattern of files": log_file(path="/srv/*.log"),
    "a number as text": setting("metrics_interval", "30"),
    "a URL": setting("package", "https://example.org/ubuntu/amd64/latest/agent.deb"),
    "a file of Debian": setting("package", "{deb}"),
    "a file of Amazon Linux": setting("package", "{rpm}") | AMAZON,
    "root": setting("user", "root"),
    "all units": journal(units=[]),
    "a unit of its own kind": journal(units=["getty@tty1.service", "dev-disk-by\\x2dlabel.swap"]),
    "nothing to send, and absent": NOTHING | setting("state", "absent"),
    # What is to go may name a file that has gone before.
    "a user that is not there, and absent": setting("user", "gone") | setting("state", "absent"),
    "a metric that this role has never heard of": setting(
        "metrics", {"ethtool": {"interface_include": ["*"]}}
    ),
}
CASES = {name: case[0] for name, case in REFUSED.items()} | ACCEPTED


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Say which system this is
      ansible.builtin.set_fact:
        os_family: "{{ {'Amazon': 'RedHat'}.get(system, system) }}"
        distribution: "{{ system }}"
        distribution_version: "1"
        cacheable: true

    - name: Check the settings
      ansible.builtin.import_role:
        name: table_order.infra.cloudwatch_agent
        tasks_from: preflight
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple:
    """What the play is run with: some of its hosts fail."""
    directory = tmp_path_factory.mktemp("inputs")
    (directory / "given.deb").touch()
    (directory / "given.rpm").touch()
    (directory / "directory.deb").mkdir()
    files = {
        "{deb}": str(directory / "given.deb"),
        "{rpm}": str(directory / "given.rpm"),
        "{directory}": str(directory / "directory.deb"),
    }
    hosts = {
        name: {"system": "Debian"} | {key: files.get(str(value), value) for key, value in case.items()}
        for name, case in CASES.items()
    }
    inventory = {"all": {"vars": {"ansible_connection": "local"}, "hosts": hosts}}
    return directory, PLAY, inventory, 2


@pytest.fixture(scope="module")
def printed(given) -> str:
    """What the play has printed, as JSON."""
    return run_play(*given)


@pytest.fixture(scope="module")
def said(printed):
    """What the preflight says to each case; nothing for those that it accepts."""
    assert "s3cret-thing" not in printed
    report = json.loads(printed)
    assert {stats["changed"] for stats in report["stats"].values()} == {0}
    assert report["stats"].keys() == CASES.keys()
    return {
        name: result["msg"]
        for task in report["plays"][0]["tasks"]
        for name, result in task["hosts"].items()
        if result.get("failed")
    }


def test_ansible_playbook_gives_the_same(printed, given):
    refused = ("unknown setting", "rpm on Debian", "user that is not there", "newline in a path")
    assert_ansible_gives(printed, [*refused, "the defaults on Amazon Linux"], *given)


@pytest.mark.parametrize("name", DEFAULTS)
def test_null_is_refused_whatever_the_setting(name):
    assert problems.setting_problems(DEFAULTS | {name: None}) == [
        f"{name} is null. Set a value, or omit the setting for the default."
    ]


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_name_and_with_the_fix(said, case):
    assert case in said, "it was accepted"
    for part in REFUSED[case][1:]:
        assert part in said[case]


@pytest.mark.parametrize("case", ACCEPTED)
def test_it_is_accepted(said, case):
    assert case not in said

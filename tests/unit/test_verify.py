"""verify.yml fails when something is wrong, and sends no password to a server that is not the service's."""

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.table_order.infra.plugins.filter.table_order import attached_problems, group_problems

from playbooks.files.verify import table_codes
from tests.unit.roles.preflight_runs import run_play
from tests.unit.test_settings_wired import Scope, task

ROOT = Path(__file__).parents[2]
PLAYS = yaml.safe_load((ROOT / "playbooks/verify.yml").read_text())
# The tasks of its last play, which other playbooks run as well.
TASKS = yaml.safe_load((ROOT / "playbooks/tasks/verify.yml").read_text())
JUDGES = ("ansible.builtin.assert", "ansible.builtin.set_fact")
OWN = {"user_id_group_pairs": [{"group_id": "sg-1"}]}


def groups(*rules: dict, vpc: str = "vpc-1") -> list[dict]:
    return [
        {"group_name": "server", "group_id": "sg-1", "vpc_id": "vpc-1", "ip_permissions": []},
        {"group_name": "db", "group_id": "sg-2", "vpc_id": vpc, "ip_permissions": [OWN, *rules]},
        {"group_name": "server", "group_id": "sg-9", "vpc_id": "vpc-9", "ip_permissions": []},
    ]


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (groups({"ip_ranges": [{"cidr_ip": "0.0.0.0/0"}]}), "0.0.0.0/0"),
        (groups({"ipv6_ranges": [{"cidr_ipv6": "::/0"}]}), "::/0"),
        (groups({"prefix_list_ids": [{"prefix_list_id": "pl-1"}]}), "pl-1"),
        (groups({"user_id_group_pairs": [{"group_id": "sg-9"}]}), "sg-9"),
        (groups(vpc="vpc-9"), "not in the VPC vpc-1"),
    ],
)
def test_anybody_but_the_server_is_found(found, named):
    [problem] = group_problems(found, "vpc-1", "server", ["db"])
    assert named in problem


def test_the_server_alone_is_no_problem_and_its_absence_is_one():
    assert group_problems(groups(), "vpc-1", "server", ["db"]) == []
    found = groups()
    found[1]["ip_permissions"] = []
    assert "does not allow" in group_problems(found, "vpc-1", "server", ["db"])[0]


def database(*ids: str, public: bool = False) -> list[dict]:
    attached = [{"vpc_security_group_id": one, "status": "active"} for one in ids]
    return [
        {"db_instance_identifier": "shop-db", "vpc_security_groups": attached, "publicly_accessible": public}
    ]


def cache(*ids: str) -> list[dict]:
    return [{"replication_group_id": "shop-redis", "security_group_ids": list(ids)}]


NAMES = {"database": "db", "cache": "redis"}
CACHE_GROUP = {"group_name": "redis", "group_id": "sg-3", "vpc_id": "vpc-1", "ip_permissions": [OWN]}


@pytest.mark.parametrize(
    ("databases", "caches", "said"),
    [
        (database("sg-2"), cache("sg-3"), []),
        ([], [], []),
        (
            database("sg-2", "sg-8"),
            cache("sg-3"),
            ["shop-db has the security groups sg-2, sg-8, accepted: sg-2 (db)."],
        ),
        (database(), cache("sg-3"), ["shop-db has the security groups none, accepted: sg-2 (db)."]),
        (
            database("sg-2"),
            cache("sg-2"),
            ["shop-redis has the security groups sg-2, accepted: sg-3 (redis)."],
        ),
        (database("sg-2", public=True), cache("sg-3"), ["shop-db is publicly accessible."]),
    ],
)
def test_a_group_that_was_attached_by_hand_is_found(databases, caches, said):
    found = attached_problems([*groups(), CACHE_GROUP], "vpc-1", databases, caches, NAMES)
    assert [problem.split(" Correct it")[0] for problem in found] == said


def judge(directory: Path, play: int, variables: dict, status: int) -> str:
    """Run what a play of verify.yml judges by, on results that are given."""
    tasks = [task for task in (PLAYS[1]["tasks"], TASKS)[play - 1] if set(task) & set(JUDGES)]
    name: dict = {"table_order_database_security_group": "db", "table_order_cache_security_group": "db"}
    name["table_order_server_security_group"] = "server"
    name["__verify_units"] = {"cmd": ["systemctl", "is-active", "one"], "stdout_lines": ["active"]}
    made = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks}
    hosts = {"all": {"children": {"app_server": {"hosts": {"one": {**name, **variables}}}}}}
    return run_play(directory, [made], hosts, status)


@pytest.mark.parametrize("ok", [True, False])
def test_a_service_that_does_not_work_fails_the_run(tmp_path, ok):
    result = [{"name": "HTTPS", "ok": ok, "detail": "what is wrong", "seconds": 1.0}]
    output = judge(tmp_path, 2, {"__verify_run": {"stdout": json.dumps(result)}}, 0 if ok else 2)
    assert ("HTTPS: what is wrong" in output) is not ok


@pytest.mark.parametrize(
    ("rules", "attached", "named"),
    [
        ((), ["sg-2"], ""),
        (({"ipv6_ranges": [{"cidr_ipv6": "::/0"}]},), ["sg-2"], "::/0"),
        ((), ["sg-2", "sg-8"], "sg-2, sg-8, accepted: sg-2 (db)"),
    ],
)
def test_a_database_that_others_may_reach_fails_the_run(tmp_path, rules, attached, named):
    found = {
        "table_order_network": {"vpc_id": "vpc-1"},
        "__verify_groups": {"security_groups": groups(*rules)},
        "__verify_database": {"instances": database(*attached)},
        "__verify_cache": {"replication_groups": cache("sg-2")},
    }
    output = judge(tmp_path, 1, found, 2 if named else 0)
    assert named in output
    assert ("accepted" in output or "allows" in output) is bool(named)


class Answers:
    """An API that answers with the tables that are given."""

    def __init__(self, *tables: dict) -> None:
        self.tables = list(tables)

    def call(self, method: str, path: str) -> list[dict]:
        assert (method, path) == ("GET", "/api/admin/tables")
        return self.tables


def test_each_table_has_its_own_code():
    assert table_codes(Answers({"number": 1, "code": "a"}, {"number": 2, "code": "b"})) == {1: "a", 2: "b"}


def test_a_release_that_knows_no_codes_can_be_verified():
    assert table_codes(Answers({"number": 1})) == {1: ""}


def test_what_does_not_run_is_named():
    refusal = task("playbooks/tasks/verify.yml", "Require running services and timers")
    units = {"cmd": ["systemctl", "is-active", "nginx.service", "shop.socket", "logrotate.timer"]}
    for states, stopped in ((["active"] * 3, 0), (["active", "inactive", "failed"], 2)):
        scope = Scope("table_order", __verify_units=units | {"stdout_lines": states})
        found = scope.see(refusal["vars"]["__verify_stopped"])
        assert len(found) == stopped
    said = scope.see(refusal["ansible.builtin.assert"]["fail_msg"], __verify_stopped=found)
    assert said.startswith("shop.socket is inactive, logrotate.timer is failed. Its log")
    assert "journalctl --unit shop.socket --unit logrotate.timer." in said

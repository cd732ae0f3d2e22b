"""The role adds a missing key to an existing secret, keeps existing values, and shows no value."""

import json

import pytest
from ansible.errors import AnsibleFilterError

from tests.unit.roles.cloud_runs import make_inventory, run_plays
from tests.unit.roles.modules import load

FILTERS = load("filter/aws_security_secrets.py")
WANTED = {"secret_key": "drawn", "user": "superadmin", "password": "drawn-too"}


def test_missing_keys_are_named_and_added():
    text = json.dumps({"secret_key": "old", "user": "boss"})
    assert FILTERS.missing_keys(text, "s", WANTED) == ["password"]
    assert FILTERS.complete(text, "s", WANTED) == {
        "secret_key": "old",
        "user": "boss",
        "password": "drawn-too",
    }


@pytest.mark.parametrize(
    "values",
    [
        WANTED | {"password": "rotated"},
        WANTED | {"password": ""},
        WANTED | {"password": None, "somebody's": "own"},
        {"password": 1, "user": False, "secret_key": []},
    ],
)
def test_what_is_there_is_never_touched(values):
    text = json.dumps(values)
    assert FILTERS.missing_keys(text, "s", WANTED) == []
    assert FILTERS.complete(text, "s", WANTED) == values


def test_one_that_was_completed_lacks_nothing():
    text = json.dumps(FILTERS.complete('{"user": "boss"}', "s", WANTED))
    assert FILTERS.missing_keys(text, "s", WANTED) == []


def test_a_secret_that_could_not_be_read_lacks_nothing():
    assert FILTERS.missing_keys("", "s", WANTED) == []


def test_an_empty_one_lacks_everything():
    assert FILTERS.missing_keys("{}", "s", WANTED) == sorted(WANTED)


@pytest.mark.parametrize("text", ["hunter2-plain", '"hunter2"', '["hunter2"]', "17", '{"a": "hunter2"'])
def test_one_that_is_no_object_is_refused_without_its_value(text):
    with pytest.raises(AnsibleFilterError, match="The secret table-order/x is not a JSON object") as refused:
        FILTERS.missing_keys(text, "table-order/x", WANTED)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_role_adds_them_once_and_says_so_before(tmp_path, url, client):
    """One run: in check mode, and for real."""
    secrets = client("secretsmanager")
    old = {"secret_key": "hunter-key", "superadmin_username": "boss", "superadmin_password": "hunter-rotated"}
    secrets.create_secret(Name="table-order/app/settings", SecretString=json.dumps(old))
    secrets.create_secret(Name="table-order/rds/master", SecretString='{"username": "m"}')
    for name in ("rds/owner", "app/database"):
        secrets.create_secret(Name=f"table-order/{name}", SecretString='{"username": "u", "password": "p"}')

    def include(name, check):
        return {
            "name": name,
            "ansible.builtin.include_role": {
                "name": "table_order.infra.aws_security",
                "tasks_from": "secrets",
                "apply": {"check_mode": check},
            },
        }

    def values():
        return {
            one["Name"]: secrets.get_secret_value(SecretId=one["Name"])["SecretString"]
            for one in secrets.list_secrets()["SecretList"]
        }

    look = {
        "name": "Look",
        "ansible.builtin.set_fact": {
            "seen": "{{ lookup('amazon.aws.secretsmanager_secret', 'table-order/app/settings') | from_json | length }}"
        },
    }
    tasks = [include("a", True), look, include("b", False)]
    before = values()
    inventory = make_inventory(tmp_path, url)
    run = run_plays(tmp_path, inventory, [{"hosts": "account", "gather_facts": False, "tasks": tasks}])
    try:
        assert run.status == 0, run.output
        adding = [
            result
            for task in run.report["plays"][0]["tasks"]
            if task["task"]["name"].endswith("Add missing keys to existing secrets")
            for result in task["hosts"].values()
        ]
        assert [bool(result.get("changed")) for result in adding] == [True, True]
        seen = [
            result["ansible_facts"]["seen"]
            for task in run.report["plays"][0]["tasks"]
            if task["task"]["name"] == "Look"
            for result in task["hosts"].values()
        ]
        assert seen == [len(old)]  # check mode has written nothing
        after = values()
        new = json.loads(after["table-order/app/settings"])
        assert new.items() >= old.items()
        assert len(new.pop("demo_admin_password")) == 32
        assert new == old
        assert after["table-order/rds/master"] == before["table-order/rds/master"]
        assert "hunter" not in run.output
    finally:
        for name in values():
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_description_and_a_policy_by_hand_are_put_right_without_a_new_value(tmp_path, url, client):
    secrets, name = client("secretsmanager"), "table-order/app/settings"
    everyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    include = {"name": "table_order.infra.aws_security", "tasks_from": "secrets"}
    tasks = [{"name": "Make the secrets", "ansible.builtin.include_role": include}]
    plays = [{"hosts": "account", "gather_facts": False, "tasks": tasks}]
    inventory = make_inventory(tmp_path, url)

    def state():
        found = secrets.describe_secret(SecretId=name)
        policy = secrets.get_resource_policy(SecretId=name).get("ResourcePolicy")
        return found["Description"], policy, found["VersionIdsToStages"]

    try:
        foretold = run_plays(tmp_path, inventory, plays, "--check")
        assert foretold.status == 0, foretold.output[-3000:]
        assert run_plays(tmp_path, inventory, plays).status == 0
        wanted = state()
        document = {"Version": "2012-10-17", "Statement": [everyone]}
        secrets.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(document))
        secrets.update_secret(SecretId=name, Description="by hand")
        changed = state()
        foretold = run_plays(tmp_path, inventory, plays, "--check")
        assert (foretold.status, foretold.changed, state()) == (0, 2, changed), foretold.output[-3000:]
        repaired = run_plays(tmp_path, inventory, plays)
        assert (repaired.status, repaired.changed, state()) == (0, 2, wanted), repaired.output[-3000:]
        again = run_plays(tmp_path, inventory, plays)
        assert (again.status, again.changed) == (0, 0), again.output[-3000:]
    finally:
        for one in secrets.list_secrets()["SecretList"]:
            secrets.delete_secret(SecretId=one["Name"], ForceDeleteWithoutRecovery=True)

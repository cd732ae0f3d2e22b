"""Secrets of the application's own: read by name from Secrets Manager, refused by name, and never shown."""

import json

import pytest

from tests.unit.roles.cloud_runs import make_inventory, role, run_plays
from tests.unit.roles.modules import load

FILTERS = load("filter/table_order_secrets.py")
FOUND = {
    "plain": ["hunter2 $x"],
    "keys": ['{"api_key": "hunter2", "a:b": "hunter3", "port": 5432, "pem": "hunter\\n2", "": "x"}'],
    "lines": ["hunter\n2"],
    "pretty": ['{\n  "api_key": "hunter2"\n}'],
    "list": ['["hunter2"]'],
    "binary": [b"hunter2"],
    "missing": [],
}


def test_a_whole_text_or_the_text_of_a_key_is_chosen():
    wanted = {"A": "plain", "B": "keys:api_key", "C": "keys:a:b", "D": "list", "E": "keys"}
    assert FILTERS.secret_problems(FOUND, wanted, "table-order/app/") == []
    assert FILTERS.secret_environment(FOUND, wanted) == {
        "A": "hunter2 $x",
        "B": "hunter2",
        "C": "hunter3",
        "D": '["hunter2"]',
        "E": FOUND["keys"][0],
    }


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("missing", "is missing, empty, marked for deletion, or you may not read it."),
        ("missing:api_key", "is missing, empty"),
        ("plain:api_key", "is not a JSON object. Store one, or remove :api_key"),
        ("list:api_key", "is not a JSON object."),
        ("keys:other", "has no key other."),
        ("keys:port", "has no text in its key port."),
        ("keys:pem", "has a line break or another control character. Store it in base64."),
        ("lines", "has a line break or another control character. Store it in base64."),
        ("pretty", "has a line break or another control character. Name one of its keys, as NAME:KEY."),
        ("binary", "is binary."),
    ],
)
def test_what_an_environment_cannot_have_is_refused_by_its_name(place, words):
    [said] = FILTERS.secret_problems(FOUND, {"B": place, "A": "plain"}, "table-order/app/")
    secret = place.partition(":")[0]
    assert said.startswith(f"table_order_application_secrets.B: the secret table-order/app/{secret} {words}")
    assert "hunter" not in said


@pytest.fixture
def secrets(client):
    """Return the client of a Secrets Manager that is empty again afterwards."""
    manager = client("secretsmanager")
    yield manager
    for one in manager.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        manager.delete_secret(SecretId=one["Name"], ForceDeleteWithoutRecovery=True)


def test_a_run_reads_them_and_shows_no_value(tmp_path, url, secrets):
    for name in ("rds/master", "rds/owner", "app/database", "app/settings"):
        secrets.create_secret(Name=f"table-order/{name}", SecretString='{"username": "u"}')
    secrets.create_secret(Name="table-order/app/keys", SecretString=FOUND["keys"][0])
    secrets.create_secret(Name="table-order/app/binary", SecretBinary=b"hunter2")
    secrets.create_secret(Name="table-order/app/gone", SecretString="hunter2")
    secrets.delete_secret(SecretId="table-order/app/gone")
    inventory = make_inventory(tmp_path, url)

    def run(wanted):
        task = role("table_order", "secrets", table_order_application_secrets=wanted)
        check = {
            "name": "Compare",
            "ansible.builtin.assert": {"that": "table_order_secrets.environment == expected"},
            "vars": {"expected": {"A": "hunter2", "B": "hunter3"}},
        }
        play = {"hosts": "data", "gather_facts": False, "tasks": [task, check]}
        found = run_plays(tmp_path, inventory, [play], "-vv", "--diff")
        shown = json.dumps([[task["hosts"] for task in play["tasks"][:-1]] for play in found.report["plays"]])
        assert "hunter" not in shown
        return found

    assert run({"A": "keys:api_key", "B": "keys:a:b"}).status == 0
    refused = run({"A": "keys:api_key", "X": "binary", "Y": "gone:key", "Z": "nothing"})
    assert refused.status == 2
    for words in (
        "X: the secret table-order/app/binary is binary",
        "Y: the secret table-order/app/gone is missing",
    ):
        assert words in refused.messages
    assert "Z: the secret table-order/app/nothing is missing" in refused.messages

"""What playbooks/rotate_secrets.yml rotates: what is asked for, and what an earlier run has begun."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.test_settings_wired import Scope

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
ALL = ["master", "owner", "application", "signing_key", "cache"]


def due(asked, *unfinished, password=True):
    values = yaml.safe_load((PLAYBOOKS / "vars/rotation.yml").read_text())
    found = [{"item": {"of": of}, "changed": of in unfinished} for of in ALL]
    account = {
        "__rotation_cache": {"replication_groups": [{"auth_token_enabled": password}]},
        "__rotations_found": {"results": found},
    }
    scope = Scope("table_order", **values, rotate_secrets=asked, hostvars={"account": account})
    return scope.see("{{ __due | map(attribute='of') | list }}")


@pytest.mark.parametrize(
    ("asked", "unfinished", "expected"),
    [
        ("", (), ALL),
        ("owner, cache", (), ["owner", "cache"]),
        # In the order of all, since the owner's password is set with the master user's.
        ("owner", ("master",), ["master", "owner"]),
        ("owner", ("owner", "signing_key"), ["owner", "signing_key"]),
    ],
)
def test_what_an_earlier_run_has_begun_is_finished_too(asked, unfinished, expected):
    assert due(asked, *unfinished) == expected


def test_a_cache_without_a_password_has_none_to_rotate():
    assert due("", password=False) == ALL[:-1]


def test_the_announcement_the_work_and_the_result_name_the_same():
    text = (PLAYBOOKS / "rotate_secrets.yml").read_text()
    assert text.count("__due") == 3


def test_locks_are_held_only_where_a_failure_releases_them():
    """What is only looked up comes before the locks, and a server that does not answer leads to the stop."""
    plays = {play["name"]: play for play in yaml.safe_load((PLAYBOOKS / "rotate_secrets.yml").read_text())}
    assert list(plays)[:5] == [
        "Find the server",
        "Discover the database and the cache",
        "Confirm the rotation",
        "Rotate the secrets",
        "Stop after a failure",
    ]
    assert plays["Rotate the secrets"]["hosts"] == "app_server:network"
    assert plays["Stop after a failure"]["hosts"] == "account:app_server"
    first, *_ = plays["Discover the database and the cache"]["tasks"]
    assert first["ansible.builtin.import_role"]["tasks_from"] == "unfinished"

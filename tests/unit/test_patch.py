"""What playbooks/patch.yml decides by: the images of interrupted runs, the server's state and the versions of the secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from tests.unit.test_settings_wired import trusted

ROOT = Path(__file__).parents[2]
SERVER, SECRET = "table-order-app-server", "table-order/app/database"
RECORD = {"Release": "r1", "Schema": "0004 of 4", "Secret app/database": "v1"}
SEEN = {
    "release": "r1",
    "schema": "0004 of 4",
    "system": "2023.5.20241001",
    "updates": 3,
    "restarts": [],
    "reboot": [],
}


def image(number: int, patch: str, state: str = "available", **tags: str) -> dict[str, Any]:
    """Return an image of the server by its age and by how far its patch came."""
    return {
        "image_id": f"ami-{number}",
        "name": f"{SERVER}-2026112{number}000000",
        "state": state,
        "tags": RECORD | {"Server": "i-1", "Patch": patch} | tags,
    }


def decided(
    name: str,
    *images: dict[str, Any],
    seen: dict[str, Any] | None = None,
    returns: str = "",
    tags: tuple[str, ...] = ("all",),
) -> Any:
    """Return a variable of the playbook."""
    look = SEEN if seen is None else seen
    known = yaml.safe_load((ROOT / "playbooks/vars/patch.yml").read_text()) | {
        "groups": {"app_server": [SERVER]},
        "hostvars": {SERVER: {"table_order_instance_id": "i-1"} | ({"__patch_look": look} if look else {})},
        "__patch_found": {"images": list(images)},
        "__patch_secrets": {"versions": {SECRET: "v1", "table-order/rds/master": "v9"}},
        "table_order_name": "table-order",
        "table_order_patch_return": returns,
        "ansible_run_tags": list(tags),
        "ansible_facts": {"distribution": "Amazon"},
    }
    return Templar(loader=DataLoader(), variables=trusted(known)).template(trusted(f"{{{{ {name} }}}}"))


def test_the_image_s_tags_are_the_record_of_the_server_and_of_the_application_s_secrets():
    assert decided("__patch_record") == RECORD


@pytest.mark.parametrize(
    ("images", "resumed"),
    [
        ([], ""),
        ([image(1, "done"), image(2, "abandoned"), image(3, "returned")], ""),
        ([image(1, "begun", "pending")], "ami-1"),
        ([image(1, "begun"), image(2, "begun")], "ami-2"),
        ([image(1, "begun", "failed")], ""),
        # A deployment, a migration or another secret since: the server would return to something else.
        ([image(1, "begun", Release="r0")], ""),
        ([image(1, "begun", Schema="0003 of 3")], ""),
        ([image(1, "begun", **{"Secret app/database": "v0"})], ""),
    ],
)
def test_a_killed_update_goes_on_with_its_image_if_nothing_has_changed(images, resumed):
    assert decided("__patch_resumed.image_id | default('')", *images) == resumed


@pytest.mark.parametrize(
    ("images", "returns", "back"),
    [
        ([image(1, "done"), image(2, "begun")], "", ""),
        ([image(1, "returning"), image(2, "done")], "", "ami-1"),
        ([image(1, "done"), image(2, "done")], "latest", "ami-2"),
        ([image(1, "done"), image(2, "done")], "ami-1", "ami-1"),
        ([image(1, "done"), image(2, "abandoned"), image(3, "done", "pending")], "latest", "ami-1"),
        ([image(1, "abandoned")], "ami-1", ""),
        ([], "latest", ""),
        # What was begun is completed first.
        ([image(1, "returning"), image(2, "done")], "ami-2", "ami-1"),
    ],
)
def test_a_killed_return_is_completed_and_one_that_is_asked_for_begins(images, returns, back):
    assert decided("__patch_back.image_id | default('')", *images, returns=returns) == back


@pytest.mark.parametrize(
    ("tags", "seen", "migrated", "rotated"),
    [
        ({}, SEEN, False, []),
        ({"Schema": "0003 of 3"}, SEEN, True, []),
        ({"Release": "r0"}, SEEN, False, []),
        # A server that does not answer is not compared: no deployment could reach it either.
        ({"Schema": "0003 of 3"}, {}, False, []),
        ({"Secret app/database": "v0"}, SEEN, False, [SECRET]),
    ],
)
def test_a_migration_or_another_secret_since_the_image_is_found(tags, seen, migrated, rotated):
    one = image(1, "returning", **tags)
    assert decided("__patch_migrated", one, seen=seen) is migrated
    assert decided("__patch_rotated", one, seen=seen) == rotated


@pytest.mark.parametrize(
    ("seen", "work"),
    [
        ({"updates": 0}, False),
        ({"updates": 1}, True),
        ({"updates": 0, "restarts": ["nginx.service"]}, True),
        ({"updates": 0, "reboot": ["kernel6.12 was installed after the boot"]}, True),
    ],
)
def test_there_is_work_with_updates_and_with_what_an_earlier_one_left(seen, work):
    assert bool(decided("__patch_work", seen=SEEN | seen)) is work


def test_tags_choose_packages_and_units():
    assert decided("__patch_packages", tags=("all",)) == []
    assert "nginx-core" in decided("__patch_packages", tags=("nginx",))
    units = [
        "nginx.service",
        "fastapi-app.service",
        "fastapi-app-process-x.service",
        "sshd.service",
    ]
    chosen = f"{units} | select('match', __patch_restartable)"
    assert decided(chosen, tags=("all",)) == units
    assert decided(chosen, tags=("nginx",)) == units[:1]
    assert decided(chosen, tags=("fastapi_app",)) == units[1:3]

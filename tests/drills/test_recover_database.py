"""Orders flow, and the database is destroyed or has wrong data: orders up to the restore point are there, later ones listed."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from playbooks.files.verify import Api, CheckError
from tests.drills import runbook
from tests.e2e import deployment, site
from tests.load.connection import Service
from tests.load.restaurant import Restaurants, Store

DATABASE = site.TARGET.name + "-db"
CONFIRM = ("-e", f"table_order_confirm={site.TARGET.name}")
# The page's commands.
RECOVER, REMOVE = 0, 4
# A recovery each, killed or not.
pytestmark = pytest.mark.timeout(1500)


def recover(directory: Path, *more: str, number: int = RECOVER) -> dict[str, Any]:
    """Run a command of the page; returns the procedure's result."""
    result = directory / "result.json"
    files = ("-e", f"procedure_json={result}", "-e", f"recover_database_list={directory}/lost.txt")
    runbook.play("recover_database", *CONFIRM, *files, *more, number=number).check()
    return json.loads(result.read_text())


@dataclass
class Guest:
    """Orders twice a second at a store of its own; remembers what was acknowledged, and counts what was not."""

    api: Api
    store: Store
    acknowledged: dict[tuple[int, str], float] = field(default_factory=dict)
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Order until ``ended``."""
        number = 0
        while not self.ended.wait(0.5):
            number += 1
            with contextlib.suppress(CheckError):
                status, _, body = self.api.open(
                    "/api/orders", "POST", self.store.order(number), self.store.headers(number)
                )
                if status == 201:
                    order = json.loads(body)
                    self.acknowledged[order["id"], order["created_at"]] = time.time()
                    continue
            self.refused += 1

    def there(self) -> set[tuple[int, str]]:
        """Return the store's orders, as its administrator sees them."""
        admin = self.api.another()
        admin.token = self.store.token
        found: set[tuple[int, str]] = set()
        before = ""
        while page := admin.call("GET", f"/api/admin/orders?limit=200{before}"):
            found |= {(order["id"], order["created_at"]) for order in page}
            before = f"&before={page[-1]['id']}"
        return found


@pytest.fixture
def guest() -> Iterator[Guest]:
    """A guest who orders; the store is in the backups before the test begins."""
    # Five minutes on AWS, which the drill would wait for each time.
    site.call("PUT", "/local-cloud/delays", {"log": 20})
    secret = site.secrets()[f"{site.TARGET.name}/app/settings"]
    service = Service.of(site.url(), deployment.certificate())
    restaurants = Restaurants(
        site.url(), service, secret["superadmin_username"], secret["superadmin_password"]
    )
    [store] = restaurants.make(1)
    guest = Guest(restaurants.api.another(), store)
    thread = threading.Thread(target=guest.run)
    thread.start()
    try:
        restorable(time.time() + 5)
        yield guest
    finally:
        guest.ended.set()
        thread.join()
        with contextlib.suppress(CheckError):
            restaurants.remove()


def restorable(moment: float) -> None:
    """Wait until RDS can restore a time (epoch)."""
    until = time.monotonic() + 400
    while (
        latest := instances()[DATABASE].get("LatestRestorableTime")
    ) is None or latest.timestamp() < moment:
        assert time.monotonic() < until, latest
        time.sleep(2)


def instances() -> dict[str, dict[str, Any]]:
    """Return the databases by name."""
    return {
        one["DBInstanceIdentifier"]: one for one in site.aws("rds").describe_db_instances()["DBInstances"]
    }


def compare(guest: Guest, result: dict[str, Any], directory: Path, record: Any) -> None:
    """Fail unless every acknowledged order is there, or is after the restore point and in the list."""
    guest.ended.set()
    time.sleep(1)
    point = datetime.datetime.fromisoformat(result["restore_point"])
    there, listed = guest.there(), (directory / "lost.txt").read_text()
    missing = {key for key in guest.acknowledged if key not in there}
    # Its time of creation may be earlier than its commit, which counts.
    early = [key for key in missing if guest.acknowledged[key] < point.timestamp()]
    assert early == []
    unlisted = [
        key
        for key in missing
        if f"store {guest.store.id}, table" not in listed or f"order {key[0]} of" not in listed
    ]
    assert unlisted == []
    ours = re.findall(rf"^store {guest.store.id}, .*?order (\d+) of .*$", listed, re.MULTILINE)
    assert sorted(map(int, ours)) == sorted(number for number, _ in missing)
    for name, value in {
        "rto": result["rto"],
        "rpo": result["rpo"],
        "failed": guest.refused,
        "lost": len(missing),
        "document": "RTO 15-30 min, RPO 5 min",
    }.items():
        record(name, value)


def test_a_destroyed_database_comes_back(tmp_path: Path, guest: Guest, record_property: Any) -> None:
    rds = site.aws("rds")
    before = instances()[DATABASE]
    rds.modify_db_instance(DBInstanceIdentifier=DATABASE, DeletionProtection=False, ApplyImmediately=True)
    time.sleep(3)
    rds.delete_db_instance(
        DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    while DATABASE in instances():
        time.sleep(1)
    result = recover(tmp_path)
    compare(guest, result, tmp_path, record_property)
    after = instances()[DATABASE]
    assert after["DbiResourceId"] != before["DbiResourceId"]
    assert settings(after) == settings(before)


def settings(instance: dict[str, Any]) -> dict[str, Any]:
    """Return what a recovery keeps of an instance."""
    other = {
        "DBInstanceArn",
        "DbiResourceId",
        "Endpoint",
        "InstanceCreateTime",
        "LatestRestorableTime",
        "PendingModifiedValues",
        "DBInstanceStatus",
        "CertificateDetails",
        "StatusInfos",
        "DeletionProtection",
    }
    return {name: value for name, value in instance.items() if name not in other}


def test_a_snapshot_is_restored_in_place_of_a_database_with_wrong_data(
    tmp_path: Path, guest: Guest, record_property: Any
) -> None:
    # Named as a deployment's: policy day_two refuses to restore others.
    rds, snapshot = site.aws("rds"), f"{DATABASE}-before-migration-20000101000000"
    rds.create_db_snapshot(DBInstanceIdentifier=DATABASE, DBSnapshotIdentifier=snapshot)
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=snapshot, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    try:
        before, names = instances()[DATABASE], deployment.sql("SELECT id, name FROM stores ORDER BY id")
        deployment.sql("UPDATE stores SET name = reverse(name)")
        time.sleep(5)
        result = recover(tmp_path, "-e", f"recover_database_to={snapshot}")
        compare(guest, result, tmp_path, record_property)
        assert deployment.sql("SELECT id, name FROM stores ORDER BY id") == names
        assert settings(instances()[DATABASE]) == settings(before)
        recover(tmp_path, "-e", f"recover_database_remove={result['kept_as']}", number=REMOVE)
        assert set(instances()) == {DATABASE}
    finally:
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


def test_a_time_is_restored_although_the_run_is_killed_at_each_step(
    tmp_path: Path, guest: Guest, record_property: Any
) -> None:
    time.sleep(5)
    moment = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    restorable(moment.timestamp() + 5)
    to = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    steps = [
        "Restore | Report the restoration",
        "Wait for the service's name of the restored database",
        "Write the list of lost orders",
    ]
    for step in steps:
        deployment.killed_at(
            step,
            "recover_database",
            table_order_confirm=site.TARGET.name,
            recover_database_to=to,
            recover_database_list=f"{tmp_path}/lost.txt",
        )
        # None but the recovery itself may go on; the two ways to refuse.
        for verb, options in (("deploy", ()), ("rotate_secrets", CONFIRM)) if step == steps[1] else ():
            refused = site.play(f"playbooks/{verb}.yml", *options)
            assert refused.status != 0
            assert f"A recovery of {DATABASE} to {to} is not finished" in " ".join(refused.output.split())
    result = recover(tmp_path)
    compare(guest, result, tmp_path, record_property)
    assert set(instances()) == {DATABASE, result["kept_as"]}
    assert instances()[result["kept_as"]]["DeletionProtection"]
    recover(tmp_path, "-e", f"recover_database_remove={result['kept_as']}", number=REMOVE)
    assert set(instances()) == {DATABASE}
    site.play("site.yml").check()

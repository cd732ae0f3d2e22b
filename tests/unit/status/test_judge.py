"""What is fine, what needs a person, and what nobody could look at: each source broken, denied, expired and absent."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.table_order.infra.plugins.plugin_utils import status as module
from ansible_collections.table_order.infra.plugins.plugin_utils.status import LIMITS, judge

from tests.unit.status.samples import account, facts, server

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/status.schema.json").read_text())
ROOT = Path(__file__).parents[3]
REASONS = {
    "denied": "AWS denied rds:DescribeDBInstances. Render and attach the policies again (scripts/policy).",
    "expired": "rds:DescribeDBInstances: the credentials have expired (ExpiredToken). Log in again, and run the command again.",
    "unreachable": "rds:DescribeDBInstances: AWS cannot be reached: timed out. Run the command again.",
}


def states(found):
    """Return the states of a status' checks by area and name."""
    result = {}
    for check in judge(found)["checks"]:
        result.setdefault((check["area"], check["what"]), set()).add(check["state"])
    return result


def lines(found, state="attention"):
    """Return the texts of the checks that are in a state, with what to do."""
    return [
        f"{one['area']}: {one['text']} -> {one['do']}"
        for one in judge(found)["checks"]
        if one["state"] == state
    ]


def test_a_healthy_service_is_fine():
    found = judge(facts())
    assert found["status"] == "fine"
    assert {one["state"] for one in found["checks"]} == {"fine", "note"}
    assert {one["area"] for one in found["checks"]} == set(module.AREAS)
    jsonschema.validate(found, SCHEMA)


def test_the_schema_knows_the_areas_and_the_states():
    properties = SCHEMA["properties"]["checks"]["items"]["properties"]
    assert properties["area"]["enum"] == list(module.AREAS)
    assert set(properties["state"]["enum"]) == {module.FINE, module.NOTE, module.ATTENTION, module.UNKNOWN}
    assert SCHEMA["properties"]["schema"]["const"] == module.SCHEMA


# Which checks are lost without a read of the account. "backups" only tells about a database that is gone.
LOST = {
    "servers": {("Server", "servers")},
    "server_checks": {("Server", "EC2's checks")},
    "databases": {
        ("Database", "state"),
        ("Database", "databases beside it"),
        ("Database", "standard support"),
        ("Backups", "last backup"),
        ("Backups", "latest restorable time"),
        ("Certificates", "database"),
    },
    "database_authorities": {("Certificates", "database")},
    "snapshots": {("Backups", "last backup")},
    "maintenance": {("Database", "pending maintenance")},
    "caches": {("Cache", "state")},
    "cache_nodes": {("Cache", "state")},
    "alarms": {("Alarms", "alarms")},
    "certificates": {("Certificates", "ACM")},
    "lock": {("Changes", "account lock")},
    "procedures": {("Changes", "procedures")},
}


@pytest.mark.parametrize(("name", "reason"), list(itertools.product(LOST, REASONS.values())))
def test_what_cannot_be_read_is_unknown_and_never_fine(name, reason):
    found = facts()
    found["account"]["looks"][name] = {"error": reason}
    after = states(found)
    assert {key for key, its in after.items() if "unknown" in its} == LOST[name]
    assert all(
        its & {"fine", "note"} == set()
        for key, its in after.items()
        if key in LOST[name] - {("Certificates", "database")}
    )
    assert judge(found)["status"] == "unknown"
    assert all(reason in line for line in lines(found, "unknown"))
    jsonschema.validate(judge(found), SCHEMA)


def test_each_read_of_the_account_is_used_or_says_why_not():
    assert set(facts()["account"]["looks"]) == {*LOST, "account", "backups"}


@pytest.mark.parametrize("gone", [None, {"error": "AWS cannot be reached."}])
def test_without_the_account_the_server_is_still_judged(gone):
    found = facts()
    found["account"] = gone
    after = states(found)
    assert after["Server", "disks"] == {"fine"}
    assert after["Database", "state"] == {"unknown"}
    assert judge(found)["account"] is None
    assert judge(found)["status"] == "unknown"


PARTS = {"disks": "disks", "memory": "memory", "units": "units", "updates": "security updates"}


@pytest.mark.parametrize("part", [*PARTS, "certificates"])
def test_a_part_of_the_server_that_cannot_be_read_is_unknown(part):
    found = facts()
    server(found)["looks"][part] = {"error": "dnf did not answer within 6 seconds."}
    lost = ("Certificates", "server") if part == "certificates" else ("Server", PARTS[part])
    assert {key for key, its in states(found).items() if "unknown" in its} == {lost}
    assert "dnf did not answer within 6 seconds." in lines(found, "unknown")[0]


def test_a_server_without_ssh_leaves_the_rest_and_needs_a_person_only_if_the_address_is_silent():
    found = facts()
    one = server(found)
    del one["looks"], one["application"]
    one["error"] = "SSH: timed out"
    assert judge(found)["status"] == "unknown"
    assert states(found)["Application", "release"] == {"unknown"}
    one["public"] |= {"status": 0, "error": "timed out"}
    assert judge(found)["status"] == "attention"
    assert "https://shop.example.org/api/health does not answer: timed out" in lines(found)[0]


def test_no_running_server_needs_a_person_and_the_account_is_shown():
    found = facts()
    found["servers"] = {}
    account(found, "servers")["state"] = "stopped"
    found["account"]["looks"]["servers"]["found"][0]["why"] = "User initiated (2026-11-28 14:00:00 GMT)"
    assert judge(found)["status"] == "attention"
    assert "is stopped: User initiated" in lines(found)[1]
    account(found, "servers")["state"] = "terminated"
    assert "there is none (i-0123456789abcdef0 is terminated" in lines(found)[1]
    assert states(found)["Backups", "last backup"] == {"fine"}


def test_two_servers_are_named_and_both_judged():
    found = facts()
    found["account"]["looks"]["servers"]["found"] *= 2
    found["servers"]["other"] = found["servers"]["table-order-app-server"]
    assert any("2 servers, expected one" in line for line in lines(found))
    texts = [one["text"] for one in judge(found)["checks"] if one["what"] == "disks"]
    assert [text.partition(":")[0] for text in texts] == ["table-order-app-server", "other"]


def set_account(name, key, value):
    return lambda found: account(found, name).update({key: value})


def set_found(name, value):
    return lambda found: found["account"]["looks"][name].update({"found": value})


def set_part(name, value):
    return lambda found: server(found)["looks"][name].update({"found": value})


def set_application(**values):
    return lambda found: server(found)["application"].update(values)


def update(**values):
    return lambda found: found.update(values)


ACTION = {
    "action": "system-update",
    "what": "New Operating System",
    "after": None,
    "forced": None,
    "at": None,
}
LIVES = {"state": "held", "lease": 3600}
BROKEN = {
    "Service: https://shop.example.org/api/health answers 502 in 35 ms -> Look at": lambda found: server(
        found
    )["public"].update({"status": 502}),
    "Server: i-0123456789abcdef0: system impaired, instance ok -> Stop and start": set_account(
        "server_checks", "system", "impaired"
    ),
    "Server: AWS plans system-reboot after 2026-12-05: maintenance -> Stop": set_account(
        "server_checks",
        "events",
        [
            {"code": "system-reboot", "what": "maintenance", "after": "2026-12-05T00:00:00+00:00"},
            {"code": "system-stop", "what": "[Completed] retired", "after": "2026-11-05T00:00:00+00:00"},
        ],
    ),
    "Server: disk / 90 % (3.0 GiB free) -> Find what is large": set_part(
        "disks", [{"place": "/", "percent": 90, "inodes_percent": 4, "free_gib": 3.0}]
    ),
    "Server: disk / has used 99 % of its files -> Find": set_part(
        "disks", [{"place": "/", "percent": 31, "inodes_percent": 99, "free_gib": 20.0}]
    ),
    "Server: memory 90 % of 3904 MiB, swap 50 % -> Find": set_part(
        "memory", {"percent": 90, "total_mib": 3904, "swap_percent": 50}
    ),
    "Server: 1 failed unit: nginx.service -> sudo journalctl --unit nginx.service": set_part(
        "units", ["nginx.service"]
    ),
    "Server: 5 pending security updates: a, b, c, d, ... -> docs/runbooks/patch.md": set_part(
        "updates", {"packages": list("abcde"), "release": ""}
    ),
    "Application: no release is live -> ansible-playbook playbooks/deploy.yml": set_application(live=""),
    "Application: not healthy: database: timed out -> docs/deployments.md": set_application(
        problem="database: timed out"
    ),
    "Application: failed: a.service -> sudo journalctl": set_application(
        units={"a.service": "failed", "b.socket": "active"}
    ),
    "Application: unfinished: deploy by kim -> The run was killed": set_application(
        lock="deploy by kim", lock_ended=True
    ),
    "Database: there is none -> docs/runbooks/recover_database.md": set_found("databases", []),
    "Database: storage-full, db.t3.small, postgres 15.18, 20 GiB, two zones -> Look": lambda found: account(
        found, "databases"
    ).update({"state": "storage-full", "multi_az": True}),
    "Database: table-order-db-check-20261101 (available, db.t3.small) is beside it": lambda found: found[
        "account"
    ]["looks"]["databases"]["found"].append(
        {**account(found, "databases"), "id": "table-order-db-check-20261101"}
    ),
    "Database: pending system-update: New Operating System, by AWS after 2026-12-15 00:00 -> Choose": set_found(
        "maintenance", [{**ACTION, "forced": "2026-12-15T00:00:00+00:00"}]
    ),
    "Database: PostgreSQL 15: 179 days of standard support left (2028-02-29); then 175.20 USD": update(
        at="2027-09-03T15:00:00+00:00"
    ),
    "Database: PostgreSQL 15: standard support ended on 2028-02-29; then 175.20 USD a month more, 350.40 from 2030-03-01": update(
        at="2028-03-01T15:00:00+00:00"
    ),
    "Backups: automated backups are off -> aws_database_backup_retention_days": set_account(
        "databases", "retention", 0
    ),
    "Backups: there is no backup yet -> ": set_found("snapshots", []),
    "Backups: last backup 2026-11-27 12:59 (26 h ago, automated)": set_account(
        "snapshots", "made", "2026-11-27T12:59:00+00:00"
    ),
    "Backups: restorable until 2026-11-28 14:39 (21 min ago) -> Look": set_account(
        "databases", "restorable", "2026-11-28T14:39:00+00:00"
    ),
    "Backups: no restorable time yet -> ": set_account("databases", "restorable", None),
    "Backups: no restorable time: the backups are gone, too": lambda found: (
        set_found("databases", [])(found),
        set_found("backups", [])(found),
    ),
    "Cache: there is none -> docs/runbooks/recover_cache.md": set_found("caches", []),
    "Cache: create-failed, cache.t3.micro, redis 7.1.0, 1 node, table-order-redis-001 is deleting -> Look": lambda found: (
        set_account("caches", "state", "create-failed")(found),
        set_account("cache_nodes", "state", "deleting")(found),
    ),
    "Alarms: table-order-ec2-high-cpu is in ALARM since 2026-11-28 15:00: over 80 -> Open": lambda found: (
        account(found, "alarms").update({"state": "ALARM", "reason": "over 80"})
    ),
    "Alarms: notifies no one: table-order-ec2-high-cpu -> ansible-playbook": set_account(
        "alarms", "enabled", False
    ),
    "Alarms: no alarm is defined -> ansible-playbook": set_found("alarms", []),
    "Certificates: shop.example.org (nginx): 20 days left (2026-12-19) -> Replace": lambda found: server(
        found
    )["looks"]["certificates"]["found"][0].update(until="2026-12-19T12:00:00+00:00"),
    "Certificates: shop.example.org (nginx): expired on 2026-11-28 -> Replace": lambda found: server(found)[
        "looks"
    ]["certificates"]["found"][0].update(until="2026-11-28T14:59:59+00:00"),
    "Certificates: database: 20 days left (2026-12-19) -> RDS": set_account(
        "databases", "certificate", "2026-12-19T12:00:00+00:00"
    ),
    "Certificates: database's authority rds-ca-rsa2048-g1: expired on 2026-11-01 -> Choose": set_account(
        "database_authorities", "until", "2026-11-01T00:00:00+00:00"
    ),
    "Certificates: shop.example.org (ACM): 10 days left": set_found(
        "certificates",
        [{"name": "shop.example.org", "until": "2026-12-08T16:00:00+00:00", "state": "ISSUED"}],
    ),
    "Certificates: shop.example.org (ACM) is PENDING_VALIDATION -> ACM": set_found(
        "certificates", [{"name": "shop.example.org", "until": None, "state": "PENDING_VALIDATION"}]
    ),
    "Changes: killed: a change of table-order by kim@laptop since 2026-11-27T09:00:00Z -> Run the same": lambda found: (
        found.update(lock_ended=True),
        found["account"]["looks"]["lock"]["found"][1].update(
            content={**account(found, "lock")["content"], **LIVES}
        ),
    ),
    "Changes: killed: a change of table-order by kim@laptop since": lambda found: found["account"]["looks"][
        "lock"
    ]["found"][1].update(
        content={**account(found, "lock")["content"], **LIVES}, modified="2026-11-28T13:59:59+00:00"
    ),
    "Changes: unfinished: recover_database, last step 2026-11-28 14:00 -> Run it again; it continues: docs/runbooks/recover_d": (
        set_found(
            "procedures",
            [{"name": "/table-order/procedure/recover_database", "modified": "2026-11-28T14:00:00+00:00"}],
        )
    ),
}


@pytest.mark.parametrize(("line", "change"), BROKEN.items(), ids=BROKEN)
def test_what_is_broken_needs_a_person_and_says_what_to_do(line, change):
    found = facts()
    change(found)
    status = judge(found)
    assert status["status"] == "attention"
    assert [one for one in lines(found) if one.startswith(line)], lines(found)
    jsonschema.validate(status, SCHEMA)


def test_what_is_broken_wins_over_what_could_not_be_looked_at():
    found = facts()
    account(found, "servers")["state"] = "stopped"
    found["account"]["looks"]["alarms"] = {"error": "AWS denied cloudwatch:DescribeAlarms."}
    assert judge(found)["status"] == "attention"
    assert lines(found, "unknown") == ["Alarms: AWS denied cloudwatch:DescribeAlarms. -> "]


NOTES = {
    "Changes: runs now: a change of table-order by kim@laptop since 2026-11-27T09:00:00Z -> ": lambda found: (
        found["account"]["looks"]["lock"]["found"][1].update(
            content={**account(found, "lock")["content"], **LIVES}
        )
    ),
    "Changes: no run has changed the account yet -> ": set_found("lock", []),
    "Application: runs now: deploy by kim -> ": set_application(lock="deploy by kim"),
    "Application: requests go to the candidate b -> ": set_application(candidate="b"),
    "Alarms: 2 of 3 OK; without data: table-order-ec2-high-cpu -> ": set_account(
        "alarms", "state", "INSUFFICIENT_DATA"
    ),
    "Database: pending system-update: New Operating System -> ": set_found("maintenance", [ACTION]),
    "Database: AWS has not applied yet: DBInstanceClass -> ": set_account(
        "databases", "pending", {"DBInstanceClass": "db.t3.medium", "ProcessorFeatures": []}
    ),
    "Cache: AWS has not applied yet: CacheNodeType -> ": set_account(
        "caches", "pending", {"CacheNodeType": "cache.t3.small"}
    ),
    "Server: 0 pending security updates; release 2023.12.20260817 is there -> ": set_part(
        "updates", {"packages": [], "release": "2023.12.20260817"}
    ),
    "Certificates: nginx presents no certificate -> ": set_part("certificates", []),
}


@pytest.mark.parametrize(("line", "change"), NOTES.items(), ids=NOTES)
def test_what_is_only_worth_knowing_needs_nobody(line, change):
    found = facts()
    change(found)
    assert judge(found)["status"] == "fine"
    assert line in lines(found, "note")


def test_a_procedure_that_runs_now_is_under_way():
    found = facts()
    held = {**account(found, "lock")["content"], **LIVES, "what": "a recover_database of table-order"}
    found["account"]["looks"]["lock"]["found"][1]["content"] = held
    at = {"name": "/table-order/procedure/recover_database", "modified": "2026-11-28T14:00:00+00:00"}
    set_found("procedures", [at])(found)
    assert judge(found)["status"] == "fine"
    assert "Changes: under way: recover_database, last step 2026-11-28 14:00 -> " in lines(found, "note")
    found["lock_ended"] = True
    assert len(lines(found)) == 2


def test_a_database_that_is_gone_with_its_backups_kept_says_until_when_it_is_restorable():
    found = facts()
    set_found("databases", [])(found)
    kept = "Backups: the database is gone; its backups are kept, restorable until 2026-11-28 14:56"
    assert any(line.startswith(kept) for line in lines(found, "note"))


def test_a_version_or_an_authority_that_nothing_knows_is_unknown():
    found = facts()
    account(found, "databases").update(version="99.1", authority="rds-ca-2099")
    assert [line.partition(" -> ")[0] for line in lines(found, "unknown")] == [
        "Database: The price table has no end of standard support for postgres 99.",
        "Certificates: AWS does not list the database's authority rds-ca-2099.",
    ]


def test_without_a_host_name_nothing_is_asked_of_acm():
    found = facts()
    found["host_name"] = ""
    del found["account"]["looks"]["certificates"]
    assert judge(found)["status"] == "fine"


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("disk_percent", 31),
        ("memory_percent", 41),
        ("certificate_days", 92),
        ("backup_hours", 20),
        ("restorable_minutes", 3),
        ("support_days", 459),
    ],
)
def test_each_limit_can_be_set(limit, value):
    found = facts()
    found["limits"] = {limit: value}
    assert judge(found)["status"] == "attention"


def test_each_limit_is_documented():
    text = (ROOT / "roles/table_order/meta/argument_specs.yml").read_text()
    for name in LIMITS:
        assert name in text
        assert f"`{name}`" in (ROOT / "docs/runbooks/status.md").read_text()

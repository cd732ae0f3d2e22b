"""Passwords and the signing key are rotated under load, and killed at each step: new ones current and proven, old ones refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from plugins.filter.db_migrate_scram import scram_verifier
from tests.drills import database, runbook
from tests.e2e import kills, site
from tests.e2e.deployment import killed_at, load

CONFIRM = ("-e", f"table_order_confirm={site.TARGET.name}")
# Of each secret: what is drawn, and what else changes. The tests' cache has no password: test_cache_move.py rotates one.
ROTATED = {
    f"{site.TARGET.name}/rds/master": ("password", ()),
    f"{site.TARGET.name}/rds/owner": ("password", ()),
    f"{site.TARGET.name}/app/database": ("password", ("username",)),
    f"{site.TARGET.name}/app/settings": ("secret_key", ("secret_key_previous", "secret_key_previous_until")),
}
DATABASE = [name for name in ROTATED if name.rpartition("/")[2] != "settings"]
APPLICATION = f"{site.TARGET.name}/app/database"
# Right after the call: the next value is there, RDS has it, it is current.
OF_MASTER = [
    "secretsmanager:PutSecretValue 1",
    "rds:ModifyDBInstance 1",
    "secretsmanager:UpdateSecretVersionStage 1",
]


def has_password(user: str, password: str) -> bool:
    """Tell whether it is the password of a role, by what the database has stored."""
    stored = database.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'")  # noqa: S608 - a name of a secret
    # None: the log-in is closed.
    return bool(stored) and stored == scram_verifier(
        password, base64.b64decode(stored.split("$")[1].partition(":")[2])
    )


def pending(name: str) -> dict[str, str]:
    """Return the next value of a secret."""
    answer = site.aws("secretsmanager").get_secret_value(SecretId=name, VersionStage="AWSPENDING")
    return json.loads(answer["SecretString"])


def require_rotation(before: dict[str, dict[str, str]]) -> None:
    """Fail unless the secrets have new values, the database has its passwords, and no rotation is unfinished."""
    after = site.secrets()
    assert {name for name in before if before[name] != after[name]} == {*ROTATED}
    for name, (drawn, others) in ROTATED.items():
        assert after[name][drawn] != before[name][drawn]
        assert after[name] == {**before[name], **{key: after[name][key] for key in (drawn, *others)}}
        if name in DATABASE:
            assert has_password(after[name]["username"], after[name]["password"])
            assert not has_password(before[name]["username"], before[name]["password"])
        labels = site.aws("secretsmanager").describe_secret(SecretId=name)["VersionIdsToStages"]
        assert sorted(label for its in labels.values() for label in its) == ["AWSCURRENT", "AWSPREVIOUS"]


def test_the_secrets_are_rotated_under_load(tmp_path: Path, record_property: Any) -> None:
    before, written = site.secrets(), tmp_path / "result.json"
    told = runbook.play("rotate_secrets", "--check").check()
    assert "a new signing key of the application" in told.output
    assert site.secrets() == before
    with load(tmp_path, 20, 20) as running:
        run = runbook.play("rotate_secrets", "-e", f"procedure_json={written}").check()
    require_rotation(before)
    assert running.lost() == {}
    # Neither on the screen nor in a message of a task.
    values = {one[name][key] for one in (before, site.secrets()) for name, (key, _others) in ROTATED.items()}
    assert not [value for value in values if value in run.output]
    assert json.loads(written.read_text())["status"] == "done"
    # A deployment logs in with all.
    assert site.play("playbooks/deploy.yml").check().changed == 0
    record_property("failed", 0)


def test_killed_at_each_step_the_next_run_goes_on_with_the_same_value(
    tmp_path: Path, record_property: Any
) -> None:
    before, killer, left, drawn = site.secrets(), kills.Calls(), list(OF_MASTER), []
    with load(tmp_path, 20, 20) as running:
        while left:
            place = killer.kill(left, *runbook.command("rotate_secrets"), "-e", "rotate_secrets=master")
            assert place, f"the run has ended without {left}"
            left.remove(place)
        # The application's next log-in is drawn, the database has it, it is current, the live release has it.
        for boundary, task in (
            ("PutSecretValue", "Log in as the application with the next password"),
            ("UpdateSecretVersionStage", "Refuse the old log-in of the application in the database"),
        ):
            place = kills.Calls().kill(
                [f"secretsmanager:{boundary} 1"],
                *runbook.command("rotate_secrets"),
                *("-e", "rotate_secrets=application"),
            )
            assert place
            drawn.append(pending(APPLICATION))
            killed_at(
                task, "rotate_secrets", rotate_secrets="application", table_order_confirm=site.TARGET.name
            )
        runbook.play("rotate_secrets", "-e", "rotate_secrets=application").check()
        assert drawn == [site.secrets()[APPLICATION]] * 2
        # The key is current, and the live release does not have it yet.
        place = kills.Calls().kill(
            ["secretsmanager:UpdateSecretVersionStage 1"],
            *runbook.command("rotate_secrets"),
            *("-e", "rotate_secrets=signing_key"),
        )
        assert place
        # The database has the owner's next password, and its secret does not.
        killed_at(
            "Wait until the database accepts the next password",
            "rotate_secrets",
            nth=2,
            table_order_confirm=site.TARGET.name,
        )
        owner = f"{site.TARGET.name}/rds/owner"
        assert not has_password(before[owner]["username"], before[owner]["password"])
        runbook.play("rotate_secrets").check()
    require_rotation(before)
    assert running.lost() == {}
    assert site.play("playbooks/deploy.yml").check().changed == 0
    record_property("failed", 0)


def test_a_rollback_after_rotations_has_the_password_of_now(tmp_path: Path, record_property: Any) -> None:
    """After two of them the log-in has the first one's name again."""
    site.play("playbooks/deploy.yml", "-e", "fastapi_app_force=true").check()
    seen = [site.secrets()[APPLICATION]]
    with load(tmp_path, 20, 20) as running:
        for _time in range(2):
            runbook.play("rotate_secrets", "-e", "rotate_secrets=application").check()
            seen.append(site.secrets()[APPLICATION])
        site.play("playbooks/rollback.yml").check()
    assert seen[0]["username"] == seen[2]["username"] != seen[1]["username"]
    assert len({one["password"] for one in seen}) == len(seen)
    assert running.lost() == {}
    site.play("playbooks/verify.yml").check()
    record_property("failed", 0)

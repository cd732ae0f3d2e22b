"""The cache is deleted under load: nobody's order fails, and with a new cache the streams are live again, as the runbook says."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.drills import runbook
from tests.e2e import deployment, kills, site
from tests.e2e.deployment import load, settled, state

CONFIRMED = ("-e", f"table_order_confirm={site.TARGET.name}")
# A quarter of the usual load.
RATE, STREAMS = 50, 50
pytestmark = pytest.mark.timeout(3600)


def endpoint() -> str:
    """Return the endpoint of the cache."""
    [group] = site.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    return group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]


def delete() -> None:
    """Delete the cache, as a person does by mistake."""
    [group] = site.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    site.aws("elasticache").delete_replication_group(ReplicationGroupId=group["ReplicationGroupId"])


def cache_of_the_application() -> str:
    """Return what the application says of its cache: "ok" while its streams are live."""
    return json.loads(deployment.server("curl --silent http://127.0.0.1:8000/api/health"))["checks"]["redis"]


def test_a_deleted_cache_comes_back_without_a_failed_order(tmp_path: Path, record_property: Any) -> None:
    before, live, written = endpoint(), state().live, tmp_path / "result.json"
    # Rotations of other drills have added versions of secrets.
    resources = site.inventory_of_resources()
    refused = runbook.play("recover_cache", *CONFIRMED)
    assert refused.status != 0
    assert "nothing is missing" in " ".join(refused.output.split())
    with load(tmp_path, RATE, STREAMS) as running:
        delete()
        until = time.monotonic() + 60
        while cache_of_the_application() == "ok":
            assert time.monotonic() < until, "the application does not notice"
            time.sleep(1)
        runbook.play("recover_cache", *CONFIRMED, "-e", f"procedure_json={written}").check()
        assert cache_of_the_application() == "ok"
        time.sleep(5)
    assert endpoint() != before
    assert running.lost() == {}
    assert site.inventory_of_resources() == resources
    assert site.parameters(f"/{site.TARGET.name}/procedure") == []
    found = state()
    settled(found)
    assert found.live == live
    result = json.loads(written.read_text())
    record_property("rto", result["rto"])
    record_property("failed", running.shown["not_2xx"] + running.shown["lost"])
    record_property("lost", running.shown["orders_missing"])
    record_property("document", "15 to 20 min")
    again = site.play("playbooks/deploy.yml").check()
    assert again.changed == 0, "\n".join(again.changes)


def test_killed_after_the_creation_and_in_the_cutover_the_next_run_finishes() -> None:
    resources = site.inventory_of_resources()
    delete()
    place = kills.Calls().kill(
        ["elasticache:CreateReplicationGroup 1"], *runbook.command("recover_cache"), *CONFIRMED
    )
    assert place
    deployment.killed_at(
        "Send traffic to the candidate", "recover_cache", table_order_confirm=site.TARGET.name
    )
    runbook.play("recover_cache", *CONFIRMED).check()
    assert cache_of_the_application() == "ok"
    assert site.inventory_of_resources() == resources
    assert site.parameters(f"/{site.TARGET.name}/procedure") == []
    settled(state())

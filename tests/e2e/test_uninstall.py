"""The service is taken away again: what was asked for, with or without its data. Runs on the site that the other tests leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import aws_rules
from tests.e2e import bystanders, kills, site
from tests.e2e.conftest import FirstRun

DESTROY = ("playbooks/destroy.yml", "-e", f"table_order_confirm={site.TARGET.name}")
WITH_DATA = (*DESTROY, "-e", '{"table_order_remove_data": true}')
DATA = {"buckets", "secrets", "logs", "snapshots"}
# What the first run makes and provision.yml does not, when the data is there; the tag holds the host key that the server shows, the
# third parameter, after those of the lock, the live release.
NOT_AGAIN = ("s3:", "secretsmanager:", "logs:", "ec2:CreateTags", "ssm:PutParameter 3")


@pytest.fixture(scope="module", autouse=True)
def _site(first_run: FirstRun) -> None:
    if not site.inventory_of_resources()["servers"]:
        site.play("site.yml").check()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ([], "-e table_order_confirm=table-order"),
        (["-e", "table_order_confirm=table-order-staging"], "-e table_order_confirm=table-order"),
        (["--limit", "compute"], "run the playbook without --limit"),
        (["--limit", "data"], "run the playbook without --limit"),
    ],
    ids=str,
)
def test_a_service_that_nobody_has_named_stays(said: list[str], answer: str) -> None:
    run = site.play("playbooks/destroy.yml", *said)
    assert run.status != 0
    assert answer in " ".join(run.output.split())
    assert run.changed == 0
    assert site.inventory_of_resources()["servers"] == 1


def test_check_mode_only_reads(artifacts: Path) -> None:
    site.start_recording()
    run = site.play("playbooks/destroy.yml", "--check", "-e", '{"table_order_remove_data": true}').check()
    calls = aws_rules.load(site.stop_recording(artifacts / "check-destroy.jsonl"))
    assert aws_rules.writes(calls.by("local")) == []
    assert "Would delete the bucket" in run.output
    assert run.changed >= 20


def test_it_leaves_nothing_but_the_data(artifacts: Path) -> None:
    before = site.secrets()
    site.start_recording()
    run = site.play(*DESTROY).check()
    print(f"destroyed in {run.seconds:.0f} s")
    site.stop_recording(artifacts / "destroy.jsonl")
    left = site.left_over()
    assert set(left) == DATA, left
    assert any(f"{site.TARGET.name}-db-final-" in name for name in left["snapshots"])
    assert site.secrets() == before
    again = site.play(*DESTROY).check()
    assert again.changed == 0, "\n".join(again.changes)


def test_it_comes_back_when_its_runs_are_killed(
    first_run: FirstRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an account with nothing but the data, at three writing calls; tests/drills/test_runs_killed.py takes them all."""
    before, seed = site.secrets(), kills.seed()
    calls = [call for call in first_run.calls if not call.startswith(NOT_AGAIN)]
    left = kills.draw(calls, 3, seed)
    with capsys.disabled():
        print(f"\nkilled after {', '.join(left)} (TABLE_ORDER_SEED={seed})")
    killer = kills.Calls()
    while left:
        place = killer.kill(left, "playbooks/provision.yml")
        assert place, f"the run has ended without {left}"
        left.remove(place)
    site.play("playbooks/provision.yml").check()
    assert site.inventory_of_resources() == site.ONE_OF_EVERYTHING
    assert site.secrets() == before
    again = site.play("playbooks/provision.yml").check()
    assert again.changed == 0, "\n".join(again.changes)


def test_with_the_data_nothing_is_left(artifacts: Path) -> None:
    """Also what was kept before, and provision.yml has taken up again; of others, everything is left."""
    [bucket] = site.left_over()["buckets"]
    site.aws("s3").put_object(Bucket=bucket, Key="menus/1/picture.png", Body=b"x")
    [topic] = site.left_over()["topics"]
    site.aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
    snapshots = site.left_over()["snapshots"]
    others = bystanders.make()
    assert all(others.values()), others
    site.start_recording()
    site.play(*WITH_DATA).check()
    site.stop_recording(artifacts / "destroy-data.jsonl")
    assert bystanders.look() == others
    bystanders.remove()
    assert site.left_over() == {"snapshots": snapshots}
    assert site.parameters(f"/{site.TARGET.name}") == [], "the live release of a service that is gone"
    # The names of the secrets are taken, until the next run restores them.
    site.play("playbooks/provision.yml", "--check").check()
    site.play("playbooks/provision.yml").check()
    assert site.inventory_of_resources() == site.ONE_OF_EVERYTHING

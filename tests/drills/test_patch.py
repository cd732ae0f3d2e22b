"""The server is updated under load, returns to its image when it does not pass, and is killed at each step.

The site's server is the look-alike of Amazon Linux 2023. Its second release has a newer nginx, its third a kernel and
Python, too.
A container fakes the kernel, and its reboot is a new start of systemd.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills import runbook
from tests.e2e import kills, site
from tests.e2e.deployment import killed_at, load, play, replace, server, settled, state, variant

MAKES_ITS_SITE = True
FIRST, SECOND, THIRD = "2023.5.20241001", "2023.6.20250115", "2023.7.20250331"
# A quarter of the usual load: a reboot is in between.
RATE, STREAMS = 50, 50
RETURN = ("-e", "table_order_patch_return=latest")
# Takes the right to execute nginx away as soon as an update has replaced it: it is in the image, and does nothing there.
BREAKS = """
cat > /etc/systemd/system/drill.path <<'UNIT'
[Path]
PathChanged=/usr/sbin/nginx
[Install]
WantedBy=multi-user.target
UNIT
cat > /etc/systemd/system/drill.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for try in 1 2 3 4 5; do chmod a-x /usr/sbin/nginx; sleep 0.5; done'
UNIT
systemctl daemon-reload; systemctl enable --now drill.path
"""
MENDS = (
    "systemctl disable --now drill.path; rm -f /etc/systemd/system/drill.*; chmod a+x /usr/sbin/nginx; "
    "systemctl daemon-reload"
)


@pytest.fixture(scope="module", autouse=True)
def _site(request: pytest.FixtureRequest) -> Iterator[None]:
    keep = os.environ.get("DRILLS_KEEP")
    os.environ["TABLE_ORDER_TEST_SERVER"] = "amazon_linux_2023"
    if not keep:
        site.fresh_cloud()
    site.play("site.yml").check()
    yield
    del os.environ["TABLE_ORDER_TEST_SERVER"]
    if not keep and not all(getattr(item.module, "MAKES_ITS_SITE", False) for item in request.session.items):
        site.fresh_cloud()
        site.play("site.yml").check()


def to(release: str) -> tuple[str, str]:
    return "-e", f"table_order_patch_release={release}"


def patch(*options: str) -> site.Run:
    """Run the page's command with another release or more options."""
    return runbook.play("patch", *options)


def said(run: site.Run) -> str:
    return " ".join(run.output.split())


def release() -> str:
    return server("rpm -q --qf '%{VERSION}' system-release")


def nginx() -> str:
    return server("rpm -q --qf '%{RELEASE}' nginx-core")


def images() -> list[str]:
    """Return how far the patches of each image came, the oldest first."""
    found = site.aws("ec2").describe_images(Owners=["self"])["Images"]
    tags = [{tag["Key"]: tag["Value"] for tag in image["Tags"]} for image in found]
    return [one["Patch"] for one in sorted(tags, key=lambda one: one["Name"])]


def recorded() -> str:
    """Return the live release by the account's record."""
    found = site.aws("ssm").get_parameter(Name=f"/{site.TARGET.name}/release")
    return json.loads(found["Parameter"]["Value"])["release"]


def one_server(instance: str, address: str) -> None:
    """Require the same server at the same address, and a verified service."""
    assert site.inventory_of_resources() == site.ONE_OF_EVERYTHING
    assert (site.instance(), site.public_address()) == (instance, address)
    found = state()
    settled(found)
    assert recorded() == found.live
    site.play("playbooks/verify.yml").check()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", f"The newest release is {THIRD}"),
        ("2023.9.20990101", "does not have"),
        ("2023.4.20240101", "has the newer release"),
    ],
    ids=["none", "unknown", "older"],
)
def test_a_release_that_would_change_nothing_is_refused(asked: str, message: str) -> None:
    refused = patch(*to(asked))
    assert refused.status != 0
    assert message in said(refused)
    assert (release(), images()) == (FIRST, [])


def test_an_update_without_a_reboot_fails_no_request_but_in_the_takeover(
    tmp_path: Path, record_property: Any
) -> None:
    instance, address, before = site.instance(), site.public_address(), nginx()
    told = patch("--check", *to(SECOND)).check()
    assert f"from release {FIRST} to {SECOND}" in said(told)
    assert (told.changed, images()) == (0, [])
    with load(tmp_path, RATE, STREAMS) as running:
        run = patch(*to(SECOND))
    run.check()
    print(f"updated in {run.seconds:.0f} s: {json.dumps(running.shown)}")
    record_property("failed", sum(running.lost().values()))
    record_property("lost", running.shown["orders_missing"])
    # nginx ends idle connections when its new program takes over: what is sent on one in that moment has no answer.
    unanswered = [at for at, _, _, fault in running.requests if fault.startswith("LostError")]
    assert not unanswered or max(unanswered) - min(unanswered) < 2
    assert running.lost().keys() <= {"lost"}
    assert (release(), images()) == (SECOND, ["done"])
    assert nginx() != before
    assert server("readlink /proc/$(cat /run/nginx.pid)/exe") == "/usr/sbin/nginx"
    one_server(instance, address)
    again = patch(*to(SECOND)).check()
    assert "Nothing to do" in again.output
    assert again.changed == 0, "\n".join(again.changes)


def test_a_server_that_does_not_pass_returns_by_itself(tmp_path: Path, record_property: Any) -> None:
    instance, address = site.instance(), site.public_address()
    server(BREAKS)
    with load(tmp_path, RATE, STREAMS) as running:
        run = patch(*to(THIRD))
    print(f"failed and returned in {run.seconds:.0f} s: {json.dumps(running.shown)}")
    assert run.status != 0
    assert "was returned to image" in said(run)
    assert "by itself" in said(run)
    record_property("rto", round(run.seconds))
    record_property("failed", running.shown["not_2xx"] + running.shown["lost"])
    record_property("lost", running.shown["orders_missing"])
    assert (running.shown["orders_missing"], running.shown["orders_twice"]) == (0, 0)
    assert release() == SECOND
    assert images()[-1] == "returned"
    server(MENDS)
    one_server(instance, address)


def test_killed_at_each_step_the_next_run_finishes() -> None:
    instance, address = site.instance(), site.public_address()
    place = kills.Calls().kill(["ec2:CreateImage 1"], *runbook.command("patch"), *to(THIRD))
    assert place == "ec2:CreateImage 1"
    taken = images()
    assert taken[-1] == "begun"
    variables = {
        "table_order_confirm": site.TARGET.name,
        "table_order_patch_release": THIRD,
    }
    for task in ("Update the packages (Amazon Linux)", "Restart the server"):
        killed_at(task, "patch", into=2, **variables)
    patch(*to(THIRD)).check()
    assert release() == THIRD
    # Each run went on with the first one's image.
    assert images() == [*taken[:-1], "done"]
    one_server(instance, address)
    assert "Nothing to do" in patch(*to(THIRD)).check().output


@pytest.mark.parametrize("place", ["ec2:CreateTags 1", "ec2:CreateReplaceRootVolumeTask 1"])
def test_a_return_that_was_killed_is_completed(place: str) -> None:
    instance, address = site.instance(), site.public_address()
    assert kills.Calls().kill([place], *runbook.command("patch"), *RETURN) == place
    assert images()[-1] == "returning"
    # Without the option: the image says that the server returns.
    run = patch().check()
    assert "was returned to image" in said(run)
    assert (release(), images()[-1]) == (SECOND, "returned")
    one_server(instance, address)
    patch(*to(THIRD)).check()
    assert images()[-1] == "done"


def test_a_role_is_updated_alone_after_a_return_to_the_release_of_the_image(tmp_path: Path) -> None:
    def reworded(source: Path) -> None:
        replace(source / "backend/app/controllers/health.py", "Answer without", "Reply without")

    of_the_image = state().live
    play("deploy", fastapi_app_source=variant(tmp_path / "next", reworded)).check()
    assert recorded() != of_the_image
    patch(*RETURN).check()
    assert (state().live, recorded()) == (of_the_image, of_the_image)
    before = nginx()
    patch(*to(THIRD), "--tags", "nginx").check()
    assert nginx() != before
    assert release() == SECOND
    assert "kernel6.12" in server(f"dnf --quiet --releasever={THIRD} check-update || true")


def test_a_migration_since_the_image_refuses_the_return() -> None:
    schema = "/var/lib/table-order/schema.json"
    server(f"cp {schema} {schema}.before")
    known = json.loads(server(f"cat {schema}"))
    known["revisions"].append({"id": "9999", "title": "a drill", "contract": False})
    server(f"echo '{json.dumps(known)}' > {schema}")
    refused = patch(*RETURN)
    server(f"mv {schema}.before {schema}")
    assert refused.status != 0
    assert "The database was migrated since" in said(refused)
    assert images()[-1] == "abandoned"


def test_old_images_and_their_snapshots_are_gone() -> None:
    assert len(images()) <= 4
    kept = site.aws("ec2").describe_images(Owners=["self"])["Images"]
    snapshots = site.aws("ec2").describe_snapshots(
        Filters=[{"Name": "tag:Project", "Values": ["table-order"]}]
    )["Snapshots"]
    assert {one["SnapshotId"] for one in snapshots} == {
        mapping["Ebs"]["SnapshotId"] for image in kept for mapping in image["BlockDeviceMappings"]
    }

"""Staging's and production's inventories, in the order of a service's life, on the look-alike of Amazon Linux 2023."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import deployment, site, test_site, test_uninstall
from tests.e2e.conftest import FirstRun
from tests.e2e.deployment import replace, settled, state, variant

test_check_mode_on_an_empty_account_only_reads = test_site.test_check_mode_on_an_empty_account_only_reads
test_the_first_run_builds_and_verifies_the_site = test_site.test_the_first_run_builds_and_verifies_the_site


def test_the_server_is_amazon_linux_with_its_own_user(first_run: FirstRun) -> None:
    found = deployment.server("cat /etc/os-release; ls /home")
    assert 'PLATFORM_ID="platform:al2023"' in found
    assert "ec2-user" in found


test_the_first_run_obeys_the_rules_of_aws = test_site.test_the_first_run_obeys_the_rules_of_aws
test_a_second_run_changes_nothing = test_site.test_a_second_run_changes_nothing
test_check_mode_on_the_finished_account_only_reads = (
    test_site.test_check_mode_on_the_finished_account_only_reads
)


def test_a_deployment_a_rollback_and_the_status(first_run: FirstRun, tmp_path: Path) -> None:
    before = state().live

    def other(directory: Path) -> None:
        replace(directory / "backend/app/main.py", 'title="Table Order"', 'title="Table Order, next"')

    source = variant(tmp_path / "source", other)
    deployment.play("deploy", fastapi_app_source=source, fastapi_app_why="a rehearsal").check()
    after = state()
    settled(after)
    assert after.live != before
    deployment.play("rollback").check()
    assert state().live == before
    shown = deployment.play("status").check()
    assert shown.changed == 0
    assert before in shown.output


def test_a_patch_and_a_return_to_its_image(first_run: FirstRun) -> None:
    """With the operator's policies; what guests notice and what breaks is in tests/drills/test_patch.py."""
    confirmed = {"table_order_confirm": site.TARGET.name}
    instance, address, before = site.instance(), site.public_address(), server_release()
    deployment.play("patch", table_order_patch_release="2023.6.20250115", **confirmed).check()
    assert (before, server_release()) == ("2023.5.20241001", "2023.6.20250115")
    returned = deployment.play("patch", table_order_patch_return="latest", **confirmed).check()
    assert "was returned to image" in " ".join(returned.output.split())
    assert (site.instance(), site.public_address(), server_release()) == (instance, address, before)
    settled(state())


def server_release() -> str:
    return deployment.server("rpm -q --qf '%{VERSION}' system-release")


test_it_leaves_nothing_but_the_data = test_uninstall.test_it_leaves_nothing_but_the_data


def test_the_service_comes_back(artifacts: Path) -> None:
    before = site.secrets()
    site.start_recording()
    run = site.play("site.yml").check()
    site.stop_recording(artifacts / "back.jsonl")
    assert "FAIL " not in run.output
    assert site.secrets() == before
    assert site.play("site.yml").check().changed == 0

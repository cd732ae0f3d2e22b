"""A deployment of the version before the cutover's modules is killed in each of its phases, and this version finishes it.

The servers that exist were configured by that version, and left in its states.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.test_deployments import titled
from tests.e2e import deployment, site
from tests.e2e.deployment import load, play, settled, state, variant

MAKES_ITS_SITE = True
# The last version whose cutover was task files; needs the history of the repository.
OLDER = "974c87dabc4111c962ce89ca4c041bc2f4966e05"
# A task of each phase of that version, in their order.
PHASES = [
    "Release | Name the release",
    "Check | Import the application",
    "Candidate | Start the candidate",
    "Candidate | Probe the candidate",
    "Switch | Record the old and the new release",
    "Switch | Send requests to the candidate",
    "Switch | Link the front ends of the release",
    "Finish | Drain the service",
    "Replace | Stop the service",
    "Replace | Link the service to the release",
    "Replace | Start the service",
    "Replace | Record the running release",
    "Switch back | Send requests to the service",
    "Switch back | Drain the candidate",
    "Stop candidate | Stop the candidate",
    "Stop candidate | Remove the files of the candidate",
    "Prune | Remove the oldest releases",
]


@pytest.fixture(scope="module")
def older() -> Iterator[list[str]]:
    """Return the command before a run that has it use the older version's playbooks and inventory, with this one's state."""
    directory = site.ROOT / ".state/older"
    git("worktree", "add", "--force", "--detach", str(directory), OLDER)
    try:
        (directory / ".state").symlink_to("..")
        callbacks = f"ANSIBLE_CALLBACK_PLUGINS={directory}/plugins/callback"
        yield ["env", f"--chdir={directory}", callbacks, *deployment.ELSEWHERE]
    finally:
        git("worktree", "remove", "--force", str(directory))


def git(*arguments: str) -> None:
    """Run git in this repository; a failure shows what git said."""
    run = subprocess.run(["git", *arguments], cwd=site.ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"git {' '.join(arguments)}: {run.stderr}"


@pytest.fixture(scope="module")
def sources(older: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Have the older version create the site, with two complete releases; returns their sources, the second one is live."""
    both = [variant(tmp_path_factory.mktemp(name) / "source", titled(name)) for name in ("one", "two")]
    site.fresh_cloud()
    site.play("site.yml", before=older).check()
    for source in both:
        run = site.play(
            "playbooks/deploy.yml", "-e", json.dumps({"fastapi_app_source": source}), before=older
        )
        run.check()
    return both


@pytest.mark.parametrize("phase", PHASES)
def test_a_deployment_of_the_older_version_is_finished_by_this_one(
    phase: str, older: list[str], sources: list[dict[str, str]], tmp_path: Path
) -> None:
    wanted = {"fastapi_app_source": sources[0]}
    sources.reverse()
    with load(tmp_path) as running:
        deployment.killed_at(phase, before=older, **wanted)
        run = play("deploy", **wanted)
    print(f"older version killed in {phase}: then {run.seconds:.0f} s, {json.dumps(running.shown)}")
    run.check()
    assert running.lost() == {}
    settled(state())
    assert play("deploy", **wanted).check().changed == 0

"""Runs a role's preflight for a whole table of settings in one go: a process for each case would take minutes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]
ANSIBLE = ["ansible-playbook"]
# The same without a fork for each task. -P: without the program's directory on Python's path.
INLINE = [sys.executable, "-P", str(ROOT / "tests/unit/inline_playbook.py")]
OF_ONE_RUN = {"start", "end", "delta"}


def run_play(
    directory: Path,
    play: list[dict] | str,
    inventory: dict,
    status: int = 0,
    program: Iterable[str] = INLINE,
) -> str:
    """Run ``play`` on ``inventory``, a host for each case; return its JSON report, and fail on another exit status."""
    hosts, playbook = directory / "hosts.json", directory / "play.yml"
    hosts.write_text(json.dumps(inventory, ensure_ascii=False))
    playbook.write_text(play if isinstance(play, str) else json.dumps(play))
    settings = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_FORKS": "4",
        # What looks for servers, and what runs AWS's modules, would be loaded for nothing.
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "TABLE_ORDER_WARM_PYTHON": "false",
    }
    run = subprocess.run(
        [*program, "-i", hosts, playbook],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | settings,
    )
    assert run.returncode == status, run.stdout[-3000:] + run.stderr
    return run.stdout


def results(printed: str, hosts: Iterable[str]) -> dict[str, list]:
    """Return for each of ``hosts`` the tasks that it came by, and what each gave, but for what differs in each run."""
    found: dict[str, list] = {host: [] for host in hosts}
    for play in json.loads(printed)["plays"]:
        for task in play["tasks"]:
            for host in found.keys() & task["hosts"].keys():
                found[host].append((task["task"]["name"], without_times(task["hosts"][host])))
    return found


def without_times(value: object) -> object:
    """Leave out when it was and how long it took."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in OF_ONE_RUN}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def assert_ansible_gives(printed: str, hosts: Iterable[str], *given: object) -> None:
    """Fail unless ansible-playbook, on ``hosts`` alone, gives each what ``printed`` reports; ``given`` is run_play's."""
    directory, play, inventory, status = (*given, 0)[:4]
    said = run_play(directory, play, inventory, status, [*ANSIBLE, "--limit", ",".join(hosts)])
    alone = results(said, hosts)
    assert results(printed, hosts) == alone
    assert all(alone.values())

"""Runs a role's preflight for a whole table of settings in one go: a process for each case would take minutes."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run_play(folder: Path, play: list[dict] | str, inventory: dict, status: int = 0) -> str:
    """Run ``play`` on ``inventory``, a host for each case; return its JSON report, and fail on another exit status."""
    hosts, playbook = folder / "hosts.json", folder / "play.yml"
    hosts.write_text(json.dumps(inventory, ensure_ascii=False))
    playbook.write_text(play if isinstance(play, str) else json.dumps(play))
    settings = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_FORKS": "4",
    }
    run = subprocess.run(
        ["ansible-playbook", "-i", hosts, playbook],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | settings,
    )
    assert run.returncode == status, run.stdout[-3000:] + run.stderr
    return run.stdout

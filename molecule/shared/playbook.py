"""Runs a playbook of the scenario again, for tests that look at what it announces."""

import os
import re
import subprocess
from pathlib import Path


def changes(playbook: str, *arguments: str) -> int:
    """Run one of the scenario's playbooks and return the number of changes, over all hosts. Fail when it fails."""
    project = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    run = subprocess.run(
        [
            "ansible-playbook",
            *arguments,
            f"--inventory={project / 'molecule/shared/inventory'}",
            f"--inventory={scenario / 'inventory'}",
            str(scenario / playbook),
        ],
        capture_output=True,
        text=True,
        check=False,
        # Molecule asks for colours, and what stands right behind an escape sequence begins no word: "changed=1" was missed.
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    counts = [int(number) for number in re.findall(r"\bchanged=(\d+)", run.stdout)]
    assert counts, run.stdout
    if any(counts):
        print(run.stdout)
    return sum(counts)

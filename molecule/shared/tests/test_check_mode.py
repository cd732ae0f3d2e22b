"""Check mode on the finished host: it must neither fail nor announce a change."""

import os
import re
import subprocess
from pathlib import Path


def test_check_mode_reports_no_change():
    project = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    run = subprocess.run(
        [
            "ansible-playbook",
            "--check",
            "--diff",
            f"--inventory={project / 'molecule/shared/inventory'}",
            f"--inventory={scenario / 'inventory'}",
            str(scenario / "converge.yml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    changed = [int(number) for number in re.findall(r"\bchanged=(\d+)", run.stdout)]
    assert changed, run.stdout
    assert not any(changed), run.stdout

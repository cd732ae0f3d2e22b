"""Runs the scenario's playbooks from its tests, with its inventory and, unless a limit is named, on all its hosts."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])


@dataclass
class Result:
    """How a run has ended."""

    status: int
    changes: int
    """The number of changes, over all hosts; -1 where the run came to no summary."""
    output: str
    """Everything it said, with each run of white space as one space: ansible folds long messages."""


class Run:
    """A playbook of the scenario (a name), or another one (a path), that runs from now on."""

    def __init__(self, playbook: str | Path, *arguments: str):
        # Molecule asks for colours, whose codes would stand between words; YAML would double some quotes.
        plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        inventories = (f"--inventory={path}/inventory" for path in (PROJECT / "molecule/shared", SCENARIO))
        self.process = subprocess.Popen(
            ["ansible-playbook", *inventories, *arguments, str(SCENARIO / playbook)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **plain},
        )

    def wait(self) -> Result:
        output, _ = self.process.communicate()
        counts = [int(number) for number in re.findall(r"\bchanged=(\d+)", output)]
        return Result(self.process.returncode, sum(counts) if counts else -1, " ".join(output.split()))


def run(playbook: str | Path, *arguments: str) -> Result:
    return Run(playbook, *arguments).wait()


def settings(**values: Any) -> str:
    """Return the argument that sets variables."""
    return f"--extra-vars={json.dumps(values)}"


def changes(playbook: str, *arguments: str) -> int:
    """Run a playbook that must not fail, and return the number of changes."""
    result = run(playbook, *arguments)
    assert result.status == 0, result.output
    if result.changes:
        print(result.output)
    return result.changes

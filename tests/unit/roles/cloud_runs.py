"""Runs plays of the project against the local cloud in this process, with an inventory as the real ones are."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.table_order.infra.plugins.callback.warm_python import UTILITIES, write_interpreter

from tests.unit.roles.preflight_runs import INLINE

ROOT = Path(__file__).parents[3]
# As the inventory plugin gives it to the lanes.
INTERPRETER = "{{ lookup('ansible.builtin.env', 'TABLE_ORDER_PYTHON', default=ansible_playbook_python) }}"
CALLBACK = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


@functools.cache
def warm_python() -> tuple[dict[str, str], subprocess.Popen]:
    """Start the Python that AWS's modules run in, once for all runs of this process; return the environment that names it."""
    address, interpreter = write_interpreter(Path(tempfile.mkdtemp(prefix="warm-python-")))
    command = [sys.executable, UTILITIES / "warm_server.py", address]
    # It ends, and removes its directory, when this process ends.
    server = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    return {"TABLE_ORDER_PYTHON": str(interpreter), "TABLE_ORDER_WARM_PYTHON": "false"}, server


@dataclass
class Run:
    """What a play did: its exit status, its output, and its report when it printed one."""

    status: int
    output: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Return how many tasks changed something, on all hosts."""
        return sum(host["changed"] for host in self.report["stats"].values())

    @property
    def messages(self) -> str:
        """Return every task's message, one a line."""
        return "\n".join(
            str(result.get("msg", ""))
            for play in self.report.get("plays", [])
            for task in play["tasks"]
            for result in task["hosts"].values()
        )


def make_inventory(
    directory: Path, url: str, region: str = "ap-northeast-2", environment: str = "local", **variables: Any
) -> Path:
    """Write an inventory that talks to the cloud at ``url``; its other files are those of inventories/local."""
    inventory = directory / "inventory"
    (inventory / "group_vars/all").mkdir(parents=True, exist_ok=True)
    cloud = {
        "plugin": "table_order.infra.table_order_cloud",
        "environment": environment,
        "region": region,
        "account": "123456789012",
        "endpoint": url,
        "local_cloud": {"name": "unit"},
    }
    (inventory / "00-cloud.yml").write_text(yaml.safe_dump(cloud))
    for name in ("00-site.yml", "main.yml"):
        text = (ROOT / "inventories/local/group_vars/all" / name).read_text()
        (inventory / "group_vars/all" / name).write_text(text)
    variables = {
        "table_order_state_directory": str(directory / "state"),
        "table_order_poll_seconds": 0,
    } | variables
    (inventory / "group_vars/all/test.yml").write_text(json.dumps(variables))
    return inventory


def run_plays(directory: Path, inventory: Path, plays: list[dict], *options: str, **environment: str) -> Run:
    """Run ``plays`` on ``inventory``."""
    playbook = directory / "play.yml"
    playbook.write_text(json.dumps(plays))
    return run_playbook(playbook, inventory, *options, **environment)


def run_playbook(playbook: Path, inventory: Path, *options: str, **environment: str) -> Run:
    """Run a playbook on ``inventory``, in the way of tests/unit/inline_playbook.py."""
    done = subprocess.run(
        [*INLINE, "-i", inventory, playbook, *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | CALLBACK | warm_python()[0] | environment,
    )
    output = done.stdout + done.stderr
    start = done.stdout.find("{")
    report = json.JSONDecoder().raw_decode(done.stdout[start:])[0] if start >= 0 else {}
    return Run(done.returncode, output, report)


def role(name: str, entry: str = "main", **variables: Any) -> dict:
    """Return a task that runs an entry point of a role."""
    return {
        "name": f"Run {name}, {entry}",
        "ansible.builtin.include_role": {"name": f"{ROOT}/roles/{name}", "tasks_from": entry},
        "vars": variables,
    }

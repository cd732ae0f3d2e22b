"""Measure deployments and the server on the tests' site; prints a table, and writes .state/artifacts/bench.json.

usage: python -m tests.bench [--keep] [--unchanged | --deployments | --server]

Everything shares this machine: the service, database, cache, local cloud, the load and Ansible. The figures are for comparison
with each other, in one run; on AWS the server has its two processors for itself.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import server as server_bench
from tests.bench import unchanged
from tests.e2e import deployment, site
from tests.e2e.deployment import Load, load, play

COLD = "rm -rf /opt/table-order/cache/pip"
# The first task of each phase.
PHASES = {
    "lock": "Lock | Take the lock",
    "fetch and build": "Release | Read the source",
    "check": "Check | Check the settings",
    "migrate": "Look | Gather the state of the release",
    "candidate": "Cutover | Start the candidate",
    "switch": "Cutover | Send traffic to the candidate",
    "drain and replace": "Cutover | Run the release as the service",
    "switch back": "Cutover | Send traffic to the service",
    "prune": "Switch | Remove the void mark",
}
TASK = re.compile(
    r"^TASK \[(.*)\] \**\n\w+ (\d+ \w+ \d+  [\d:]+) \+0000 \(([\d:.]+)\) +([\d:.]+)", re.MULTILINE
)


def seconds(clock: str) -> float:
    """Return the seconds of H:MM:SS.mmm."""
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def moments(run: site.Run) -> dict[str, float]:
    """Return when each phase began, in seconds since the run's first task."""
    found: dict[str, float] = {}
    for name, _, _, since in TASK.findall(run.output):
        for phase, task in PHASES.items():
            if task in name:
                found.setdefault(phase, seconds(since))
    return found


def under_load(directory: Path, name: str, playbook: str, **variables: Any) -> dict[str, Any]:
    """Run a playbook under load, and return its times and what the requests have felt."""
    directory = directory / name
    directory.mkdir()
    with load(directory) as running:
        quiet = time.time()
        time.sleep(15)
        began = time.time()
        run = play(playbook, **variables).check()
        ended = time.time()
    return {
        "seconds": round(run.seconds, 1),
        "changed": run.changed,
        **felt(running, run, quiet, began, ended),
    }


def felt(running: Load, run: site.Run, quiet: float, began: float, ended: float) -> dict[str, Any]:
    """Return the latencies before, during the build, and from the candidate's start to the end."""
    phases = moments(run)
    candidate = began + (ended - began - run_of_tasks(run)) + phases.get("candidate", 0.0)
    p99 = {
        "before": running.percentile(0.99, quiet, began),
        "build": running.percentile(0.99, began, candidate),
        "candidate to unlock": running.percentile(0.99, candidate, ended),
    }
    return {
        "p99_ms": p99,
        "lost": running.lost(),
        "requests": running.shown["requests"],
        "phases_begin_s": phases,
    }


def run_of_tasks(run: site.Run) -> float:
    """Return how long a run's tasks took, without Ansible's own beginning."""
    return max((seconds(since) for *_, since in TASK.findall(run.output)), default=0.0)


def deployments(directory: Path) -> dict[str, Any]:
    """Return the times of deployments, quiet and under load."""
    result: dict[str, Any] = {}
    deployment.server(COLD)
    result["deploy, cold dependencies"] = {
        "seconds": round(play("deploy", fastapi_app_force=True).check().seconds, 1)
    }
    warm = play("deploy", fastapi_app_force=True).check()
    result["deploy, warm"] = {"seconds": round(warm.seconds, 1), "phases_begin_s": moments(warm)}
    unchanged = play("deploy").check()
    result["deploy, unchanged"] = {"seconds": round(unchanged.seconds, 1), "changed": unchanged.changed}
    rollback = play("rollback").check()
    to_traffic = next(
        since for name, _, _, since in TASK.findall(rollback.output) if "Cutover | Run the release" in name
    )
    result["rollback"] = {
        "seconds": round(rollback.seconds, 1),
        "to traffic on the old release": round(
            rollback.seconds - run_of_tasks(rollback) + seconds(to_traffic), 1
        ),
    }
    result["deploy, warm, under load"] = under_load(directory, "deploy", "deploy", fastapi_app_force=True)
    result["rollback, under load"] = under_load(directory, "rollback", "rollback")
    return result


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="use the tests' site that runs, and leave it")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--unchanged", action="store_true", help="only runs that change nothing")
    only.add_argument("--deployments", action="store_true", help="only these")
    only.add_argument("--server", action="store_true", help="only the server")
    arguments = parser.parse_args()
    if not arguments.keep:
        site.fresh_cloud()
    site.play("site.yml").check()
    with tempfile.TemporaryDirectory() as directory:
        parts = {
            "unchanged": lambda: unchanged.measure(Path(directory)),
            "deployments": lambda: deployments(Path(directory)),
            "server": server_bench.measure,
        }
        wanted = [part for part in parts if getattr(arguments, part)] or parts
        result = {part: parts[part]() for part in wanted}
    if not arguments.keep:
        site.cloud("stop")
    path = site.ROOT / ".state/artifacts/bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    for area, rows in result.items():
        print(f"\n{area}")
        for name, values in rows.items():
            shown = "  ".join(f"{key} {json.dumps(value)}" for key, value in values.items())
            print(f"  {name:40} {shown}")


if __name__ == "__main__":
    main()

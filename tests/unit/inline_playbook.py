"""ansible-playbook, but with each task run in its own process: for plays of many hosts and small tasks.

Ansible forks for each task of each host, and each fork loads plugins and compiles templates anew: a sixth of a second. All else is
Ansible's own here: command line, inventory, strategy, executor, templates, plugins, callbacks. What a fork keeps apart, the
task and its variables, is copied. tests/unit/test_inline_playbook.py compares the results with ansible-playbook's.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

import jinja2
from ansible._internal._task import TaskContext
from ansible.cli.playbook import main
from ansible.executor.process.worker import WorkerProcess
from ansible.executor.task_executor import TaskExecutor
from ansible.plugins import strategy

# They ask the process that starts them for its inventory, and wait for the answer.
FORKED = {"ansible.builtin.add_host", "ansible.builtin.group_by"}


class InlineWorker:
    """Stands where a process was started for one task of one host; by the time it is asked, the task has ended."""

    exitcode = 0

    def __init__(self, **given: Any) -> None:
        """Take what a WorkerProcess takes."""
        self.given = given

    def start(self) -> None:
        """Run the task and queue its result."""
        host, results = self.given["host"], self.given["final_q"]
        task = self.given["task"].copy(exclude_tasks=True)
        with TaskContext.create(task=task, task_vars=dict(self.given["task_vars"]), host_name=host.name):
            task.squash()
            parts = ("play_context", "loader", "shared_loader_obj", "final_q", "variable_manager")
            result = TaskExecutor(host, *(self.given[part] for part in parts)).run()
            result.finalize_registered_values()
            results.send_task_result(host, task, result)

    def is_alive(self) -> bool:
        """Say that the next task can start."""
        return False

    def close(self) -> None:
        """Let go of nothing."""


def make_worker(**given: Any) -> InlineWorker | WorkerProcess:
    """Return what runs a task."""
    return (WorkerProcess if given["task"].resolved_action in FORKED else InlineWorker)(**given)


def compile_once(method: Callable[..., CodeType]) -> Callable[..., CodeType]:
    """Return jinja2's compile, which remembers what it has made of a text: each case has the same templates."""
    made: dict[tuple[Any, ...], CodeType] = {}

    @functools.wraps(method)
    def compile(environment: jinja2.Environment, source: Any, *rest: Any) -> CodeType:
        if not isinstance(source, str):
            return method(environment, source, *rest)
        key = (str(source), type(environment), environment.lexer, *rest)
        if key not in made:
            made[key] = method(environment, source, *rest)
        return made[key]

    return compile


if __name__ == "__main__":
    jinja2.Environment.compile = compile_once(jinja2.Environment.compile)
    strategy.WorkerProcess = make_worker
    main(["ansible-playbook", *sys.argv[1:]])

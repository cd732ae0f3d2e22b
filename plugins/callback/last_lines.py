# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Ends a run with why it stopped and what to do, and repeats important messages: the tasks' ``last_lines``."""

from __future__ import annotations

DOCUMENTATION = """
name: last_lines
type: notification
short_description: Ends a run with why it stopped, and with the tasks' last_lines
description:
  - Prints the list C(last_lines) of the tasks' results below the recap, each line once.
  - Below them, for a run that stopped, prints the task, the time that passed, the task's message and, if AWS refused a call or did
    not answer it, what to do. Failures that the playbook rescues or ignores, and what follows from the first one, are left out.
"""

import re
import textwrap
import time
from collections.abc import Iterator
from typing import Any

from ansible import constants as C  # noqa: N812 - as Ansible names it
from ansible.playbook.block import Block
from ansible.plugins.callback import CallbackBase
from ansible_collections.table_order.infra.plugins.module_utils.aws_errors import known

LONGEST = 12
"""Lines of a message; the output above has all."""


def rescued(task: Any) -> bool:  # noqa: ANN401
    """Return whether a task's failure leads to the rescue of a block around it."""
    while (parent := task._parent) is not None:
        inside = parent.block if isinstance(parent, Block) and parent.rescue else []
        if any(one._uuid == task._uuid for one in inside):
            return True
        task = parent
    return False


def causes(error: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield the messages of an error and of what caused it, those that Ansible hides as well."""
    event = error and error.event
    while event:
        yield event.msg
        event = event.chain and event.chain.event


def duration(seconds: float) -> str:
    """Return a time as a person reads it, as the screens of the procedures have it."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class CallbackModule(CallbackBase):
    """Collects lines and the first failure, and prints them after the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "last_lines"

    def __init__(self) -> None:
        """Start without lines."""
        super().__init__()
        self.lines: dict[str, None] = {}
        self.stopped: list[str] = []
        self.item = ""
        self.began = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401
        """Collect a task's lines, in the order of the run."""
        for line in (getattr(result, "result", None) and result.result.get("last_lines")) or []:
            self.lines[str(line)] = None

    def v2_runner_item_on_failed(self, result: Any) -> None:  # noqa: ANN401
        """Keep the message of a loop's failed item, which the loop's own does not have."""
        self.item = self.item or str(result.result.get("msg", ""))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ANN401
        """Keep the first failure that ends the run of a host."""
        if ignore_errors or rescued(result.task):
            self.item = ""
        else:
            self.keep(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:  # noqa: ANN401
        """Keep a server that does not answer, unless the play goes on without it. Ansible runs no rescue for it."""
        if not result.task.ignore_unreachable:
            self.keep(result)

    def keep(self, result: Any) -> None:  # noqa: ANN401
        """Keep why the run stopped, if it is the first reason."""
        message, self.item = self.item or str(result.result.get("msg", "")), ""
        if self.stopped:
            return
        code, advice = known(" ".join([message, *causes(getattr(result, "exception", None))]))
        if result.task.no_log:
            # A known code is no secret.
            message = f"{code or 'It failed'}. The rest of the message is hidden, since it may have a secret."
        # A procedure's message says to correct the cause; how, only some messages.
        told = re.search(r"(log|sign) in again|scripts/policy|in some minutes", message, re.IGNORECASE)
        place = f"The run stopped at the task '{result.task.get_name().strip()}' ({result.host.get_name()})"
        after = duration(time.monotonic() - self.began)
        self.stopped = [
            f"{place} after {after}:",
            *message.splitlines()[:LONGEST],
            *([] if told else [advice]),
        ]

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ANN401
        """Print the lines. Why the run stopped stands below the recap, but not behind another callback's output, such as JSON."""
        for line in self.lines:
            self._display.display(line, color="purple")
        if stats.failures or stats.dark:
            for line in filter(None, self.stopped):
                folded = textwrap.fill(line, 120, break_long_words=False, break_on_hyphens=False)
                self._display.display(
                    folded, color="red", stderr=not C.DEFAULT_STDOUT_CALLBACK.endswith("default")
                )

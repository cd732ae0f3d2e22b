# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Repeats important messages at the end of a run: the tasks' ``last_lines``."""

from __future__ import annotations

DOCUMENTATION = """
name: last_lines
type: notification
short_description: Repeats the tasks' last_lines at the end of a run
description:
  - Prints the list C(last_lines) of the tasks' results below the recap, each line once.
"""

from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Collects lines, and prints them after the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "last_lines"

    def __init__(self) -> None:
        """Start without lines."""
        super().__init__()
        self.lines: dict[str, None] = {}

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401
        """Collect a task's lines, in the order of the run."""
        for line in (getattr(result, "result", None) and result.result.get("last_lines")) or []:
            self.lines[str(line)] = None

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ANN401
        """Print the lines."""
        for line in self.lines:
            self._display.display(line, color="purple")

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Programs of a server that only tell something, with a limit in time."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterable

ENVIRONMENT = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


class LookError(Exception):
    """A part cannot be read; the message is a sentence that says why."""


def run(command: list[str], seconds: int = 5, codes: Iterable[int] = (0,)) -> str:
    """Return the output of a program. Raises LookError if it fails, is missing, or takes longer than ``seconds``."""
    try:
        code, output, errors = asyncio.run(_run(command, seconds))
    except asyncio.TimeoutError as error:  # noqa: UP041 - Amazon Linux's Python is 3.9
        raise LookError(f"{command[0]} did not answer within {seconds} seconds.") from error
    except OSError as error:
        raise LookError(f"{command[0]} cannot be run: {error.strerror}.") from error
    if code not in codes:
        said = (errors or output).strip().splitlines() or [f"exit code {code}"]
        raise LookError(f"{command[0]} failed: {said[-1]}")
    return output


async def _run(command: list[str], seconds: int) -> tuple[int, str, str]:
    """Return exit code, output and errors. AnsibleModule.run_command has no limit in time."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), seconds)
    except asyncio.TimeoutError:  # noqa: UP041
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(), errors.decode()

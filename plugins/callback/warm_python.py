# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Starts a Python with boto3 loaded, and runs the controller's modules in it."""

from __future__ import annotations

DOCUMENTATION = """
name: warm_python
type: aggregate
short_description: Runs the controller's modules in a Python with boto3 loaded
description:
  - Names an interpreter in the environment variable E(TABLE_ORDER_PYTHON), which the inventory plugin sets for the lanes.
    The interpreter sends modules to a process that has loaded boto3, the models of AWS's services and Ansible's module_utils
    once, and forks for each module. Other programs run in ansible-playbook's own interpreter. So do all modules if this is
    disabled or the system is not Linux.
options:
  enabled:
    description: Whether to start this Python.
    type: bool
    default: true
    env:
      - name: TABLE_ORDER_WARM_PYTHON
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible.plugins.callback import CallbackBase

UTILITIES = Path(__file__).parents[1] / "plugin_utils"
INTERPRETER = """#!{python} -IS
import sys
sys.path.append({utilities!r})
from warm_client import hand_over
hand_over({python!r}, {address!r})
"""


def write_interpreter(directory: Path) -> tuple[Path, Path]:
    """Write the interpreter into ``directory``, and return the server's address and the interpreter."""
    address, interpreter = directory / "socket", directory / "python"
    interpreter.write_text(
        INTERPRETER.format(python=sys.executable, utilities=str(UTILITIES), address=str(address))
    )
    interpreter.chmod(0o755)
    return address, interpreter


def works(interpreter: Path) -> bool:
    """Return whether this system can start the interpreter: it cannot from a noexec file system or with a too long first line."""
    try:
        return subprocess.run([interpreter, "-c", ""], check=False).returncode == 0
    except OSError:
        return False


class CallbackModule(CallbackBase):
    """Starts the server with the run; it ends when this process does."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "warm_python"

    def v2_playbook_on_start(self, playbook: object) -> None:
        """Start the server and name its interpreter."""
        if not self.get_option("enabled") or sys.platform != "linux":
            return
        directory = Path(tempfile.mkdtemp(prefix="warm-python-"))
        # Another user may run the interpreter (which then falls back to the real one), but not list the directory.
        directory.chmod(0o711)
        address, interpreter = write_interpreter(directory)
        if not works(interpreter):
            shutil.rmtree(directory)
            return
        self.server = subprocess.Popen(
            [sys.executable, UTILITIES / "warm_server.py", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.environ["TABLE_ORDER_PYTHON"] = str(interpreter)

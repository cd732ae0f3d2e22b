"""Starts a Python that has boto3 loaded, and has the controller's modules run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: warm_python
type: aggregate
short_description: Runs the controller's modules in a Python that has boto3 loaded
description:
  - Names an interpreter in the environment variable E(TABLE_ORDER_PYTHON), which the inventory plugin gives to the lanes.
    It hands modules over to a process that has loaded boto3, the models of AWS's services and Ansible's module_utils once,
    and forks for each module. Whatever it cannot hand over runs in ansible-playbook's own interpreter, as all modules do
    when this is off or the system is not Linux.
options:
  enabled:
    description: Whether to do this.
    type: bool
    default: true
    env:
      - name: TABLE_ORDER_WARM_PYTHON
"""
UTILITIES = Path(__file__).parents[1] / "plugin_utils"
INTERPRETER = """#!{python} -IS
import sys
sys.path.append({utilities!r})
from warm_client import hand_over
hand_over({python!r}, {address!r})
"""


def write_interpreter(folder: Path) -> tuple[Path, Path]:
    """Write the interpreter into ``folder``, and return the server's address and the interpreter."""
    address, interpreter = folder / "socket", folder / "python"
    interpreter.write_text(
        INTERPRETER.format(python=sys.executable, utilities=str(UTILITIES), address=str(address))
    )
    interpreter.chmod(0o755)
    return address, interpreter


def works(interpreter: Path) -> bool:
    """Tell whether this system starts it: not from a folder without execution, nor through too long a first line."""
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
        folder = Path(tempfile.mkdtemp(prefix="warm-python-"))
        # Another user may run the interpreter (which becomes the real one then), but not list the folder.
        folder.chmod(0o711)
        address, interpreter = write_interpreter(folder)
        if not works(interpreter):
            shutil.rmtree(folder)
            return
        self.server = subprocess.Popen(
            [sys.executable, UTILITIES / "warm_server.py", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.environ["TABLE_ORDER_PYTHON"] = str(interpreter)

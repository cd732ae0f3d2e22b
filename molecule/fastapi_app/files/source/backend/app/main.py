"""The smallest application that the role can be tested with."""

import ctypes
import errno
import os
import socket
import tempfile
import time
from pathlib import Path

from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/api/health")
def health(response: Response) -> dict[str, str]:
    """Healthy unless the environment says otherwise, which stands for a configuration that does not work."""
    healthy = os.environ.get("HEALTHY", "true") == "true"
    response.status_code = 200 if healthy else 503
    return {"status": "ok" if healthy else "told to be unhealthy", "release": os.environ["RELEASE_ID"]}


@app.get("/api/environment")
def environment() -> dict[str, str]:
    """Everything that the process was given, for comparison with what was meant."""
    return dict(os.environ)


@app.get("/api/process")
def process() -> dict[str, str]:
    """What the kernel says about this process."""
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())


@app.get("/api/attempts")
def attempts() -> dict[str, str]:
    """Try what a program that has been taken over would try; returns what the kernel said to each."""
    system = ctypes.CDLL(None, use_errno=True)

    def call(result: int) -> None:
        if result < 0:
            raise OSError(ctypes.get_errno(), "")

    def become_setuid() -> None:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).chmod(0o4755)

    tries = {
        "a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "a user namespace": lambda: call(system.unshare(0x10000000)),
        "a mount": lambda: call(system.mount(b"none", b"/mnt", b"tmpfs", 0, None)),
        "a trace": lambda: call(system.ptrace(0, 0, None, None)),
        "a setuid file": become_setuid,
        "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "its own code": lambda: Path(__file__).chmod(0o777),
        "a password": lambda: Path("/etc/shadow").read_text(),
    }
    answers = {}
    for name, attempt in tries.items():
        try:
            attempt()
            answers[name] = "done"
        except OSError as error:
            answers[name] = errno.errorcode[error.errno]
    return answers

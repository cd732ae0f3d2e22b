# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""A Python with boto3 and Ansible's own code loaded, which runs each module in a fork of itself. Linux only.

The callback warm_python starts it with the path of its socket. It ends after the end of its standard input and of the last
module. A module ends with its caller. The server refuses a caller of another user, or with another environment for Python
itself; that caller uses the real interpreter.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

COLLECTION = "ansible_collections.amazon.aws.plugins.module_utils"
IMPORTS = (
    "boto3",
    "ansible.module_utils.basic",
    "ansible.module_utils._internal._ansiballz._loader",
    COLLECTION,
)
# The server reads their models in advance; other services are only slower.
SERVICES = (
    "acm",
    "cloudwatch",
    "ec2",
    "elasticache",
    "iam",
    "logs",
    "rds",
    "resourcegroupstaggingapi",
    "s3",
    "secretsmanager",
    "sns",
    "ssm",
    "sts",
)
MODELS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
ACCEPTED = b"+"


class Paths(list):
    """A package's path that follows ``sys.path``, where Ansible puts the code packed for a module."""

    def __init__(self, package: str, known: list[str]) -> None:
        """Keep the directories ``known`` behind those of ``sys.path``."""
        super().__init__(known)
        self.parts = package.split(".")

    def __iter__(self) -> Iterator[str]:
        """Yield the directories in search order."""
        return iter(
            dict.fromkeys([*("/".join((path, *self.parts)) for path in sys.path), *super().__iter__()])
        )


@functools.cache
def load() -> None:
    """Import the modules' imports, and read the models of AWS's services: once, for the first caller."""
    for name in IMPORTS:
        importlib.import_module(name)
    for found in pkgutil.iter_modules(sys.modules[COLLECTION].__path__, f"{COLLECTION}."):
        with contextlib.suppress(ImportError):  # needs a library that is not installed
            importlib.import_module(found.name)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("ansible", "ansible_collections") and hasattr(module, "__path__"):
            module.__path__ = Paths(name, module.__path__)
    loader = importlib.import_module("botocore.loaders").Loader
    for method in (
        "load_service_model",
        "load_data_with_path",
        "list_available_services",
        "determine_latest_version",
    ):
        setattr(loader, method, remembered(getattr(loader, method)))
    for service in SERVICES:
        for model in MODELS:
            with contextlib.suppress(Exception):  # not every service has each
                loader().load_service_model(service, model)
    # Keep the forks' garbage collections away from the shared objects.
    gc.collect()
    gc.freeze()


def remembered(method: Callable[..., object]) -> Callable[..., object]:
    """Return a loader's method with a cache of its answers, shared by all loaders.

    All loaders read the same directories: this process serves only one AWS_DATA_PATH.
    """
    answers: dict[tuple[object, ...], object] = {}

    @functools.wraps(method)
    def answer(loader: object, *values: object, **named: object) -> object:
        key = (*values, *sorted(named.items()))
        if key not in answers:
            answers[key] = method(loader, *values, **named)
        return answers[key]

    return answer


class Server:
    """Listens at a socket, and knows the caller of each fork."""

    def __init__(self, address: str) -> None:
        """Listen at ``address``, for this user."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        Path(address).chmod(0o600)
        self.listener.listen(128)
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.listener, select.POLLIN)
        # By the descriptor of the process, and by that of the caller's connection.
        self.calls: dict[int, tuple[int, int, socket.socket]] = {}

    def serve(self) -> socket.socket | None:
        """Work until standard input has ended and no module runs; in a fork, return the connection of its caller."""
        while self.listener.fileno() != -1 or self.calls:
            for descriptor, _dummy in self.poll.poll():
                if descriptor == 0:
                    self.poll.unregister(0)
                    self.poll.unregister(self.listener)
                    self.listener.close()
                elif descriptor == self.listener.fileno():
                    load()
                    caller, _dummy = self.listener.accept()
                    if (process := os.fork()) == 0:
                        return caller
                    self.begin(process, caller)
                elif descriptor in self.calls:
                    self.end(descriptor)
        return None

    def begin(self, process: int, caller: socket.socket) -> None:
        """Register a call, to notice the end of its module or of its caller."""
        ended = os.pidfd_open(process)
        self.calls[ended] = self.calls[caller.fileno()] = (process, ended, caller)
        self.poll.register(ended, select.POLLIN)
        self.poll.register(caller, select.POLLRDHUP)

    def end(self, descriptor: int) -> None:
        """Kill the module of an ended caller, or send the status of an ended module to its caller."""
        process, ended, caller = self.calls[descriptor]
        if descriptor != ended:
            self.forget(descriptor)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            return
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with contextlib.suppress(OSError):  # refused, or ended
            caller.send(bytes([status if status >= 0 else 128 - status]))
        for each in (ended, caller.fileno()):
            self.forget(each)
        os.close(ended)
        caller.close()

    def forget(self, descriptor: int) -> None:
        """Stop listening to one side of a call."""
        if self.calls.pop(descriptor, None):
            self.poll.unregister(descriptor)


def take_over(caller: socket.socket) -> list[str] | None:
    """Take over a caller's files and environment and return its arguments, or None for a refused caller."""
    process, user, _dummy = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.getuid():
        return None
    length, files, _dummy, _dummy = socket.recv_fds(caller, 4, 3)
    call = caller.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    arguments, environment, mask, niceness = json.loads(call)
    if settings_of_python(environment) != settings_of_python(os.environ) or niceness < os.nice(0):
        return None
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(f"/proc/{process}/cwd")
    os.umask(mask)
    os.nice(niceness - os.nice(0))
    time.tzset()
    return arguments


def settings_of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python and botocore read at their start."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PYTHON") or name == "AWS_DATA_PATH"
    }


def main() -> None:
    """Serve; in a fork, run one module."""
    address = sys.argv[1]
    del sys.path[0]
    server = Server(address)
    caller = server.serve()
    if caller is None:
        shutil.rmtree(Path(address).parent, ignore_errors=True)
        return
    os.setpgid(0, 0)
    server.listener.close()
    arguments = take_over(caller)
    if arguments is None:
        caller.shutdown(socket.SHUT_RDWR)
        return
    caller.send(ACCEPTED)
    caller.close()
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()

"""podman, as far as the local cloud needs it."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from typing import Any

from local_cloud.settings import container_environment

LABEL = "table-order.cloud"
CALL_TIMEOUT = 120  # seconds
COMMIT_TIMEOUT = 900  # seconds; it copies what the container wrote


class ContainerError(Exception):
    """podman refused; the message is its own."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file to place into a container before it starts. `owner` is a numeric user (and group)."""

    path: str
    content: str | bytes
    mode: int = 0o644
    owner: int = 0
    link: bool = False  # content is then the target


def archive(files: Iterable[File]) -> bytes:
    """A tar archive of the files, relative to /; a path that ends in / is a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            content = file.content.encode() if isinstance(file.content, str) else file.content
            member = tarfile.TarInfo(file.path.strip("/"))
            member.mode, member.uid, member.gid = file.mode, file.owner, file.owner
            if file.path.endswith("/"):
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif file.link:
                member.type, member.linkname = tarfile.SYMTYPE, content.decode()
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Podman:
    """The containers, networks and images of one local cloud: all carry its prefix as a label.

    Every method that calls podman raises ContainerError when it refuses or does not end in time.
    """

    def __init__(self, prefix: str) -> None:
        """Use `prefix` for names and for the label."""
        self.prefix = prefix
        self.label = f"{LABEL}={prefix}"

    def call(self, *arguments: str, stdin: bytes = b"", timeout: int = CALL_TIMEOUT) -> str:
        """Run podman and return what it prints."""
        try:
            done = subprocess.run(
                ["podman", *arguments],
                input=stdin,
                capture_output=True,
                timeout=timeout,
                env=container_environment(),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ContainerError(f"podman {arguments[0]}: {error}") from error
        if done.returncode:
            raise ContainerError(f"podman {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def run(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        *,
        options: Sequence[str],
        files: Iterable[File] = (),
    ) -> None:
        """Create a container, copy the files, start the container."""
        self.make(name, image, command, options=options, files=files)
        self.start(name)

    def make(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        *,
        options: Sequence[str],
        files: Iterable[File] = (),
    ) -> None:
        """Create a container and copy the files, without a start."""
        self.call("create", "--name", name, "--label", self.label, *options, image, *command)
        self.copy(name, files)

    def copy(self, name: str, files: Iterable[File]) -> None:
        """Place files into a container, with their owners; it may run or not."""
        content = archive(files)
        # "--archive" would give everything to root.
        self.call("cp", "--archive=false", "-", f"{name}:/", stdin=content)

    def stop(self, name: str, seconds: int = 5) -> None:
        """Stop a container as a shutdown does.

        With version 1 of cgroups systemd sometimes waits for a session that is long gone: after
        `seconds` the container is stopped the hard way.
        """
        self.call("stop", "--time", str(seconds), name)

    def start(self, name: str) -> None:
        """Start a stopped container; it keeps its files and its address."""
        self.call("start", name)

    def remove(self, name: str) -> None:
        """Remove a container at once, whether it exists or not."""
        self.call("rm", "--force", "--ignore", "--time", "0", name)

    def commit(self, name: str, image: str) -> None:
        """Make an image of a container as it is now, with the label of this cloud."""
        self.call("commit", "--quiet", "--change", f"LABEL {self.label}", name, image, timeout=COMMIT_TIMEOUT)

    def exec(self, name: str, *command: str, stdin: bytes = b"") -> str:
        """Run a command in a container and return what it prints."""
        return self.call("exec", "--interactive", name, *command, stdin=stdin)

    def containers(self) -> list[dict[str, Any]]:
        """This cloud's containers, running or not, as `podman ps --format json` has them."""
        return json.loads(self.call("ps", "--all", "--filter", f"label={self.label}", "--format", "json"))

    def networks(self) -> list[str]:
        """The names of this cloud's networks."""
        return self.call("network", "ls", "--quiet", "--filter", f"label={self.label}").split()

    def remove_everything(self) -> list[str]:
        """Remove this cloud's containers, networks and snapshots; returns a line for each kind found."""
        removed = []
        names = [container["Names"][0] for container in self.containers()]
        if names:
            self.call("rm", "--force", "--ignore", "--time", "0", *names)
            removed.append(f"containers: {', '.join(sorted(names))}")
        networks = self.networks()
        if networks:
            self.call("network", "rm", "--force", *networks)
            removed.append(f"networks: {', '.join(sorted(networks))}")
        images = self.call("images", "--quiet", "--filter", f"label={self.label}").split()
        if images:
            self.call("rmi", "--force", *sorted(set(images)))
            removed.append(f"snapshots: {len(set(images))}")
        return removed

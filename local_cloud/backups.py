"""The data of snapshots and of point-in-time restores, with their real rows.

A snapshot is an image of the container, made while it is frozen: what a storage snapshot is, and
PostgreSQL recovers from it as after a power cut. For a point in time there is one such image from
the day the instance became available, and the write-ahead log since, which the instance keeps.
"""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance

from local_cloud.cloud import Cloud
from local_cloud.containers import ContainerError, File

DATA = "/var/lib/postgresql/data"
REPLAY = "/var/lib/postgresql/replay"


@dataclasses.dataclass(frozen=True)
class Source:
    """The source of a new instance: an image, and for a point in time the log of a container."""

    image: str
    container: str | None = None
    time: datetime.datetime | None = None  # None: the latest available


class Backups:
    """The images of snapshots, and the base images of point-in-time restores."""

    def __init__(self, cloud: Cloud) -> None:
        """No image yet."""
        self.cloud = cloud
        self.snapshots: dict[str, str] = {}
        self.bases: dict[str, tuple[str, datetime.datetime]] = {}
        # The source of the instance in creation under the cloud's lock.
        self.source: Source | None = None
        cloud.on_reset.append(self._forget)

    def _forget(self) -> None:
        self.snapshots.clear()
        self.bases.clear()
        self.source = None

    def take_source(self) -> Source | None:
        """The source of the instance in creation; read only once."""
        source, self.source = self.source, None
        return source

    def save(self, container: str, name: str) -> str:
        """Create an image of a container; returns the image's name. Raises ContainerError."""
        image = f"localhost/{self.cloud.settings.container_prefix}/{name}"
        self.cloud.podman.call(
            "commit", "--quiet", "--change", f"LABEL {self.cloud.podman.label}", container, image
        )
        return image

    def save_base(self, instance: DBInstance, container: str) -> None:
        """Keep the base image for point-in-time restores of an instance."""
        if instance.backup_retention_period:
            image = self.save(container, f"base-{instance.dbi_resource_id.lower()}")
            self.bases[instance.dbi_resource_id] = (image, datetime.datetime.now(datetime.UTC))

    def drop_base(self, instance: DBInstance) -> None:
        """Forget the base of a deleted instance."""
        image, _ = self.bases.pop(instance.dbi_resource_id, (None, None))
        if image:
            self.drop(image)

    def drop(self, image: str) -> None:
        """Remove an image; containers started from the image keep their layers."""
        self.cloud.podman.call("untag", image, image)

    def point_in_time(self, instance: DBInstance, container: str, values: dict[str, Any]) -> Source:
        """The source of a point-in-time restore. Raises AWS's errors for a time out of range."""
        image, earliest = self.bases.get(instance.dbi_resource_id, (None, None))
        if image is None:
            raise RDSClientError(
                "PointInTimeRestoreNotEnabled",
                f"Point in time restore is not enabled for instance {instance.db_instance_identifier}: "
                "it has no backup yet, or its backup retention period is 0.",
            )
        wanted = values.get("restore_time")
        if isinstance(wanted, str):
            wanted = datetime.datetime.fromisoformat(wanted)
        if wanted and wanted.tzinfo is None:
            wanted = wanted.replace(tzinfo=datetime.UTC)
        if wanted and not earliest <= wanted <= datetime.datetime.now(datetime.UTC):
            raise RDSClientError(
                "InvalidRestoreFault",
                f"The specified time {wanted.isoformat()} is not restorable: "
                f"the earliest is {earliest.isoformat()}, the latest is now.",
            )
        return Source(image, container, wanted)

    def bring_log(self, source: Source, container: str) -> None:
        """Copy the log to replay into a container before its start. Raises ContainerError."""
        with tempfile.TemporaryDirectory() as directory:
            self.cloud.podman.call("cp", "--archive=false", f"{source.container}:{DATA}/pg_wal/.", directory)
            for path in Path(directory).iterdir():
                path.chmod(0o644)  # podman gives them to root, and PostgreSQL must read them
            self.cloud.podman.copy(container, [File(f"{REPLAY}/", "", 0o755)])
            self.cloud.podman.call("cp", "--archive=false", f"{directory}/.", f"{container}:{REPLAY}")
        self.cloud.podman.copy(
            container,
            [
                File("/etc/postgresql/conf.d/60-recovery.conf", recovery_text(source)),
                File(f"{DATA}/recovery.signal", ""),
            ],
        )


def recovery_text(source: Source) -> str:
    """postgresql.conf: replay the log up to the wanted time, then open for writing."""
    lines = [f"restore_command = 'cp {REPLAY}/%f %p'", "recovery_target_action = 'promote'"]
    if source.time:
        lines.append(
            f"recovery_target_time = '{source.time.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
        )
    return "\n".join(lines) + "\n"


def log_marker(sql: Callable[[str], str]) -> None:
    """Write a record into a source's log, so that a replay to any earlier time has an end."""
    try:
        sql("SELECT pg_current_xact_id(); SELECT pg_switch_wal();")
    except ContainerError:
        return  # a stopped source: its log is complete

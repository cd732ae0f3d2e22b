"""The data of snapshots and of point-in-time restores, with their real rows.

A snapshot is an image of the container, made while it is frozen: what a storage snapshot is, and
PostgreSQL recovers from it as after a power cut. For a point in time there is one such image from
the time when the instance became available, and the write-ahead log since, which the instance keeps. The log of a deleted
instance whose automated backups are retained is kept in an image. What a real restore also has and this one has not: the
daily snapshots between (all of the log is replayed), and an expiry by age.
"""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.rds.models import DBInstance, RDSBackend

from local_cloud.cloud import Cloud
from local_cloud.containers import ContainerError, File
from local_cloud.shims.rds import automated_backups

DATA = "/var/lib/postgresql/data"
REPLAY = "/var/lib/postgresql/replay"


@dataclasses.dataclass(frozen=True)
class Source:
    """The source of a new instance: an image, and for a point in time the log of a container, or of an image of a deleted one."""

    image: str
    container: str | None = None
    log: str | None = None
    time: datetime.datetime | None = None  # None: all that the log has


class Backups:
    """The images of snapshots, and the base images of point-in-time restores."""

    def __init__(self, cloud: Cloud) -> None:
        """No image yet."""
        self.cloud = cloud
        self.snapshots: dict[str, str] = {}
        # By resource id: the base images, the last logs of deleted instances, and when an instance was stopped.
        self.bases: dict[str, str] = {}
        self.logs: dict[str, str] = {}
        self.stopped: dict[str, datetime.datetime] = {}
        # The source of the instance in creation under the cloud's lock.
        self.source: Source | None = None
        cloud.on_reset.append(self._forget)
        automated_backups.log_interval = lambda: cloud.delays["log"]
        automated_backups.FORGOTTEN.append(lambda backup: self.drop_base(backup.instance))

    def _forget(self) -> None:
        for kept in (self.snapshots, self.bases, self.logs, self.stopped):
            kept.clear()
        self.source = None

    def take_source(self) -> Source | None:
        """The source of the instance in creation; read only once."""
        source, self.source = self.source, None
        return source

    def save(self, container: str, name: str) -> str:
        """Create an image of a container; returns the image's name. Raises ContainerError."""
        image = f"localhost/{self.cloud.settings.container_prefix}/{name}"
        self.cloud.podman.commit(container, image)
        return image

    def awaits_base(self, instance: DBInstance) -> None:
        """Nothing is restorable until the base is saved."""
        automated_backups.delete_automated_snapshots(instance.backend, instance.dbi_resource_id)
        backup = automated_backups.backup_of(instance)
        if backup:
            backup.since = None

    def save_base(self, instance: DBInstance, container: str) -> None:
        """Make the first automated backup of an instance, if it keeps any: the base image of its restores."""
        if not instance.backup_retention_period:
            return
        image = self.save(container, f"base-{instance.dbi_resource_id.lower()}")
        with self.cloud.lock:
            self.bases[instance.dbi_resource_id] = image
            instance.automated_backup = automated_backups.new_backup(instance)
            if instance.status != "deleting":
                instance.save_automated_backup()

    def drop_base(self, instance: DBInstance) -> None:
        """Forget the base of a deleted instance, and its log."""
        for images in (self.bases, self.logs):
            image = images.pop(instance.dbi_resource_id, None)
            if image:
                self.drop(image)

    def retain(self, instance: DBInstance, container: str) -> None:
        """Keep the log of an instance before its container is removed."""
        self.logs[instance.dbi_resource_id] = self.save(container, f"log-{instance.dbi_resource_id.lower()}")

    def drop(self, image: str) -> None:
        """Remove an image; containers started from the image keep their layers."""
        self.cloud.podman.call("untag", image, image)

    def point_in_time(
        self, backend: RDSBackend, values: dict[str, Any], containers: dict[str, str]
    ) -> Source | None:
        """The source of a point-in-time restore, given the containers by resource id; None without a base.

        Raises AWS's errors for a time or a source out of reach.
        """
        backup, time = automated_backups.restore_point(backend, values)
        key = backup.instance.dbi_resource_id
        if key not in self.bases:
            return None
        everything = values.get("use_latest_restorable_time") and not automated_backups.log_interval()
        # A stopped instance's log has nothing after that time, at which a replay could end.
        if everything or time >= self.stopped.get(key, time + datetime.timedelta(seconds=1)):
            time = None
        return Source(self.bases[key], containers.get(key), self.logs.get(key), time)

    def bring_log(self, source: Source, container: str) -> None:
        """Copy the log to replay into a container before its start. Raises ContainerError."""
        podman, holder = self.cloud.podman, source.container
        if holder is None:
            holder = f"{container}-log"
            podman.call("create", "--name", holder, "--label", podman.label, source.log, "true")
        with tempfile.TemporaryDirectory() as directory:
            podman.call("cp", "--archive=false", f"{holder}:{DATA}/pg_wal/.", directory)
            for path in Path(directory).iterdir():
                path.chmod(0o644)  # podman gives them to root, and PostgreSQL must read them
            podman.copy(container, [File(f"{REPLAY}/", "", 0o755)])
            podman.call("cp", "--archive=false", f"{directory}/.", f"{container}:{REPLAY}")
        if holder != source.container:
            podman.remove(holder)
        podman.copy(
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
    """Write a record into a source's log, so that a replay to any earlier time has an end.

    A stopped source is left as it is.
    """
    try:
        sql("SELECT pg_current_xact_id(); SELECT pg_switch_wal();")
    except ContainerError:
        return

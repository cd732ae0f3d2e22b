"""RDS: snapshots, restores and point-in-time restores act on the databases' containers."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance, DBSnapshot, RDSBackend

from local_cloud.backups import Source
from local_cloud.databases import Databases
from local_cloud.patching import Original, around


def install(databases: Databases) -> None:
    """Let moto's snapshots and restores act on the containers."""
    backups, cloud = databases.backups, databases.cloud

    @around(RDSBackend, "create_db_snapshot")
    def create_snapshot(original: Original, backend: RDSBackend, *args: Any, **kwargs: Any) -> DBSnapshot:  # noqa: ANN401
        snapshot = original(backend, *args, **kwargs)
        instance = backend.databases[snapshot.db_instance_identifier]
        server = databases.server(instance)
        if server is None or snapshot.snapshot_type != "manual":
            return snapshot  # of an automated one there is the base
        snapshot.status = "creating"
        name = snapshot.db_snapshot_identifier

        def work() -> None:
            before = instance.status
            databases.show(instance, "backing-up", "backup")
            image = backups.save(server.container, f"snapshot-{name}")
            with cloud.lock:
                if instance.status == "backing-up":
                    instance.status = before
                backups.snapshots[name] = image
                snapshot.status = "available"

        cloud.later(databases.queue(server), f"snapshot {name} made", work)
        return snapshot

    @around(RDSBackend, "delete_db_snapshot")
    def delete_snapshot(original: Original, backend: RDSBackend, name: str) -> DBSnapshot:
        snapshot = original(backend, name)
        image = backups.snapshots.pop(snapshot.db_snapshot_identifier, None)
        if image:
            cloud.later(f"snapshot {name}", "deleted", lambda: backups.drop(image))
        return snapshot

    @around(RDSBackend, "restore_db_instance_from_db_snapshot")
    def restore_snapshot(
        original: Original, backend: RDSBackend, name: str, values: dict[str, Any]
    ) -> DBInstance:
        snapshot = backend.describe_db_snapshots(None, name.rpartition(":snapshot:")[2])[0]
        image = backups.snapshots.get(snapshot.db_snapshot_identifier)
        if snapshot.snapshot_type == "automated":
            image = backups.bases.get(snapshot.dbi_resource_id)
        if snapshot.status != "available" or image is None:
            raise RDSClientError(
                "InvalidDBSnapshotState", f"The snapshot {name} is {snapshot.status}, or has no data here."
            )
        backups.source = Source(image)
        try:
            return original(backend, name, values)
        finally:
            backups.source = None

    @around(RDSBackend, "restore_db_instance_to_point_in_time")
    def restore_time(
        original: Original,
        backend: RDSBackend,
        source_name: str | None,
        target_name: str,
        values: dict[str, Any],
    ) -> DBInstance:
        containers = {key: server.container for key, server in databases.servers.items()}
        backups.source = backups.point_in_time(backend, values, containers)
        try:
            return original(backend, source_name, target_name, values)
        finally:
            backups.source = None

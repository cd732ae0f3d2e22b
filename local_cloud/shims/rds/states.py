"""RDS: the states of an instance, and the refusals in each."""

from __future__ import annotations

from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance, RDSBackend, rds_backends

from local_cloud.patching import Original, around

# CreateDBSnapshot is accepted in these states, ModifyDBInstance and DeleteDBInstance in those.
MAY_BE_SNAPSHOTTED = {"available", "storage-optimization"}
MAY_BE_CHANGED = {
    *MAY_BE_SNAPSHOTTED,
    "storage-full",
    "incompatible-parameters",
    "incompatible-option-group",
    "insufficient-capacity",
}
# The states that a test may order, with their effect on requests and on the instance's description.
STATES = {
    *MAY_BE_CHANGED,
    "backing-up",
    "configuring-associated-roles",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-restore",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "restore-error",
    "starting",
    "stopped",
    "stopping",
    "storage-config-upgrade",
    "storage-initialization",
    "upgrading",
}


# AWS: a busy instance refuses most requests.
def refuse_state(instance: DBInstance, accepted: set[str]) -> None:
    """Raise when the instance is in another state than the accepted ones."""
    if instance.status not in accepted:
        raise RDSClientError(
            "InvalidDBInstanceState", f"Database instance is not in available state ({instance.status})."
        )


def order_states(account: str, region: str, states: dict[str, str]) -> dict[str, str]:
    """Put instances (identifier to state) into the states of a test.

    Returns the state of every instance. Raises ValueError for an unknown instance or state.
    """
    databases = rds_backends[account][region].databases
    for name, state in states.items():
        if name not in databases:
            raise ValueError(f"there is no database {name}")
        if state not in STATES:
            raise ValueError(f"{state} is not an available state: {', '.join(sorted(STATES))}")
    for name, state in states.items():
        databases[name].status = state
    return {name: instance.status for name, instance in databases.items()}


# AWS: RDS takes no snapshot of an instance during a backup or a change.
@around(RDSBackend, "create_db_snapshot")
def create_db_snapshot(
    original: Original,
    backend: RDSBackend,
    db_instance_identifier: str,
    *args: object,
    **kwargs: object,
) -> object:
    """Refuse a snapshot in a state without snapshots on RDS."""
    instance = backend.databases.get(db_instance_identifier)
    automated = kwargs.get("snapshot_type") == "automated"
    if instance is not None and not automated:
        refuse_state(instance, MAY_BE_SNAPSHOTTED)
    return original(backend, db_instance_identifier, *args, **kwargs)

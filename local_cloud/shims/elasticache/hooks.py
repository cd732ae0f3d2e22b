"""ElastiCache: who is told when a resource is changed or deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup

type Resource = ReplicationGroup | CacheCluster
type Attributes = dict[str, Any]
type Forget = Callable[[], None]

# Called after a change with the attributes that were set, as they are and as they were.
CHANGED: list[Callable[[ElastiCacheBackend, Resource, Attributes, Attributes], None]] = []
# Called before a deletion. Whoever answers True removes a server first, and calls Forget then.
DELETED: list[Callable[[ElastiCacheBackend, Resource, Forget], bool]] = []


def apply_changes(
    backend: ElastiCacheBackend, resource: Resource, changes: Attributes, members: list[CacheCluster]
) -> None:
    """Set the attributes on a resource and, of a group, on its members; then tell of it."""
    previous = {name: getattr(resource, name, None) for name in changes}
    for target in (resource, *members):
        for name, value in changes.items():
            setattr(target, name, value)
    for tell in CHANGED:
        tell(backend, resource, changes, previous)


def let_go(backend: ElastiCacheBackend, resource: Resource, forget: Forget) -> None:
    """Forget a deleted resource, at once unless somebody takes that over."""
    if not any(tell(backend, resource, forget) for tell in DELETED):
        forget()

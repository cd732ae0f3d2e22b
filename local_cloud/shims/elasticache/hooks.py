"""ElastiCache: hooks for changed and deleted resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup

type Resource = ReplicationGroup | CacheCluster
type Attributes = dict[str, Any]
type Forget = Callable[[], None]

# Called after a change with the attributes that were set, as they are and as they were.
CHANGED: list[Callable[[ElastiCacheBackend, Resource, Attributes, Attributes], None]] = []
# Called before a deletion. A hook that returns True removes a server first, and then calls Forget.
DELETED: list[Callable[[ElastiCacheBackend, Resource, Forget], bool]] = []


def apply_changes(
    backend: ElastiCacheBackend, resource: Resource, changes: Attributes, members: list[CacheCluster]
) -> None:
    """Set the attributes on a resource and, for a group, on its members; then call the hooks."""
    previous = {name: getattr(resource, name, None) for name in changes}
    for target in (resource, *members):
        for name, value in changes.items():
            setattr(target, name, value)
    for tell in CHANGED:
        tell(backend, resource, changes, previous)


def let_go(backend: ElastiCacheBackend, resource: Resource, forget: Forget) -> None:
    """Remove a deleted resource, at once unless a hook takes over."""
    if not any(tell(backend, resource, forget) for tell in DELETED):
        forget()

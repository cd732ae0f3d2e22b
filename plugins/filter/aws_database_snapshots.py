# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Find the project's pre-migration snapshots of the database, and the surplus ones among them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Snapshot = Mapping[str, Any]


def tags_of(snapshot: Snapshot) -> dict[str, str]:
    """Return the tags, which rds_snapshot_info returns in the API's shape (its `tags` is always empty)."""
    return {tag["key"]: tag["value"] for tag in snapshot.get("tag_list") or []}


def migration_snapshots(
    snapshots: Iterable[Snapshot], identifier: str, tags: Mapping[str, str]
) -> list[Snapshot]:
    """Return the snapshots taken by this service's deployments, the newest first.

    They have a deployment's name and all of the service's tags: an operator may have used such a name.
    """
    name = re.compile(rf"{re.escape(identifier)}-before-migration-\d{{14}}")
    wanted = dict(tags)  # Ansible's own kind of mapping is not comparable
    own = [
        snapshot
        for snapshot in snapshots
        if name.fullmatch(snapshot["db_snapshot_identifier"])
        and snapshot["snapshot_type"] == "manual"
        and snapshot["db_instance_identifier"] == identifier
        and wanted.items() <= tags_of(snapshot).items()
    ]
    return sorted(own, key=lambda snapshot: snapshot["db_snapshot_identifier"], reverse=True)


def superfluous_snapshots(
    snapshots: Iterable[Snapshot], identifier: str, tags: Mapping[str, str], keep: int
) -> list[str]:
    """Return the names of the surplus snapshots: all but the ``keep`` newest available ones.

    A snapshot in creation is neither counted nor returned; a failed one is always surplus.
    """
    own = migration_snapshots(snapshots, identifier, tags)
    good = [snapshot for snapshot in own if snapshot["status"] == "available"]
    failed = [snapshot for snapshot in own if snapshot["status"] == "failed"]
    return [snapshot["db_snapshot_identifier"] for snapshot in good[max(keep, 1) :] + failed]


class FilterModule:
    """Filters of this role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"aws_database_superfluous_snapshots": superfluous_snapshots}

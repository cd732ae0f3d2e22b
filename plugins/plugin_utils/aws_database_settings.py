# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_database accepts beyond its specification."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .settings import Kind, Table, integer, number, pattern, sentence

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60
RESERVED = ("db", "postgres", "rdsadmin", "template0", "template1", "user")
UNIT = (
    "a bare integer in the engine's units: shared_buffers in pages of 8 kB (256 MB is 32768), work_mem in kB (4 MB is 4096). Write "
    "the number without a unit"
)


def span(window: str, period: int) -> range:
    """Return the minutes of a window hh:mm-hh:mm (``period`` DAY) or ddd:hh:mm-ddd:hh:mm (WEEK), or an empty range."""
    point = r"([01]\d|2[0-3]):([0-5]\d)"
    point = f"({'|'.join(DAYS)}):{point}" if period == WEEK else f"(){point}"
    found = re.fullmatch(f"{point}-{point}", str(window).lower(), re.ASCII)
    if not found:
        return range(0)
    start, end = (
        DAYS.index(day or "mon") * DAY + int(hour) * 60 + int(minute)
        for day, hour, minute in (found.groups()[:3], found.groups()[3:])
    )
    return range(start, start + (end - start) % period)


def windows(aws_database_backup_window: str, aws_database_maintenance_window: str) -> Iterator[str]:
    """Find overlapping windows; adjacent ones are valid."""
    daily, weekly = span(aws_database_backup_window, DAY), span(aws_database_maintenance_window, WEEK)
    starts = [day * DAY + daily.start for day in range(-1, 8)]
    if any(start < weekly.stop and weekly.start < start + len(daily) for start in starts):
        yield (
            f"aws_database_backup_window {aws_database_backup_window} and aws_database_maintenance_window "
            f"{aws_database_maintenance_window} overlap. RDS refuses overlapping windows. Move one of them; adjacent windows are "
            "accepted."
        )


def snapshots(aws_database_migration_snapshots_kept: int, aws_database_snapshot_quota: int) -> Iterator[str]:
    """Find more snapshots than the account can keep."""
    if aws_database_migration_snapshots_kept >= int(aws_database_snapshot_quota):
        accepted = f"less than aws_database_snapshot_quota, {aws_database_snapshot_quota}"
        yield sentence(
            "aws_database_migration_snapshots_kept", aws_database_migration_snapshots_kept, accepted
        )


KINDS = {
    "aws_database_name": pattern(
        rf"(?i:(?!({'|'.join(RESERVED)})\Z))[a-zA-Z][a-zA-Z0-9_]{{0,62}}",
        "a letter followed by letters, digits or underscores, at most 63, and none of "
        f"{', '.join(RESERVED)}. Choose another, such as tableorder",
    ),
    "aws_database_restore_from": pattern(
        r"|latest|[a-zA-Z](-?[a-zA-Z0-9])*|rds:[a-z0-9-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        "latest, a time in UTC such as 2026-11-28T12:00:00Z, or the name of a snapshot. Empty creates a new database",
    ),
    "aws_database_port": integer(1150, 65535),
    "aws_database_engine_version": Kind(
        lambda version: number(version) is not None, "a major version, such as 15"
    ),
    "aws_database_allocated_storage_gib": integer(20, 65536, ", without quotes", text=False),
    "aws_database_backup_retention_days": integer(1, 35, ", without quotes", text=False),
    "aws_database_migration_snapshots_kept": integer(1, 999999, ", without quotes", text=False),
    "aws_database_parameters.<value>": Kind(
        lambda value: isinstance(value, int) and not isinstance(value, bool), UNIT
    ),
    "aws_database_backup_window": Kind(
        lambda window: len(span(window, DAY)) >= 30,
        "hh:mm-hh:mm in UTC, at least 30 minutes, such as 03:00-04:00",
    ),
    "aws_database_maintenance_window": Kind(
        lambda window: 30 <= len(span(window, WEEK)) <= DAY,
        "ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes to 24 hours, such as Mon:04:00-Mon:05:00",
    ),
}
TABLE = Table(
    KINDS,
    [windows, snapshots],
    others=[
        "aws_database_resources",
        "aws_database_size",
        "aws_database_endpoint",
        "aws_database_restored",
    ],
)

"""RDS: maintenance and backup windows."""

from __future__ import annotations

import re

import moto.rds.models as moto_rds

from local_cloud.patching import Original, around

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60  # minutes


# AWS: windows may touch (03:00-04:00 and Mon 04:00-05:00); only an overlap is refused.
@around(moto_rds, "valid_preferred_maintenance_window")
def check_windows(_original: Original, maintenance: str, backup: str | None) -> str | None:
    """AWS's error message for a pair of windows; None for a valid pair."""
    match = re.fullmatch(r"([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)", (maintenance or "").lower())
    if not match or match[1] not in DAYS or match[4] not in DAYS:
        return (
            f"Invalid maintenance window format: {maintenance}. Should be specified as a range "
            "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15"
        )
    start = DAYS.index(match[1]) * DAY + int(match[2]) * 60 + int(match[3])
    length = (DAYS.index(match[4]) * DAY + int(match[5]) * 60 + int(match[6]) - start) % WEEK
    if length < 30:
        return "The maintenance window must be at least 30 minutes."
    if length > DAY:
        return "Maintenance window must be less than 24 hours."
    if backup and _daily_window_meets(backup, start, length):
        return "The backup window and maintenance window must not overlap."
    return None


def _daily_window_meets(window: str, start: int, length: int) -> bool:
    """Whether a daily window (hh:mm-hh:mm) overlaps the minutes [start, start + length) of the week."""
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in window.split("-"))
    daily = (end - begin) % DAY
    # Day -1 and day 8 stand for windows that reach over the week's ends.
    return any(
        day * DAY + begin < start + length and start < day * DAY + begin + daily for day in range(-1, 9)
    )

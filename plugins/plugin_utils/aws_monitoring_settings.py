# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""What the role aws_monitoring accepts beyond its specification."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .settings import Kind, Table

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
DAYS = Kind(
    RETENTION_DAYS.__contains__, f"one of CloudWatch Logs' {', '.join(map(str, RETENTION_DAYS))} days"
)


def email(aws_monitoring_notification_email: str) -> Iterator[str]:
    """Find an invalid address. The sentence shows the whole address: what precedes its @ is no password."""
    if not re.fullmatch(r"|[^@\s]+@[^@\s]+\.[^@\s]+", str(aws_monitoring_notification_email)):
        yield (
            f"aws_monitoring_notification_email is {aws_monitoring_notification_email!r}. Accepted: one e-mail address, such as "
            "oncall@example.com, or empty."
        )


TABLE = Table({"aws_monitoring_log_retention_days": DAYS}, [email], others=["aws_monitoring_resources"])

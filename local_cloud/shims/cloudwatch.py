"""CloudWatch and CloudWatch Logs."""

from __future__ import annotations

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend

from local_cloud.patching import Original, around

RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
RETENTION_DAYS += (1096, 1827, 2192, 2557, 2922, 3288, 3653)


# AWS: logs are kept for one of a fixed set of days.
@around(LogsBackend, "put_retention_policy")
def refuse_odd_retention(
    original: Original, backend: LogsBackend, log_group_name: str, retention_in_days: int
) -> None:
    """Raise for any other number of days."""
    if int(retention_in_days) not in RETENTION_DAYS:
        raise InvalidParameterException(
            constraint=f"Member must satisfy enum value set: {list(RETENTION_DAYS)}",
            parameter="retentionInDays",
            value=retention_in_days,
        )
    original(backend, log_group_name, retention_in_days)


# AWS: an alarm's period is 10, 20, 30 or a multiple of 60 seconds.
@around(CloudWatchBackend, "put_metric_alarm")
def refuse_odd_period(original: Original, backend: CloudWatchBackend, **values: object) -> object:
    """Raise for any other period."""
    period = values.get("period")
    if period and int(period) not in (10, 20, 30) and int(period) % 60:
        raise ValidationError("The parameter Period must be 10, 20, 30 or a multiple of 60.")
    return original(backend, **values)

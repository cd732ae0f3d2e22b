"""Sends events to CloudWatch Logs, within the limits of PutLogEvents."""

from collections.abc import Iterator
from contextlib import suppress

from botocore.client import BaseClient

# Maximum text of one event (bytes); maximum events, bytes (each event adds 26) and time span (milliseconds) of one call.
EVENT_BYTES = 256 * 1024 - 26
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
BATCH_SPAN = 24 * 3600 * 1000

Event = tuple[int, str]


class LogShipper:
    """Sends events to streams, and creates missing streams and groups."""

    def __init__(self, client: BaseClient) -> None:
        """Use a CloudWatch Logs client."""
        self._client = client

    def ship(self, group: str, stream: str, events: list[Event]) -> None:
        """Send events, given as (milliseconds since 1970, text).

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: if CloudWatch refuses the call or is unreachable.
        """
        for batch in batches(events):
            try:
                self._put(group, stream, batch)
            except self._client.exceptions.ResourceNotFoundException:
                self._create(group, stream)
                self._put(group, stream, batch)

    def _put(self, group: str, stream: str, batch: list[Event]) -> None:
        events = [{"timestamp": when, "message": text} for when, text in batch]
        self._client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _create(self, group: str, stream: str) -> None:
        exists = self._client.exceptions.ResourceAlreadyExistsException
        with suppress(exists):
            self._client.create_log_group(logGroupName=group)
        with suppress(exists):
            self._client.create_log_stream(logGroupName=group, logStreamName=stream)


def batches(events: list[Event]) -> Iterator[list[Event]]:
    """Split events into batches within CloudWatch's limits, sorted by time."""
    batch: list[Event] = []
    size = 0
    for when, text in sorted(events, key=lambda event: event[0]):
        message = text.encode()[:EVENT_BYTES].decode(errors="ignore")
        cost = len(message.encode()) + EVENT_OVERHEAD
        full = len(batch) == BATCH_EVENTS or size + cost > BATCH_BYTES
        if batch and (full or when - batch[0][0] >= BATCH_SPAN):
            yield batch
            batch, size = [], 0
        batch.append((when, message))
        size += cost
    if batch:
        yield batch

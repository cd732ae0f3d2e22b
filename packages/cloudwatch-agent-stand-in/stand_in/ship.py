"""Sends events to CloudWatch Logs, within the limits of PutLogEvents."""

from collections.abc import Iterator
from contextlib import suppress

from botocore.client import BaseClient

# One event's text (bytes); one call's events, bytes (every event counts 26 more) and span of time (milliseconds).
EVENT_BYTES = 256 * 1024 - 26
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
BATCH_SPAN = 24 * 3600 * 1000

Event = tuple[int, str]


class LogShipper:
    """Puts events into streams, which (and their groups) it creates when they are missing."""

    def __init__(self, client: BaseClient) -> None:
        """Use a CloudWatch Logs client."""
        self._client = client

    def ship(self, group: str, stream: str, events: list[Event]) -> None:
        """Send events, given as (milliseconds since 1970, text).

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: if the cloud refuses or cannot be reached.
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
    """Split events into calls that CloudWatch accepts: in the order of time, neither too many nor too large."""
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

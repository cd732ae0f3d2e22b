"""Asking Redis only while it is there."""

from collections.abc import Callable
from typing import Any, Self

from redis import ConnectionError as RedisConnectionError
from redis.backoff import NoBackoff
from redis.retry import Retry


class RetryWhilePresent(Retry):
    """One retry, since a kept connection may be stale; an error at once while Redis is away.

    A host that has vanished answers nothing: each request would wait out the timeouts, with a database connection in its hands.
    """

    def __init__(self, is_away: Callable[[], bool]) -> None:
        """Ask `is_away` before each command and each connection."""
        super().__init__(NoBackoff(), 1)
        self._is_away = is_away

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        """Return itself: every connection copies its retry, with all that it refers to."""
        return self

    def call_with_retry(self, do: Callable[[], Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as of Redis
        """Run `do`, again after its first error. Raises Redis's ConnectionError without a try while Redis is away."""
        if self._is_away():
            raise RedisConnectionError("Redis is away")
        return super().call_with_retry(do, *arguments, **options)

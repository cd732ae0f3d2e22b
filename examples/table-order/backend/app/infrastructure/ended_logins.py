"""Log-ins that somebody has ended before their token expired."""

import logging
from datetime import UTC, datetime

from redis import Redis, RedisError

_log = logging.getLogger(__name__)


class EndedLogins:
    """Remembers, in Redis, which log-ins were ended, as long as their tokens would be valid."""

    def __init__(self, redis: Redis) -> None:
        """Remember in `redis`."""
        self._redis = redis

    def end(self, login: str, expires: datetime) -> None:
        """End a log-in. Raises RedisError when that cannot be remembered."""
        seconds = int((expires - datetime.now(UTC)).total_seconds()) + 1
        self._redis.set(_key(login), 1, ex=max(seconds, 1))

    def has_ended(self, login: str) -> bool:
        """Whether it was ended. Without Redis nobody is sent away: the kitchen would stand still."""
        try:
            return bool(self._redis.exists(_key(login)))
        except RedisError as error:
            _log.warning("ended log-ins are not known: %s", type(error).__name__)
            return False


def _key(login: str) -> str:
    return f"ended-login:{login}"

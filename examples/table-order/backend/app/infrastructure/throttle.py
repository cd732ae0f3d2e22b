"""A brake on guessing passwords."""

import hashlib
import logging

from redis import Redis, RedisError

_FAILURES = 10
_WINDOW_SECONDS = 60

_log = logging.getLogger(__name__)


class LoginThrottle:
    """Counts failed logins per account and address, in Redis. Without Redis nobody is stopped."""

    def __init__(self, redis: Redis) -> None:
        """Count in `redis`."""
        self._redis = redis

    def is_blocked(self, username: str, address: str) -> bool:
        """Whether there were too many failures within the last minute."""
        try:
            return int(self._redis.get(_key(username, address)) or 0) >= _FAILURES
        except RedisError as error:
            _log.warning("logins are not throttled: %s", type(error).__name__)
            return False

    def count_failure(self, username: str, address: str) -> None:
        """Remember a failure for a minute after the last one."""
        key = _key(username, address)
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, _WINDOW_SECONDS)
                pipeline.execute()
        except RedisError as error:
            _log.warning("a failed login was not counted: %s", type(error).__name__)


def _key(username: str, address: str) -> str:
    # Hashed: people type passwords into the name field.
    return "login-failures:" + hashlib.sha256(f"{username}\n{address}".encode()).hexdigest()

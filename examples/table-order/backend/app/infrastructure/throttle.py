"""A brake on guessing passwords."""

import hashlib
import logging
from ipaddress import ip_address, ip_network

from redis import Redis, RedisError

# Tries within a minute that did not end in a log-in. A restaurant has one address and many tablets; whoever changes names
# meets the limit of the address, whoever changes addresses that of the account.
_OF_THE_ADDRESS = {"account and address": 10, "address": 60}
_OF_THE_ACCOUNT = {"account": 100}
_WINDOW_SECONDS = 60

_log = logging.getLogger(__name__)


class LoginThrottle:
    """Counts tries to log in, in Redis, before the password is looked at. Without Redis nobody is stopped."""

    def __init__(self, redis: Redis) -> None:
        """Count in `redis`."""
        self._redis = redis

    def admits(self, username: str, address: str) -> bool:
        """Count a try; whether it is still within the limits. Simultaneous tries are counted one by one.

        A try that its address has used up does not count for the account: one address cannot lock others out.
        """
        try:
            return self._count(_OF_THE_ADDRESS, username, address) and self._count(
                _OF_THE_ACCOUNT, username, address
            )
        except RedisError as error:
            _log.warning("logins are not throttled: %s", type(error).__name__)
            return True

    def _count(self, limits: dict[str, int], username: str, address: str) -> bool:
        with self._redis.pipeline() as pipeline:
            for limit in limits:
                key = _key(limit, username, address)
                pipeline.incr(key)
                pipeline.expire(key, _WINDOW_SECONDS, nx=True)
            counts = pipeline.execute()[::2]
        return all(count <= most for count, most in zip(counts, limits.values(), strict=True))

    def forgive(self, username: str, address: str) -> None:
        """Take back a try that ended in a log-in."""
        try:
            with self._redis.pipeline() as pipeline:
                for limit in _OF_THE_ADDRESS | _OF_THE_ACCOUNT:
                    key = _key(limit, username, address)
                    pipeline.decr(key)
                    # A window that has ended meanwhile would otherwise leave a count without an end.
                    pipeline.expire(key, _WINDOW_SECONDS, nx=True)
                pipeline.execute()
        except RedisError as error:
            _log.warning("a login stays counted as a try: %s", type(error).__name__)


def _client(address: str) -> str:
    """Return the network of 64 bits of an IPv6 address, all of which one client has; another address as it is."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((known, 64), strict=False)) if known.version == 6 else address


def _key(limit: str, username: str, address: str) -> str:
    address = _client(address)
    subjects = {"account and address": f"{username}\n{address}", "address": address, "account": username}
    # Hashed: people type passwords into the name field.
    return f"login-tries:{limit}:" + hashlib.sha256(subjects[limit].encode()).hexdigest()

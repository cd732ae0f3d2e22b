"""Deep health checks: side by side, and bounded in time whatever hangs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from anyio import CapacityLimiter, to_thread
from redis import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.infrastructure.resources import Resources
from app.infrastructure.storage import StorageError
from app.models.entities import Store

LIMIT_SECONDS = 2.5
OK = "ok"

_log = logging.getLogger(__name__)


class HealthChecks:
    """Asks database, Redis and S3. /api/health is public: answers hold no addresses, names or secrets."""

    def __init__(self, resources: Resources) -> None:
        """Check these resources."""
        self._resources = resources
        self._checks: Mapping[str, Callable[[], Awaitable[None]]] = {
            "database": _in_thread(self._database),
            "redis": _in_thread(self._redis),
            "s3": _in_thread(resources.storage.check),
        }

    async def run(self) -> dict[str, str]:
        """Each check's name with "ok" or the reason."""
        outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in self._checks.items()))
        return dict(zip(self._checks, outcomes, strict=True))

    def _database(self) -> None:
        # A table of ours rather than SELECT 1: it also needs the schema and the rights on it.
        with self._resources.sessions() as session:
            session.execute(select(Store.id).limit(1))

    def _redis(self) -> None:
        self._resources.redis.ping()
        if not self._resources.publisher.is_subscribed:
            raise RedisError("not subscribed to order events yet")


def _in_thread(check: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    # Two threads for each check: one that hangs cannot make the others late, nor eat the service's threads.
    limiter = CapacityLimiter(2)

    async def run() -> None:
        await to_thread.run_sync(check, abandon_on_cancel=True, limiter=limiter)

    return run


async def _outcome(name: str, check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await check()
    except TimeoutError:
        reason = f"no answer within {LIMIT_SECONDS} seconds"
    except StorageError as error:
        reason = str(error)
    except (SQLAlchemyError, RedisError) as error:
        reason = type(error).__name__
    else:
        return OK
    _log.warning("health check failed", extra={"fields": {"check": name, "reason": reason}})
    return reason

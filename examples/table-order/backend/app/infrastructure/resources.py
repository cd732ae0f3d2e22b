"""Everything the service holds open, made once at start."""

import asyncio

from redis import Redis

from app.infrastructure.database import TURNS, open_engine, open_sessions
from app.infrastructure.ended_logins import EndedLogins
from app.infrastructure.presence import RetryWhilePresent
from app.infrastructure.security import Tokens
from app.infrastructure.settings import Settings
from app.infrastructure.sse_publisher import SSEPublisher
from app.infrastructure.storage import ImageStorage
from app.infrastructure.throttle import LoginThrottle

IMAGE_TURNS = 8


class Resources:
    """Nothing here connects before it is used: the service starts while its dependencies are away."""

    def __init__(self, settings: Settings) -> None:
        """Make the clients."""
        redis_url = settings.redis_url.get_secret_value()
        self.release = settings.release_id
        self.engine = open_engine(settings.database_url.get_secret_value())
        self.sessions = open_sessions(self.engine)
        self.turns = asyncio.Semaphore(TURNS)
        # Of the 40 threads that requests share: when S3 hangs, pictures wait for each other, and orders go on.
        self.image_turns = asyncio.Semaphore(IMAGE_TURNS)
        # One second and one retry: an order does not wait long for Redis, and not at all while it is known to be away.
        self.redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=1,
            socket_timeout=1,
            retry=RetryWhilePresent(lambda: self.publisher.is_away),
        )
        self.publisher = SSEPublisher(self.redis, redis_url)
        self.throttle = LoginThrottle(self.redis)
        self.ended_logins = EndedLogins(self.redis)
        self.storage = ImageStorage(settings.s3_bucket, settings.aws_region)
        self.tokens = Tokens(
            settings.secret_key.get_secret_value(),
            settings.secret_key_previous.get_secret_value(),
            settings.secret_key_previous_until,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.publisher.close()
        self.redis.close()
        self.engine.dispose()

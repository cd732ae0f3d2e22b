"""First row, by a driver that is told nothing about TLS; the environment says it."""

import asyncio

import asyncpg
from shop import settings


async def main() -> str:
    """Insert the row unless it is there."""
    connection = await asyncpg.connect(
        host=settings.HOST,
        port=settings.PORT,
        database=settings.NAME,
        user=settings.USER,
        password=settings.PASSWORD,
    )
    encrypted = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert encrypted
    done = await connection.execute(
        "INSERT INTO settings VALUES ('seeded by', current_user) ON CONFLICT (name) DO NOTHING"
    )
    await connection.close()
    return "unchanged" if done.endswith(" 0") else "changed"


print(asyncio.run(main()))

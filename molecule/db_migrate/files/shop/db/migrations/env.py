"""Alembic's template for async engines, with the URL from the environment."""

import asyncio
import os

import naming
from alembic import context
from shop import settings
from sqlalchemy import Connection, make_url, pool
from sqlalchemy.ext.asyncio import create_async_engine

URL = os.environ["SHOP_URL"]
assert make_url(URL).username == settings.USER
assert make_url(URL).password == settings.PASSWORD
assert naming.SETTINGS_TABLE


def run(connection: Connection) -> None:
    """Run the migrations."""
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    """Connect, then migrate."""
    engine = create_async_engine(URL, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())

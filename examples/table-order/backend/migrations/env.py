"""Alembic's entry point: migrations run on DATABASE_URL, as the owner of the schema."""

import logging

from alembic import context
from sqlalchemy import create_engine, pool

from app.infrastructure.database import driver_url
from app.infrastructure.settings import DatabaseSettings
from app.models.entities import Base

logging.basicConfig(format="%(message)s", level=logging.INFO)  # to standard error


def _migrate() -> None:
    url = driver_url(DatabaseSettings().database_url.get_secret_value())
    # The timeouts that keep a migration from blocking the running service are settings of the owner's role.
    engine = create_engine(
        url, poolclass=pool.NullPool, hide_parameters=True, connect_args={"connect_timeout": 10}
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def _print() -> None:
    """Print the SQL; nothing connects to a database."""
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _print()
else:
    _migrate()

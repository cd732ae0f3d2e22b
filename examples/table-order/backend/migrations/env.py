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
    # The service is running meanwhile: rather fail after ten seconds than queue everybody behind a lock.
    arguments = {"connect_timeout": 10, "options": "-c lock_timeout=10000"}
    engine = create_engine(url, poolclass=pool.NullPool, hide_parameters=True, connect_args=arguments)
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


if context.is_offline_mode():
    raise SystemExit("Migrations need a database: offline mode (--sql) is not supported.")
_migrate()

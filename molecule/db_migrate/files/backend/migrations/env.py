"""Alembic's entry point, as an application has it that was not written for the role."""

import os

from alembic import context
from app import settings
from sqlalchemy import create_engine, pool

print("An application may print.")
assert settings.SECRET_KEY
engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"), poolclass=pool.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

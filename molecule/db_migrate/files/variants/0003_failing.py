"""Does something, then fails with secrets in what it says: nothing of either must stay."""

import os

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create a table and stumble."""
    op.execute("CREATE TABLE half_applied (id serial PRIMARY KEY)")
    secrets = f"{os.environ['SECRET_KEY']} {os.environ['DATABASE_URL']}".replace(":", r"\:")
    op.execute("SELECT '" + secrets + "' FROM no_such_table")  # noqa: S608

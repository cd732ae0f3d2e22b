"""Needs a lock that somebody else holds."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create a table, then wait."""
    op.execute("CREATE TABLE half_applied (id serial PRIMARY KEY)")
    op.execute("ALTER TABLE orders ADD COLUMN note text")

"""Holds a lock for ten seconds, in statements none of which takes long."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Lock the orders, and be slow."""
    op.execute("ALTER TABLE orders ADD COLUMN note text")
    for _ in range(5):
        op.execute("SELECT pg_sleep(2)")

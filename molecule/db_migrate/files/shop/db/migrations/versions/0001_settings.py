"""The only table."""

from alembic import op

revision = "a1b2c3d4e5f6"
down_revision = None


def upgrade() -> None:
    """Create it."""
    op.execute("CREATE TABLE settings (name text PRIMARY KEY, value text NOT NULL)")

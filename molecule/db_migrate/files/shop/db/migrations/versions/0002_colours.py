"""The other branch."""

from alembic import op

revision = "c0ffee"
down_revision = "a1b2c3d4e5f6"


def upgrade() -> None:
    """Create it."""
    op.execute("CREATE TABLE colours (name text PRIMARY KEY)")

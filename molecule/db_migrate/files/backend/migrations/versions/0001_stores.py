"""The first table."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create it."""
    op.execute("CREATE TABLE stores (id serial PRIMARY KEY, name text NOT NULL)")

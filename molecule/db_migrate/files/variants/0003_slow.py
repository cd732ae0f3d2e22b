"""Takes long enough for a second run to come along."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Wait, then create a table."""
    op.execute("SELECT pg_sleep(5)")
    op.execute("CREATE TABLE slow (id serial PRIMARY KEY)")

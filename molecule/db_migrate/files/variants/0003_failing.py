"""Does something, then fails: nothing of it must stay."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create a table and stumble."""
    op.execute("CREATE TABLE half_applied (id serial PRIMARY KEY)")
    op.execute("ALTER TABLE no_such_table ADD COLUMN name text")

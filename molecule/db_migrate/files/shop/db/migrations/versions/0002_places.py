"""A schema of its own, in one branch."""

from alembic import op

revision = "2026.01 places"
down_revision = "a1b2c3d4e5f6"


def upgrade() -> None:
    """Create it."""
    op.execute("CREATE SCHEMA places")
    op.execute("CREATE TABLE places.cities (id serial PRIMARY KEY)")

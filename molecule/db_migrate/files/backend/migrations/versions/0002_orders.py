"""The second table."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it."""
    op.execute("CREATE TABLE orders (id serial PRIMARY KEY, store_id integer NOT NULL REFERENCES stores)")

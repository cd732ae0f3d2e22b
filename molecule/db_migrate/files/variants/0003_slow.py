"""Takes long enough for a second run to come along.

Revision 0003.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Wait, no statement for longer than it may, then create a table."""
    for _ in range(5):
        op.execute("SELECT pg_sleep(1)")
    op.execute("CREATE TABLE slow (id serial PRIMARY KEY)")

"""Give each table a code, which whoever orders there proves to have seen.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. The default also fills the tables that the running release adds: it does not know the column."""
    op.add_column(
        "tables",
        sa.Column("code", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_column("tables", "code")

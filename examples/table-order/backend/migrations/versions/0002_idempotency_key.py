"""Remember an order's idempotency key, so that a repeated request orders nothing.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. The column is new and empty: the running release neither reads nor fills it."""
    op.add_column("orders", sa.Column("idempotency_key", sa.String(length=64), nullable=True))
    op.create_unique_constraint(
        op.f("uq_orders_store_id_idempotency_key"), "orders", ["store_id", "idempotency_key"]
    )


def downgrade() -> None:
    """Go back."""
    op.drop_constraint(op.f("uq_orders_store_id_idempotency_key"), "orders", type_="unique")
    op.drop_column("orders", "idempotency_key")

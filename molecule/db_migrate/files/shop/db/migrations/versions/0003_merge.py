"""What "alembic merge heads" writes."""

revision = "v1.2/merge"
down_revision = ("2026.01 places", "c0ffee")


def upgrade() -> None:
    """Change nothing."""

"""Merges two branches."""

revision = "0003"
down_revision = ("0002", "0002b")


def upgrade() -> None:
    """Do nothing."""

"""Beside alembic.ini, as modules of the migrations often are."""

SETTINGS_TABLE = "settings"

"""The data: database rows (entities) and JSON bodies (api)."""

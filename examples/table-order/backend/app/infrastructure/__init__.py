"""What the service stands on: settings, database, Redis, S3, logs."""

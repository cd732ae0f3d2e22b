"""Settings in many variables, read when they are imported."""

import os

HOST = os.environ["DB_HOST"]
PORT = int(os.environ["DB_PORT"])
NAME = os.environ["DB_NAME"]
USER = os.environ["DB_USER"]
PASSWORD = os.environ["DB_PASSWORD"]
TLS_AUTHORITIES = os.environ["DB_CA"]

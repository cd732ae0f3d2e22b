"""Settings that are read when they are imported, as applications do."""

import os

SECRET_KEY = os.environ["SECRET_KEY"]
GREETING = os.environ["GREETING"]

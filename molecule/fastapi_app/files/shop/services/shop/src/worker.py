"""A worker, and with an argument a job: each says what it runs from."""

import sys
import time
from pathlib import Path

print(" ".join([*sys.argv[1:], str(Path.cwd())]), flush=True)
while not sys.argv[1:]:
    time.sleep(1)

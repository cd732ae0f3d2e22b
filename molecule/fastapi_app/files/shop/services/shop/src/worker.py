"""A worker, and with an argument a job: each says what it runs from."""

import contextlib
import sys
import time
from pathlib import Path

# The test fills the directory of the log.
with contextlib.suppress(OSError):
    print(" ".join([*sys.argv[1:], str(Path.cwd())]), flush=True)
while not sys.argv[1:]:
    time.sleep(1)

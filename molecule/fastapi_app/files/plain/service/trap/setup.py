"""What a dependency's build may try: it plants links where root comes along later, and reads what is not its own."""

import os
import sys
from pathlib import Path

from setuptools import setup

BACKEND = Path(os.environ["VIRTUAL_ENV"]).parent
for name, target in {"x": "/etc", "y": "/", "z": ".", "secret": "/srv/secret"}.items():
    if not (BACKEND / name).is_symlink():
        (BACKEND / name).symlink_to(target)
(BACKEND / ".env").unlink(missing_ok=True)
(BACKEND / ".env").symlink_to("/srv/secret/shadow")
for path in [Path("/srv/shop/backend/.env"), *Path("/proc").glob("[0-9]*/environ")]:
    try:
        read = path.read_text(errors="replace")
    except OSError:
        continue
    if "DATABASE_URL" in read:
        sys.exit(f"A build can read {path}")
# fastapi_app_build_environment: byte for byte, and in no process's arguments.
if (token := os.environ.get("TRAP_TOKEN")) != "a $HOME 'quoted' \"token\"":
    sys.exit(f"The build's environment has {token}")
for path in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        read = path.read_text(errors="replace")
    except OSError:
        continue
    if token in read:
        sys.exit(f"{path} shows the token")
setup(name="trap", version="1", py_modules=[])

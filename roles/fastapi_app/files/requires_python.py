"""Fails unless this Python is one that pyproject.toml in the working directory requires. pip checks that of packages only.

Runs in the virtual environment of a release, whose pip brings the parser. Without a statement, or one that nothing can read, any
Python will do.
"""

import platform
import re
import sys
import tomllib
from pathlib import Path

try:
    from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet
except ImportError:
    sys.exit()


def wanted(text: str) -> str:
    """Return the versions of Python that a pyproject.toml requires; of poetry's own form the lower bounds."""
    content = tomllib.loads(text)
    if stated := content.get("project", {}).get("requires-python"):
        return str(stated)
    poetry = content.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
    return re.sub(r"\^|~(?!=)", ">=", str(poetry))


try:
    versions = wanted(Path("pyproject.toml").read_text(encoding="utf-8"))
    fits = SpecifierSet(versions).contains(platform.python_version(), prereleases=True)
except (OSError, ValueError, AttributeError, InvalidSpecifier):
    sys.exit()
if not fits:
    here = platform.python_version()
    sys.exit(
        f"pyproject.toml requires Python {versions}, but this is {here}. Set fastapi_app_python to such a version."
    )

"""Fails unless this Python is one that pyproject.toml in the working directory requires. pip checks that of packages only.

Runs in the virtual environment of a release, and needs nothing but Python: not every pip brings a parser. Without a statement, or
one that nothing can read, any Python will do.
"""

import platform
import re
import sys
import tomllib
from pathlib import Path

PART = re.compile(r"(===|~=|[=!<>]=|[<>])\s*(\d+(?:\.\d+)*)(\.\*)?")
RUNS = sys.version_info[:3]


def wanted(text: str) -> str:
    """Return the versions of Python that a pyproject.toml requires; of poetry's own form the lower bounds."""
    content = tomllib.loads(text)
    if stated := content.get("project", {}).get("requires-python"):
        return str(stated)
    poetry = content.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
    return re.sub(r"\^|~(?!=)", ">=", str(poetry))


def fits(part: str) -> bool:
    """Say whether this Python is within one part of the versions, such as ``>=3.11`` or ``==3.12.*``; raises ValueError."""
    match = PART.fullmatch(part.strip())
    if match is None:
        raise ValueError(part)
    operator, numbers, anything = match.groups()
    given = tuple(map(int, numbers.split(".")))
    series = given[:-1]
    length = len(given) if anything else max(len(given), len(RUNS))
    given, here = ((*version, *[0] * length)[:length] for version in (given, RUNS))
    return {
        "==": here == given,
        "===": here == given,
        "!=": here != given,
        "<": here < given,
        "<=": here <= given,
        ">": here > given,
        ">=": here >= given,
        "~=": here >= given and here[: len(series)] == series,
    }[operator]


try:
    versions = wanted(Path("pyproject.toml").read_text(encoding="utf-8"))
    # All of them, so that one that nothing can read is noticed.
    found = [fits(part) for part in versions.split(",")]
except (OSError, ValueError, AttributeError):
    sys.exit()
if not all(found):
    here = platform.python_version()
    sys.exit(
        f"pyproject.toml requires Python {versions}, but this is {here}. Set fastapi_app_python to such a version."
    )

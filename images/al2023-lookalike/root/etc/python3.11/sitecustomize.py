"""Separates the Python of the package python3.11 from the system's Python, as on Amazon Linux.

There the system's Python (3.9) has modules such as dnf's bindings and psycopg2, and python3.11 has none of them. Here both are
Debian's 3.11, so this file removes the system's modules from the path of python3.11.
"""

import sys

if sys.executable == "/usr/bin/python3.11":
    sys.path = [path for path in sys.path if path != "/usr/lib/python3/dist-packages"]
    sys.path.append("/usr/lib/python3.11/site-packages")

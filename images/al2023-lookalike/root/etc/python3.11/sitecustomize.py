"""Tells the system's Python from the one of the package python3.11, as on Amazon Linux.

There the system's Python (3.9) has dnf's bindings, psycopg2 and the like, and python3.11 is another program that sees
none of them. Here both are Debian's 3.11, so the second one has to be told not to look.
"""

import sys

if sys.executable == "/usr/bin/python3.11":
    sys.path = [path for path in sys.path if path != "/usr/lib/python3/dist-packages"]
    sys.path.append("/usr/lib/python3.11/site-packages")

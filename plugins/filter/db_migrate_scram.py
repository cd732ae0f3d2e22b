# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filter that converts a password into the verifier stored by PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable

ITERATIONS = 4096  # PostgreSQL's default


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return the SCRAM-SHA-256 verifier (RFC 5803, as PostgreSQL writes it) of an ASCII password.

    PostgreSQL accepts the verifier in place of the password. So the password never appears in a statement or in the
    database's log. ``salt``: 16 random bytes unless given.
    """
    salt = os.urandom(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


class FilterModule:
    """The filters of this file, by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"db_migrate_scram_verifier": scram_verifier}

# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Plan the next steps from an unencrypted cache to a cache with TLS and a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def steps(groups: list[dict[str, Any]], tls: bool, client: dict[str, Any] | None = None) -> list[str]:
    """Return the steps to take now: prefer, require, rotate, set, in this order.

    ``groups`` comes from elasticache_replication_group_info, ``client`` from aws_cache_probe (None before the first
    deployment). AWS enables TLS in two steps, and changes no TLS setting of a cache with a password.
    """
    if not tls or not groups or groups[0]["transit_encryption"] is None:
        return []
    group = groups[0]
    if not group["transit_encryption"]:
        return [] if client else ["prefer"]
    if not client or not client.get("application_uses_tls"):
        return []
    if group["auth_token_enabled"]:
        done = client["password_needed"] or not client["application_sends_password"]
        return [] if done else ["set"]
    return ["rotate"] if group["transit_encryption_mode"] == "required" else ["require", "rotate"]


class FilterModule:
    """Filters of this role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"aws_cache_steps": steps}

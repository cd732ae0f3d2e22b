"""The way from a cache in clear to one with TLS and a password, as far as it can be gone now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def steps(groups: list[dict[str, Any]], tls: bool, client: dict[str, Any] | None = None) -> list[str]:
    """Return what is to be done now: prefer, require, rotate, set, in this order.

    ``groups`` is what elasticache_replication_group_info says, ``client`` what aws_cache_probe says, None before the
    application was deployed. AWS changes nothing about TLS while there is a password, and takes TLS in two steps.
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
        """Return them by name."""
        return {"aws_cache_steps": steps}

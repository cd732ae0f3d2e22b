"""Types that a test lets AWS have no capacity for: of servers, of databases, of cache nodes."""

from __future__ import annotations

# For instance {"t3.large", "db.t3.medium"}.
LACKING: set[str] = set()


def order(refused: list[str]) -> list[str]:
    """Let AWS have no capacity for exactly these types; returns them."""
    LACKING.clear()
    LACKING.update(refused)
    return sorted(LACKING)


def refusal(kind: str | None, zone: str) -> str | None:
    """AWS's words for a type without capacity; None for one that there is."""
    if kind not in LACKING:
        return None
    return (
        f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone}). "
        "Our system will be working on provisioning additional capacity."
    )

"""What a load has shown, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.load.traffic import Record, Sent

BACK_WITHIN = 5.0


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of the values do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def latencies(requests: Iterable[Sent]) -> dict[str, float]:
    """Return median, 99th percentile and worst, in milliseconds."""
    seconds = [sent.seconds for sent in requests]
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1000, 1),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, 1),
        "worst_ms": round(max(seconds, default=0.0) * 1000, 1),
    }


def summary(record: Record, stored: Mapping[int, Counter[int]], streams: int) -> dict[str, Any]:
    """Return the counts. ``stored`` is, for each store, how often each order's number is in the database."""
    faults = [sent for sent in record.requests if sent.fault]
    return {
        "requests": len(record.requests),
        "kinds": dict(Counter(sent.kind for sent in record.requests)),
        "not_2xx": sum(sent.fault.startswith("status") for sent in faults),
        "lost": sum(not sent.fault.startswith("status") for sent in faults),
        "faults": dict(Counter(f"{sent.kind}: {sent.fault}" for sent in faults).most_common(20)),
        "orders_acknowledged": len(record.acknowledged),
        "orders_missing": sum(stored[store][number] == 0 for store, number in record.acknowledged),
        "orders_twice": sum(times > 1 for numbers in stored.values() for times in numbers.values()),
        "streams": streams,
        "stream_events": record.events,
        "streams_reconnected": len(record.gaps),
        "streams_late": sum(seconds > BACK_WITHIN for _, seconds in record.gaps),
        "stream_worst_gap_s": round(max((seconds for _, seconds in record.gaps), default=0.0), 2),
        **latencies(record.requests),
    }

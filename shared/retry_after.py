"""The header by which a server says when it wants to be asked again (RFC 9110)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(header: str, now: datetime) -> float:
    """Return how many seconds ``header`` asks to wait from ``now``; 0 when it says nothing that can be read."""
    wish = header.strip()
    if wish.isascii() and wish.isdigit():
        return float(wish[:6])
    try:
        return max((parsedate_to_datetime(wish).astimezone(UTC) - now).total_seconds(), 0.0)
    except (ValueError, OverflowError):
        return 0.0

"""The only reader of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time, with the zone UTC. Tests hand in one that they move."""


def system_clock() -> datetime:
    """Return the present time of this machine in UTC."""
    return datetime.now(UTC)

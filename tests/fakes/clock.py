"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Call it for the present time; ``move`` lets time pass, also backwards."""

    def __init__(self, at: datetime = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)) -> None:
        self._now = at

    def __call__(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by

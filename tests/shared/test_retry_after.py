"""When a server wants to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("Fri, 20 Nov 2026 18:00:30 GMT", 30),
        ("Fri, 20 Nov 2026 19:00:30 +0100", 30),
        ("Fri, 20 Nov 2026 17:00:00 GMT", 0),
        ("9" * 40, 999_999),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("\u0665", 0),
        ("Fri, 99 Nov 2026 18:00:30 GMT", 0),
    ],
)
def test_a_wait_is_read_as_seconds_or_as_a_date_and_is_nothing_otherwise(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds

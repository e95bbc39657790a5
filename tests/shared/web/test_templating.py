from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.web.templating import day, environment, moment, spaced


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-20T18:05:00.000Z", "20 November 2026, 18:05"),
        ("2026-07-01T23:30:00.000Z", "2 July 2026, 00:30"),
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "1 July 2026, 13:00"),
        (None, ""),
        ("", ""),
    ],
)
def test_a_time_is_shown_as_the_clock_at_the_practice_says(value: datetime | str | None, shown: str) -> None:
    assert moment(value) == shown


def test_dates_and_nhs_numbers_are_shown_as_people_read_them_and_nothing_as_nothing() -> None:
    assert (day("1957-01-09"), day(None)) == ("9 January 1957", "")
    assert (spaced("9690937278"), spaced("123"), spaced(None)) == ("969 093 7278", "123", "")


def test_every_value_is_escaped_whatever_the_template_is_called() -> None:
    made = environment("registered_receiver.web").from_string("{{ value }}").render(value="<script>")

    assert made == "&lt;script&gt;"

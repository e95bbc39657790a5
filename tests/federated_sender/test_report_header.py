from __future__ import annotations

import pytest

from federated_sender.report_header import header_height

SHORT = 182
NOTHING: tuple[tuple[str, ...], str] = ((), "")


def test_short_values_need_the_official_height_and_room_for_a_heading() -> None:
    assert header_height("Smith, John", (("01632 960001",), "1 High Street, CA1 1AA"), NOTHING) == SHORT


def test_two_lines_fit_into_that_height() -> None:
    assert header_height("Featherstonehaugh, Anastasia", (("01632 960001", "07700 900001"), ""), NOTHING) == SHORT


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Smith, John Alexander Christopher Bartholomew Maximilian", 1),
        ("W" * 60, 3),
        ("\u4e2d" * 10, 3),
        ("\u00c9" * 60, 2),
    ],
)
def test_a_long_name_takes_more_lines(name: str, lines: int) -> None:
    assert header_height(name, NOTHING, NOTHING) == SHORT + 13 * lines


def test_the_longer_of_telephones_and_address_counts() -> None:
    telephones = ("01632 960001", "07700 900001", "07700 900002")
    address = "Considerably Lengthy Generic Street Name, " * 4

    assert header_height("Smith", (telephones, ""), NOTHING) == SHORT + 13
    assert header_height("Smith", (telephones, address), NOTHING) == SHORT + 13
    assert header_height("Smith", (telephones, address), (telephones, address)) == SHORT + 26


def test_a_value_without_end_takes_eight_lines() -> None:
    assert header_height("W" * 5000, NOTHING, NOTHING) == SHORT + 6 * 13

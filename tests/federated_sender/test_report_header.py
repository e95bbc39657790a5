from __future__ import annotations

import pytest

from federated_sender.report_header import header_height

NOTHING: tuple[tuple[str, ...], str] = ((), "")


def test_short_values_need_the_official_height() -> None:
    assert header_height("Smith, John", (("01632 960001",), "1 High Street, CA1 1AA"), NOTHING) == 168


def test_two_lines_fit_into_the_official_height() -> None:
    assert header_height("Featherstonehaugh, Anastasia", (("01632 960001", "07700 900001"), ""), NOTHING) == 168


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
    assert header_height(name, NOTHING, NOTHING) == 168 + 13 * lines


def test_the_longer_of_telephones_and_address_counts() -> None:
    telephones = ("01632 960001", "07700 900001", "07700 900002")
    address = "Considerably Lengthy Generic Street Name, " * 4

    assert header_height("Smith", (telephones, ""), NOTHING) == 168 + 13
    assert header_height("Smith", (telephones, address), NOTHING) == 168 + 13
    assert header_height("Smith", (telephones, address), (telephones, address)) == 168 + 26


def test_a_value_without_end_takes_eight_lines() -> None:
    assert header_height("W" * 5000, NOTHING, NOTHING) == 168 + 6 * 13

"""FHIR's primitive types."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shared.itk3.primitives import is_fhir_id, read_base64, read_date, read_date_time, read_instant

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(("value", "right"), [("a-1.B", True), ("x" * 64, True), ("x" * 65, False), ("a b", False)])
def test_an_id_has_up_to_64_letters_digits_dashes_and_dots(value: str, right: bool) -> None:
    assert is_fhir_id(value) is right
    assert not is_fhir_id(None)
    assert not is_fhir_id("a\n")


@pytest.mark.requirement("GPCM-SD-037")
def test_a_date_is_whole() -> None:
    assert read_date("1957-01-09") == date(1957, 1, 9)
    for wrong in (
        None,
        "",
        "1957-01",
        "19570109",
        "1957-02-30",
        "1957-01-09T00:00:00Z",
        "\N{ARABIC-INDIC DIGIT TWO}026-01-01",
    ):
        assert read_date(wrong) is None


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-20T12:00:00Z", "2026-11-20T12:00:00+00:00", "2026-11-20T13:00:00+01:00"),
        *("2026-11-20T12:00:00.000Z", "2026-11-20T12:00:00.0000000Z", "2026-11-20T12:00:00.0-00:00"),
    ],
)
def test_an_instant_has_a_zone_and_perhaps_a_fraction(value: str) -> None:
    assert read_instant(value) == NOON


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20T12:00Z", "2026-11-20 12:00:00Z"),
        *("2026-11-20T25:00:00Z", "0001-01-01T00:00:00+14:00", "2026-11-20T12:00:00+99:00"),
    ],
)
def test_anything_else_is_no_instant(value: str | None) -> None:
    assert read_instant(value) is None


def test_a_fraction_is_kept_to_the_microsecond() -> None:
    moment = read_instant("2026-11-20T12:00:00.1234567Z")

    assert moment == NOON.replace(microsecond=123456)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T12:00:00Z", NOON),
        ("20261120", None),
        ("2026-13", None),
        (None, None),
    ],
)
def test_a_date_time_may_be_partial(value: str | None, moment: datetime | None) -> None:
    assert read_date_time(value) == moment


def test_base64_may_hold_white_space_and_nothing_else() -> None:
    assert read_base64("JVBE\n Ri0=") == b"%PDF-"
    assert read_base64("") == b""
    for wrong in (None, "JVBERi0", "JVBE*i0=", "é"):
        assert read_base64(wrong) is None

from __future__ import annotations

import io
from datetime import date

import pytest

from registered_receiver import patient_file
from registered_receiver.matching import IndexedPatient
from registered_receiver.patient_file import read_patients
from shared.errors import CommandFailed

TODAY = date(2026, 11, 20)
HEADER = "nhs_number,family,given,birth_date,status,left_on,died_on"
SMITH = "9690937278,Smith,Richard John,1957-01-09,registered,,"
JONES = "9690937286,Jones,Ann,1960-02-29,left,2025-01-31,"


def read_text(text: str) -> list[IndexedPatient]:
    return read_patients(io.StringIO(text, newline=""), TODAY)


def read(*lines: str, header: str = HEADER) -> list[IndexedPatient]:
    return read_text("\n".join((header, *lines)) + "\n")


def faults(*lines: str, header: str = HEADER) -> str:
    with pytest.raises(CommandFailed) as refused:
        read(*lines, header=header)
    return str(refused.value)


def test_each_line_is_a_patient() -> None:
    patients = read(
        SMITH,
        '969 093 7286,"Jones, junior",,1960-02-29,LEFT,2025-01-31,',
        "9434765919,O'Brien,Áine,1930-12-01,deceased,2026-02-01,2026-01-15",
    )

    assert patients == [
        IndexedPatient("9690937278", "Smith", "Richard John", date(1957, 1, 9), "registered"),
        IndexedPatient("9690937286", "Jones, junior", "", date(1960, 2, 29), "left", date(2025, 1, 31)),
        IndexedPatient(
            "9434765919", "O'Brien", "Áine", date(1930, 12, 1), "deceased", date(2026, 2, 1), date(2026, 1, 15)
        ),
    ]


def test_columns_may_stand_in_any_order_and_the_dates_may_be_left_out() -> None:
    (patient,) = read("registered,1957-01-09,Smith,R,9690937278", header="status,birth_date,family,given,nhs_number")

    assert (patient.nhs_number, patient.left_on, patient.died_on) == ("9690937278", None, None)


def test_empty_lines_and_windows_line_ends_are_no_fault() -> None:
    assert len(read_text(f"{HEADER}\r\n\r\n{SMITH}\r\n\r\n")) == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("9690937279,Smith,R,1957-01-09,registered,,", "line 2: nhs_number: is not a valid NHS number"),
        (",Smith,R,1957-01-09,registered,,", "line 2: nhs_number: is not a valid NHS number"),
        ("9690937278,,R,1957-01-09,registered,,", "line 2: family: is empty"),
        ("9690937278,Smi\x07th,R,1957-01-09,registered,,", "line 2: family: must be at most 255 printable"),
        ("9690937278,Smith,R,,registered,,", "line 2: birth_date: is empty"),
        ("9690937278,Smith,R,09/01/1957,registered,,", "line 2: birth_date: must be a date such as 1957-01-09"),
        ("9690937278,Smith,R,1957-02-30,registered,,", "line 2: birth_date: must be a date such as 1957-01-09"),
        ("9690937278,Smith,R,2026-11-21,registered,,", "line 2: birth_date: must not be in the future"),
        ("9690937278,Smith,R,1957-01-09,active,,", "line 2: status: must be one of registered, left, deceased"),
        ("9690937278,Smith,R,1957-01-09,left,1950-01-01,", "line 2: left_on: must not be before birth_date"),
        ("9690937278,Smith,R,1957-01-09,deceased,,1950-01-01", "line 2: died_on: must not be before birth_date"),
        ("9690937278,Smith,R,1957-01-09,registered,2026-11-20,", "line 2: left_on: has passed"),
        ("9690937278,Smith,R,1957-01-09,registered,,2026-11-20", "line 2: died_on: has passed"),
        ("9690937278,Smith,R,1957-01-09,left,,2026-11-20", "line 2: died_on: has passed"),
        ("9690937278,Smith,R,1957-01-09,registered,,,extra", "line 2: has more fields than the first line"),
        ("9690937278,Smith,R,1957-01-09,registered", "line 2: has fewer fields than the first line"),
        ('9690937278,"Smith,R,1957-01-09,registered,,', "line 2: is not CSV"),
        ('9690937278,"Smith"s,R,1957-01-09,registered,,', "line 2: is not CSV"),
        ("9690937278,Smi\N{RIGHT-TO-LEFT OVERRIDE}th,R,1957-01-09,registered,,", "line 2: family: must be at most"),
        ("9690937278,Smi\udce9th,R,1957-01-09,registered,,", "line 2: family: is not UTF-8 text"),
        ("9690937278,Smith,R,1957-01-09,registered,,\udc96", "line 2: died_on: is not UTF-8 text"),
        ("9690937278,Smith,R,1957-02-29,registered,,", "line 2: birth_date: must be a date such as 1957-01-09"),
        ("9690937278,Smith,R,1957-W02-3,registered,,", "line 2: birth_date: must be a date such as 1957-01-09"),
    ],
)
def test_a_bad_row_is_named_by_line_and_rule(line: str, fault: str) -> None:
    assert fault in faults(line)


def test_every_fault_is_named_at_once_and_no_value_is() -> None:
    text = faults(
        SMITH, "1234567890,Featherstonehaugh,R,1957,gone,,", "9690937286,Jones,R,1960-01-01,registered,,", SMITH
    )

    assert [line.strip().partition(" is")[0].partition(" must")[0] for line in text.splitlines()[1:]] == [
        "line 3: status:",
        "line 3: nhs_number:",
        "line 3: birth_date:",
        "line 5: nhs_number:",
    ]
    assert not any(value in text for value in ("1234567890", "Featherstonehaugh", "gone", "9690937278"))


def test_a_number_that_is_on_two_lines_is_a_fault() -> None:
    assert "line 3: nhs_number: is on line 2, too" in faults(SMITH, SMITH)
    assert "line 4: nhs_number: is on line 2, too" in faults(SMITH, JONES, SMITH.replace("9690937278", "969 093 7278"))


def test_a_line_number_is_that_of_an_editor_even_after_a_quoted_line_break() -> None:
    text = faults('9690937278,"Smith\nJones",R,1957-01-09,registered,,', "", "9690937279,Smith,R,1957-01-09,gone,,")

    assert [line.strip().split(" is")[0].split(" must")[0] for line in text.splitlines()[1:]] == [
        *("line 2: family:", "line 5: status:", "line 5: nhs_number:"),
    ]


def test_what_stands_behind_a_row_that_is_not_csv_is_judged_too() -> None:
    text = faults('9690937278,"Smith"s,R,1957-01-09,registered,,', JONES, "9690937279,Smith,R,1957-01-09,left,,")

    assert text.splitlines()[1:] == [
        "  line 2: is not CSV (is a quotation mark left open?)",
        "  line 4: nhs_number: is not a valid NHS number (ten digits, the last a check digit)",
    ]


def test_of_many_bad_rows_every_one_is_named() -> None:
    lines = faults(*["9690937279,Smith,R,1957-01-09,registered,,"] * 30).splitlines()

    assert [line.split(":")[0] for line in lines[1:]] == [f"  line {number}" for number in range(2, 32)]


def test_a_line_without_an_end_or_a_file_without_an_end_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "line 2 is longer than 10000 characters" in faults("x" * 10_001)

    monkeypatch.setattr(patient_file, "MOST_PATIENTS", 1)
    assert "has more than 1 patients" in faults(SMITH, JONES)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("nhs_number,family,given,birth_date", "lacks the columns status"),
        (f"{HEADER},postcode", "has columns besides"),
        (f"{HEADER},postcode", "(at position 8)"),
        (
            "9690937278,Smith,R,1957-01-09,registered,,",
            "lacks the columns nhs_number, family, given, birth_date, status",
        ),
        (HEADER.replace(",", ";"), "line 1 has semicolons where commas must part the columns"),
        (HEADER.replace(",", "\t"), "line 1 has tabs where commas"),
        ("\udcff\udcfen\0h\0s\0", "line 1 is not UTF-8 text"),
        (f"{HEADER},family", "names a column twice"),
    ],
)
def test_a_file_with_other_columns_is_refused(header: str, fault: str) -> None:
    text = faults(SMITH, header=header)

    assert fault in text
    assert "9690937278" not in text


def test_a_file_without_patients_is_refused_since_replacing_by_it_would_empty_the_practice() -> None:
    assert "is followed by no patient" in faults()


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(CommandFailed, match="lacks the columns"):
        read_text("")

"""Tables for people: they read well at 80 columns."""

from __future__ import annotations

import pytest

from shared.presentation import print_json, print_json_list, print_table

ID = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01"
COLUMNS = {"id": "report", "version": "v", "state": "state", "reason": "reason", "overdue": "overdue"}
FAULTS = "; ".join(f"patient.{name}: is required" for name in ("family", "nhs_number", "birth_date", "gender"))


def row(**changes: object) -> dict[str, object]:
    return {"id": ID, "version": 1, "state": "waiting", "reason": None, "overdue": []} | changes


def test_what_fits_stands_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([row(reason="30002"), row(state="failed", overdue=["business"])], COLUMNS, "nothing")

    assert capsys.readouterr().out == (
        "report                                v    state    reason    overdue\n"
        "------------------------------------  ---  -------  --------  ---------\n"
        f"{ID}  1    waiting  30002\n"
        f"{ID}  1    failed             business\n"
    )


def test_what_is_too_long_stands_beneath_its_row_and_nothing_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([row(state="invalid", reason=FAULTS), row(overdue=["infrastructure", "business"])], COLUMNS, "nothing")

    assert capsys.readouterr().out == (
        "report                                v    state    overdue\n"
        "------------------------------------  ---  -------  ------------------------\n"
        f"{ID}  1    invalid\n"
        "  reason: patient.family: is required; patient.nhs_number: is required;\n"
        "    patient.birth_date: is required; patient.gender: is required\n"
        f"{ID}  1    waiting  infrastructure, business\n"
    )


def test_words_of_the_other_side_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([row(reason="\x1b[2Jgone\r\nnew line")], COLUMNS, "nothing")

    assert "\N{REPLACEMENT CHARACTER}[2Jgone" in capsys.readouterr().out


def test_nothing_is_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([], COLUMNS, "no records")

    assert capsys.readouterr().out == "no records\n"


@pytest.mark.parametrize("rows", [[], [{"a": "one\nline\u2028more", "b": []}], [{"a": 1}, {"b": {"c": [1, 2]}}]])
def test_a_list_that_is_printed_as_it_comes_is_the_same_document(
    rows: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    print_json_list(iter(rows))
    as_it_came = capsys.readouterr().out

    print_json(rows)

    assert as_it_came == capsys.readouterr().out

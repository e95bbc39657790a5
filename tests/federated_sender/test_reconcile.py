"""Which consultations of a day never reached the outbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from federated_sender.reconcile import missing, read_expected
from shared.errors import CommandFailed
from tests.federated_sender.bench import CONSULTATION, SenderBench, consultation
from tests.federated_sender.rows import write

ABSENT = "11111111-2222-4333-8444-555555555555"
WRITTEN = "22222222-2222-4333-8444-555555555555"


def test_only_what_never_reached_the_outbox_is_missing(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    # written in capitals, and not looked at yet
    write(sender, consultation(consultation_id=WRITTEN.upper()))

    with sender.database.snapshot() as session:
        found = missing(session, [ABSENT, CONSULTATION, WRITTEN])

    assert found == [ABSENT]


def test_a_long_day_is_asked_for_in_parts(sender: SenderBench) -> None:
    sender.enqueue(consultation())
    others = [f"{number:08}-2222-4333-8444-555555555555" for number in range(1200)]

    with sender.database.snapshot() as session:
        found = missing(session, [*others, CONSULTATION])

    assert found == others


def test_a_file_may_have_other_columns_and_be_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(
        f"\ufefftime,consultation_id,room\r\n18:05,{ABSENT.upper()},2\r\n\r\n18:20,{ABSENT},2\r\n".encode()
    )

    expected = read_expected(file)

    assert (expected.identifiers, expected.faults) == ((ABSENT,), ())


def test_bad_lines_are_named_and_do_not_hide_the_others(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_text(f"consultation_id\n42\n{ABSENT}\n\n9690937278,x\n")

    expected = read_expected(file)

    assert expected.identifiers == (ABSENT,)
    assert [str(fault) for fault in expected.faults] == [
        "line 2: consultation_id must be a UUID",
        "line 5: consultation_id must be a UUID",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id\n1\n", "must begin with a line that names the column consultation_id"),
        (b"", "must begin with a line"),
        (b"\xff\xfe", "cannot be read as UTF-8"),
        (b'consultation_id\n"' + b"x" * 200_000 + b'"\n', "line 1 is not CSV"),
        (None, "cannot be read as UTF-8"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "day.csv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandFailed, match=words):
        read_expected(file)

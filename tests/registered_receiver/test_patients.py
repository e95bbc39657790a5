from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from registered_receiver import patients
from registered_receiver.matching import IndexedPatient, PatientFacts
from shared.errors import CommandFailed
from tests.registered_receiver.bench import INDEXED_SMITH, ReceiverBench

TODAY = date(2026, 11, 20)
JONES = IndexedPatient("9690937286", "Jones", "Ann", date(1960, 2, 29), "registered")
DEAD = IndexedPatient("9434765919", "Brown", "Tom", date(1930, 1, 1), "deceased", None, date(2020, 1, 1))


def found(receiver: ReceiverBench, nhs_number: str) -> IndexedPatient | None:
    with receiver.database.snapshot() as session:
        return patients.find(session, nhs_number)


def test_importing_again_updates_who_is_there_and_adds_who_is_not(receiver: ReceiverBench) -> None:
    married = replace(INDEXED_SMITH, family="Smith-Jones")

    receiver.know(married, JONES)

    assert found(receiver, married.nhs_number) == married
    assert found(receiver, JONES.nhs_number) == JONES


def test_replacing_lets_who_is_registered_but_not_in_the_file_leave_today(receiver: ReceiverBench) -> None:
    leaving = replace(JONES, left_on=date(2027, 1, 1))
    receiver.know(leaving, DEAD)

    with receiver.database.transaction() as session:
        done = patients.store(session, [INDEXED_SMITH], TODAY, replace=True)

    assert done == patients.Imported(patients=1, left=1)
    assert found(receiver, JONES.nhs_number) == replace(JONES, status="left", left_on=TODAY)
    assert found(receiver, DEAD.nhs_number) == DEAD
    assert found(receiver, INDEXED_SMITH.nhs_number) == INDEXED_SMITH


def test_candidates_are_those_with_the_number_or_the_birth_date(receiver: ReceiverBench) -> None:
    twin = replace(JONES, birth_date=INDEXED_SMITH.birth_date)
    receiver.know(twin, DEAD)
    facts = PatientFacts(DEAD.nhs_number, "x", "x", INDEXED_SMITH.birth_date)

    with receiver.database.snapshot() as session:
        numbers = {patient.nhs_number for patient in patients.candidates(session, facts)}

    assert numbers == {DEAD.nhs_number, INDEXED_SMITH.nhs_number, twin.nhs_number}


def test_a_file_that_is_not_there_or_not_utf8_is_refused_in_words(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("nhs_number,famil\xe9".encode("latin-1"))

    with pytest.raises(CommandFailed, match="not UTF-8"):
        patients.read_file(latin, TODAY)
    with pytest.raises(CommandFailed, match="No such file"):
        patients.read_file(tmp_path / "nowhere.csv", TODAY)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "excel.csv"
    file.write_text(
        "nhs_number,family,given,birth_date,status\n9690937278,Smith,R,1957-01-09,registered\n", encoding="utf-8-sig"
    )

    assert len(patients.read_file(file, TODAY)) == 1

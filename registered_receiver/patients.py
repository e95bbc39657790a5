"""The practice's patients as the receiver knows them, for matching only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from registered_receiver import ledger
from registered_receiver.matching import KNOWN, IndexedPatient, PatientFacts, standing_code
from registered_receiver.patient_file import read_patients
from registered_receiver.patient_tables import Patient
from shared.errors import CommandFailed
from shared.inserts import insert_for

_EMPTY: Final = {"kind": "patient_index_empty", "subject_id": "patient_index"}
_ROWS_AT_ONCE: Final = 1000
# more than so many who leave at once, in number and in per cent, and the file is probably not the whole practice
_MOST_LEAVING: Final = 10
_MOST_LEAVING_PERCENT: Final = 10
_COLUMNS: Final = tuple(field.name for field in fields(IndexedPatient))
_SELECTED: Final = tuple(getattr(Patient, name) for name in _COLUMNS)
_CANDIDATES: Final = select(*_SELECTED).where(
    or_(Patient.nhs_number == bindparam("nhs_number"), Patient.birth_date == bindparam("birth_date"))
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did with the patients in the file, and how many ``left`` because they are no longer in it."""

    added: int
    changed: int
    unchanged: int
    left: int

    @property
    def patients(self) -> int:
        """How many patients the file has."""
        return self.added + self.changed + self.unchanged

    def __str__(self) -> str:
        if not (self.added or self.changed or self.left):
            return f"{self.patients} patients imported: nothing changed"
        counts = f"{self.added} added, {self.changed} changed, {self.unchanged} unchanged, {self.left} left"
        return f"{self.patients} patients imported: {counts}"


def read_file(path: Path, today: date) -> list[IndexedPatient]:
    """Return the patients of the CSV file at ``path``; raises CommandFailed that names the faults."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            return read_patients(file, today)
    except OSError as error:
        raise CommandFailed(f"no patient was imported: the file cannot be read ({error.strerror})") from None


def store(
    session: Session, patients: Sequence[IndexedPatient], today: date, *, replace: bool, force: bool = False
) -> Imported:
    """Insert or update ``patients``; with ``replace``, who is registered and not among them left today.

    What is the same already is not written. Raises CommandFailed, unless ``force``, when more would leave than is
    likely.
    """
    gone = _leaving(session, patients, today, force=force) if replace else []
    added = changed = 0
    # in one order, so that two imports at once wait for each other and never cross
    ordered = sorted(patients, key=lambda patient: patient.nhs_number)
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        new, other = _store(session, ordered[start : start + _ROWS_AT_ONCE])
        added, changed = added + new, changed + other
    if gone:
        session.execute(update(Patient), [{"nhs_number": n, "status": "left", "left_on": today} for n in gone])
    return Imported(added, changed, len(patients) - added - changed, len(gone))


def is_empty(session: Session) -> bool:
    """Say whether the index has nobody at all, so that nobody can be matched."""
    return session.scalar(select(Patient.nhs_number).limit(1)) is None


def count(session: Session) -> int:
    """Return how many patients the index has."""
    return session.scalar(select(func.count()).select_from(Patient)) or 0


def tell_of_empty_index(session: Session, now: datetime) -> None:
    """Let a person know that nobody's report can be matched."""
    ledger.ALERTS.open(
        session,
        now=now,
        text="The patient index is empty: every report is answered 30002, patient not known here.",
        action="Run `patients import FILE` with all of the practice's patients; ask the senders to send again.",
        code=None,
        **_EMPTY,
    )


def is_told_empty(session: Session) -> bool:
    """Say whether what :func:`tell_of_empty_index` opened is open: reports came that could not be matched."""
    return _EMPTY["subject_id"] in ledger.ALERTS.open_subjects(session, _EMPTY["kind"])


def note_filled_index(session: Session, now: datetime) -> int:
    """Close what :func:`tell_of_empty_index` opened once somebody is in the index; return how many were closed."""
    if is_empty(session):
        return 0
    return ledger.ALERTS.close(session, now=now, by=ledger.DAEMON, reason="patients were imported", **_EMPTY)


def candidates(session: Session, facts: PatientFacts) -> list[IndexedPatient]:
    """Return everybody with the report's NHS number or its birth date, for :func:`matching.match`."""
    named = {"nhs_number": facts.nhs_number, "birth_date": facts.birth_date}
    return [IndexedPatient(*row) for row in session.execute(_CANDIDATES, named)]


def find(session: Session, nhs_number: str) -> IndexedPatient | None:
    """Return one patient, None when the index does not have them."""
    row = session.execute(select(*_SELECTED).where(Patient.nhs_number == nhs_number)).one_or_none()
    return None if row is None else IndexedPatient(*row)


def _store(session: Session, patients: Sequence[IndexedPatient]) -> tuple[int, int]:
    """Write those of some ``patients`` who are new or changed; return how many are new, and how many changed."""
    query = select(*_SELECTED).where(Patient.nhs_number.in_([patient.nhs_number for patient in patients]))
    known = {row.nhs_number: tuple(row) for row in session.execute(query)}
    rows = [_values(patient) for patient in patients]
    different = [row for row in rows if known.get(row[0]) != row]
    if not different:
        return 0, 0
    insert = insert_for(session, Patient)
    columns = {name: insert.excluded[name] for name in _COLUMNS if name != "nhs_number"}
    upsert = insert.on_conflict_do_update(index_elements=["nhs_number"], set_=columns)
    session.execute(upsert, [dict(zip(_COLUMNS, row, strict=True)) for row in different])
    added = sum(row[0] not in known for row in different)
    return added, len(different) - added


def _values(patient: IndexedPatient) -> tuple[object, ...]:
    return tuple(getattr(patient, name) for name in _COLUMNS)


def _leaving(session: Session, patients: Sequence[IndexedPatient], today: date, *, force: bool) -> list[str]:
    """Return the NHS numbers of those who are registered and not among ``patients``."""
    listed = {patient.nhs_number for patient in patients}
    registered, gone = 0, []
    for row in session.execute(select(*_SELECTED).execution_options(yield_per=_ROWS_AT_ONCE)):
        patient = IndexedPatient(*row)
        if standing_code(patient, today) == KNOWN:
            registered += 1
            gone += [patient.nhs_number] * (patient.nhs_number not in listed)
    if not force and len(gone) > _MOST_LEAVING and 100 * len(gone) > _MOST_LEAVING_PERCENT * registered:
        raise CommandFailed(
            f"no patient was imported: {len(gone)} of {registered} registered patients are not in the file and"
            " would leave the practice today. Is it the whole practice? If they did leave, use --replace --force"
        )
    return gone

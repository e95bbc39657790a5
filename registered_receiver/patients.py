"""The practice's patients as the receiver knows them, for matching only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registered_receiver.matching import KNOWN, IndexedPatient, PatientFacts, standing_code
from registered_receiver.patient_file import read_patients
from registered_receiver.tables import Patient
from shared.errors import CommandFailed

_ROWS_AT_ONCE: Final = 1000
# more than so many who leave at once, in number and in per cent, and the file is probably not the whole practice
_MOST_LEAVING: Final = 10
_MOST_LEAVING_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: patients in the file, and patients who left because they are no longer in it."""

    patients: int
    left: int


def read_file(path: Path, today: date) -> list[IndexedPatient]:
    """Return the patients of the CSV file at ``path``; raises CommandFailed that names every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CommandFailed("no patient was imported: the file is not UTF-8 text") from None
    except OSError as error:
        raise CommandFailed(f"no patient was imported: the file cannot be read ({error.strerror})") from None
    return read_patients(text, today)


def store(
    session: Session, patients: Sequence[IndexedPatient], today: date, *, replace: bool, force: bool = False
) -> Imported:
    """Insert or update ``patients``; with ``replace``, who is registered and not among them left today.

    Raises CommandFailed, unless ``force``, when more would leave than is likely.
    """
    gone = _leaving(session, patients, today, force=force) if replace else []
    rows = [asdict(patient) for patient in patients]
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Patient)
    columns = {name: insert.excluded[name] for name in rows[0] if name != "nhs_number"}
    upsert = insert.on_conflict_do_update(index_elements=["nhs_number"], set_=columns)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        session.execute(upsert, rows[start : start + _ROWS_AT_ONCE])
    if gone:
        session.execute(update(Patient), [{"nhs_number": n, "status": "left", "left_on": today} for n in gone])
    return Imported(len(rows), len(gone))


def is_empty(session: Session) -> bool:
    """Say whether the index has nobody at all, so that nobody can be matched."""
    return session.scalar(select(Patient.nhs_number).limit(1)) is None


def count(session: Session) -> int:
    """Return how many patients the index has."""
    return session.scalar(select(func.count()).select_from(Patient)) or 0


def candidates(session: Session, facts: PatientFacts) -> list[IndexedPatient]:
    """Return everybody with the report's NHS number or its birth date, for :func:`matching.match`."""
    query = select(Patient).where(or_(Patient.nhs_number == facts.nhs_number, Patient.birth_date == facts.birth_date))
    return [_indexed(patient) for patient in session.scalars(query)]


def find(session: Session, nhs_number: str) -> IndexedPatient | None:
    """Return one patient, None when the index does not have them."""
    patient = session.get(Patient, nhs_number)
    return None if patient is None else _indexed(patient)


def _leaving(session: Session, patients: Sequence[IndexedPatient], today: date, *, force: bool) -> list[str]:
    """Return the NHS numbers of those who are registered and not among ``patients``."""
    listed = {patient.nhs_number for patient in patients}
    everybody = (_indexed(patient) for patient in session.scalars(select(Patient)))
    registered = [patient.nhs_number for patient in everybody if standing_code(patient, today) == KNOWN]
    gone = [nhs_number for nhs_number in registered if nhs_number not in listed]
    if not force and len(gone) > _MOST_LEAVING and 100 * len(gone) > _MOST_LEAVING_PERCENT * len(registered):
        raise CommandFailed(
            f"no patient was imported: {len(gone)} of {len(registered)} registered patients are not in the file and"
            " would leave the practice today. Is it the whole practice? If they did leave, use --replace --force"
        )
    return gone


def _indexed(patient: Patient) -> IndexedPatient:
    return IndexedPatient(
        nhs_number=patient.nhs_number,
        family=patient.family,
        given=patient.given,
        birth_date=patient.birth_date,
        status=patient.status,
        left_on=patient.left_on,
        died_on=patient.died_on,
    )

"""Which consultations should have been enqueued and never were: an appointment book's day against the outbox."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federated_sender.outbox_tables import OutboxRow
from federated_sender.tables import Report
from shared.errors import CommandFailed, Fault

COLUMN = "consultation_id"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """The consultations that a file names, in its order, and the lines that name none."""

    identifiers: Sequence[str]
    faults: Sequence[Fault]


def read_expected(file: Path) -> Expected:
    """Read a CSV file with the column ``consultation_id``; other columns are left alone.

    Raises CommandFailed when it cannot be read or has no such column.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise CommandFailed(f"{file} cannot be read as UTF-8 text") from None
    rows = csv.DictReader(lines)
    try:
        if COLUMN not in (rows.fieldnames or ()):
            raise CommandFailed(f"{file} must begin with a line that names the column {COLUMN}")
        identifiers: dict[str, None] = {}
        faults = []
        for row in rows:
            try:
                identifiers[str(UUID((row[COLUMN] or "").strip()))] = None
            except ValueError:
                faults.append(Fault(f"line {rows.line_num}", f"{COLUMN} must be a UUID"))
    except csv.Error as error:
        raise CommandFailed(f"{file} line {rows.line_num} is not CSV: {error}") from None
    return Expected(tuple(identifiers), tuple(faults))


def missing(session: Session, identifiers: Sequence[str]) -> list[str]:
    """Return those that are neither in the outbox nor known from it, in the order given."""
    known: set[str] = set()
    for start in range(0, len(identifiers), _BATCH):
        batch = identifiers[start : start + _BATCH]
        known.update(session.scalars(select(Report.consultation_id).where(Report.consultation_id.in_(batch))))
        written = func.lower(OutboxRow.consultation_id)
        known.update(session.scalars(select(written).where(written.in_(batch))))
    return [identifier for identifier in identifiers if identifier not in known]

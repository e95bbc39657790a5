"""Reads the patient index's CSV: every row, or every fault by line and column, never a value."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from typing import Final, cast, get_args

from registered_receiver.matching import IndexedPatient, Status
from shared.errors import CommandFailed, Fault
from shared.identifiers import NhsNumber

REQUIRED: Final = ("nhs_number", "family", "given", "birth_date", "status")
OPTIONAL: Final = ("left_on", "died_on")

_LONGEST: Final = 255
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")


def read_patients(text: str, today: date) -> list[IndexedPatient]:
    """Return the patients of a file with the columns of the contract, in any order.

    ``today`` is the date at the practice. Raises CommandFailed that names every bad row by line.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, restkey="", restval="")
    faults: list[Fault] = []
    patients: dict[str, IndexedPatient] = {}
    try:
        _check_columns(reader.fieldnames or ())
        for row in reader:
            line = _Line(row, f"line {reader.line_num}", today)
            if line.patient is not None and line.patient.nhs_number in patients:
                line.faults.append(Fault(f"{line.where}: nhs_number", "is on an earlier line, too"))
            elif line.patient is not None:
                patients[line.patient.nhs_number] = line.patient
            faults += line.faults
    except csv.Error:
        # the module's own words may quote the line
        faults.append(Fault(f"line {reader.line_num}", "is not CSV (is a quotation mark left open?)"))
    if not faults and not patients:
        faults.append(Fault("line 1", "is followed by no patient"))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise CommandFailed(f"no patient was imported, because of these faults:\n{listed}")
    return list(patients.values())


def _check_columns(columns: object) -> None:
    found = list(cast("tuple[str, ...]", columns))
    missing = [name for name in REQUIRED if name not in found]
    unknown = len([name for name in found if name not in REQUIRED + OPTIONAL])
    faults = []
    if missing:
        faults.append(f"lacks the columns {', '.join(missing)}")
    if unknown:
        faults.append(f"has {unknown} columns besides {', '.join(REQUIRED + OPTIONAL)}")
    if len(set(found)) < len(found):
        faults.append("names a column twice")
    if faults:
        raise CommandFailed(f"no patient was imported: line 1 {' and '.join(faults)}")


class _Line:
    """One row under judgement; ``patient`` is None when ``faults`` has anything."""

    def __init__(self, row: Mapping[str, str], where: str, today: date) -> None:
        self.where = where
        self.faults: list[Fault] = []
        self._row = row
        self._today = today
        if "" in row:
            self.faults.append(Fault(where, "has more fields than the first line"))
        read = self._read()
        self.patient = None if self.faults else read

    def _read(self) -> IndexedPatient:
        status = self._text("status").lower()
        if status not in get_args(Status):
            self._fault("status", f"must be one of {', '.join(get_args(Status))}")
        patient = IndexedPatient(
            nhs_number=self._nhs_number(),
            family=self._name("family", required=True),
            given=self._name("given", required=False),
            birth_date=self._birth_date(),
            status=cast("Status", status),
            left_on=self._date("left_on"),
            died_on=self._date("died_on"),
        )
        if not self.faults:
            self._check_dates(patient)
        return patient

    def _check_dates(self, patient: IndexedPatient) -> None:
        if patient.birth_date > self._today:
            self._fault("birth_date", "must not be in the future")
        for column, happened in (("left_on", patient.left_on), ("died_on", patient.died_on)):
            if happened is None:
                continue
            if happened < patient.birth_date:
                self._fault(column, "must not be before birth_date")
            if patient.status == "registered" and happened <= self._today:
                self._fault(column, "has passed, which does not go with the status registered")
        if patient.status == "left" and patient.died_on is not None and patient.died_on <= self._today:
            self._fault("died_on", "has passed, which does not go with the status left")

    def _text(self, column: str) -> str:
        return self._row.get(column, "").strip()

    def _nhs_number(self) -> str:
        try:
            return NhsNumber(self._text("nhs_number"))
        except ValueError as error:
            self._fault("nhs_number", str(error))
            return ""

    def _name(self, column: str, *, required: bool) -> str:
        name = self._text(column)
        if required and not name:
            self._fault(column, "is empty")
        if len(name) > _LONGEST or _UNPRINTABLE.search(name):
            self._fault(column, f"must be at most {_LONGEST} printable characters")
        return name

    def _birth_date(self) -> date:
        if not self._text("birth_date"):
            self._fault("birth_date", "is empty")
        return self._date("birth_date") or date.min

    def _date(self, column: str) -> date | None:
        text = self._text(column)
        if not text:
            return None
        try:
            # fromisoformat alone would take weeks and dates without hyphens, too
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self._fault(column, "must be a date such as 1957-01-09")
        return None

    def _fault(self, column: str, rule: str) -> None:
        self.faults.append(Fault(f"{self.where}: {column}", rule))

"""Reads the patient index's CSV: every row, or every fault by line and column, never a value."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, cast, get_args

from registered_receiver.matching import IndexedPatient, Status
from shared.errors import CommandFailed, Fault
from shared.identifiers import NhsNumber

REQUIRED: Final = ("nhs_number", "family", "given", "birth_date", "status")
OPTIONAL: Final = ("left_on", "died_on")
MOST_PATIENTS: Final = 1_000_000

_LONGEST_LINE: Final = 10_000
_LONGEST_NAME: Final = 255
# control characters, breaks of lines, and what turns the direction of writing: two names must not look alike
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_UTF8: Final = re.compile(r"[\ud800-\udfff]")


class _Faults:
    """What is wrong with the file, every bad row named."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    @property
    def count(self) -> int:
        return len(self._found)

    def add(self, where: str, rule: str) -> None:
        self._found.append(Fault(where, rule))

    def __str__(self) -> str:
        return "\n".join(f"  {fault}" for fault in self._found)


def read_patients(lines: Iterable[str], today: date) -> list[IndexedPatient]:
    """Return the patients of a file with the columns of the contract, in any order.

    ``lines`` keep their ends, and bytes that are not UTF-8 as surrogates. ``today`` is the date at the practice.
    Raises CommandFailed that names every bad row by line.
    """
    faults = _Faults()
    patients: list[IndexedPatient] = []
    seen: dict[str, str] = {}
    rows = _rows(lines, faults)
    _, names = next(rows, ("", []))
    columns = _columns(names)
    for where, fields in rows:
        patient = _Line(where, columns, fields, today, faults).patient
        if patient is not None and seen.setdefault(patient.nhs_number, where) != where:
            faults.add(f"{where}: nhs_number", f"is on {seen[patient.nhs_number]}, too")
        elif patient is not None:
            patients.append(patient)
        if len(seen) > MOST_PATIENTS:
            raise CommandFailed(f"no patient was imported: the file has more than {MOST_PATIENTS} patients")
    if not faults.count and not patients:
        faults.add("line 1", "is followed by no patient")
    if faults.count:
        raise CommandFailed(f"no patient was imported, because of these faults:\n{faults}")
    return patients


def _rows(lines: Iterable[str], faults: _Faults) -> Iterator[tuple[str, list[str]]]:
    """Give each row that is CSV, with the line that it begins on; a quoted field may go on over several."""
    reader = csv.reader(_bounded(lines), strict=True)
    while True:
        where = f"line {reader.line_num + 1}"
        try:
            fields = next(reader, None)
        except csv.Error:
            # the module's own words may quote the line
            faults.add(where, "is not CSV (is a quotation mark left open?)")
            continue
        if fields is None:
            return
        if fields:
            yield where, fields


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST_LINE:
            raise CommandFailed(f"no patient was imported: line {number} is longer than {_LONGEST_LINE} characters")
        yield line


def _columns(names: Sequence[str]) -> Sequence[str]:
    """Return the names of the first line; raises CommandFailed, which does not quote them: it may be a patient."""
    joined = "".join(names)
    if _NOT_UTF8.search(joined) or "\0" in joined:
        raise CommandFailed("no patient was imported: line 1 is not UTF-8 text: save the file as UTF-8")
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if separator in joined:
            raise CommandFailed(f"no patient was imported: line 1 has {called} where commas must part the columns")
    known = REQUIRED + OPTIONAL
    missing = [name for name in REQUIRED if name not in names]
    unknown = [str(position) for position, name in enumerate(names, 1) if name not in known]
    faults = []
    if missing:
        faults.append(f"lacks the columns {', '.join(missing)}")
    if unknown:
        faults.append(f"has columns besides {', '.join(known)} (at position {', '.join(unknown)})")
    if len(set(names)) < len(names):
        faults.append("names a column twice")
    if faults:
        raise CommandFailed(f"no patient was imported: line 1 {' and '.join(faults)}")
    return names


class _Line:
    """One row under judgement; ``patient`` is None when it has a fault."""

    def __init__(self, where: str, columns: Sequence[str], fields: Sequence[str], today: date, faults: _Faults) -> None:
        self._where = where
        self._today = today
        self._faults = faults
        self.patient: IndexedPatient | None = None
        if len(fields) != len(columns):
            than = "fewer" if len(fields) < len(columns) else "more"
            faults.add(where, f"has {than} fields than the first line")
            return
        before = faults.count
        self._row: Mapping[str, str] = dict(zip(columns, fields, strict=True))
        self._require_utf8()
        patient = self._read() if faults.count == before else None
        self.patient = patient if faults.count == before else None

    def _require_utf8(self) -> None:
        for column, text in self._row.items():
            if not text.isascii() and _NOT_UTF8.search(text):
                self._fault(column, "is not UTF-8 text: save the file as UTF-8")

    def _read(self) -> IndexedPatient:
        before = self._faults.count
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
        if self._faults.count == before:
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
        if len(name) > _LONGEST_NAME or _UNPRINTABLE.search(name):
            self._fault(column, f"must be at most {_LONGEST_NAME} printable characters, without a line break")
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
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self._fault(column, "must be a date such as 1957-01-09")
        return None

    def _fault(self, column: str, rule: str) -> None:
        self._faults.add(f"{self._where}: {column}", rule)

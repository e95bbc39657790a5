"""The evening surgery that the demo plays: synthetic patients, their consultations, and what must become of each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

ALDER: Final = {"ods_code": "A81001", "mailbox_id": "ALDERMB1", "name": "Alder Medical Centre"}
BIRCH: Final = {"ods_code": "B82002", "mailbox_id": "BIRCHMB1", "name": "Birch Surgery"}
# nobody at this one has switched the computer on
CEDAR: Final = {"ods_code": "C83003", "mailbox_id": "CEDARMB1", "name": "Cedar Practice"}
_TELEPHONE: Final = "01632 960020"
FEDERATION: Final = "ods_code,name,telephone\n" + "".join(
    f"{practice['ods_code']},{practice['name']},{_TELEPHONE}\n" for practice in (BIRCH, CEDAR)
)


@dataclass(frozen=True)
class Patient:
    """A synthetic patient. ``traced`` is the family name that MESH knows, None when it does not know the patient.

    ``index`` is the family name and the status in the registered practice's patient index, None when not there.
    """

    nhs_number: str
    title: str
    given: str
    family: str
    birth_date: str
    gender: str
    street: str
    traced: str | None
    index: tuple[str, str] | None = None


@dataclass(frozen=True)
class Expected:
    """What must be known of one version of a report when all has settled."""

    state: str
    version: int | None = 1
    infrastructure: str | None = None
    business: str | None = None
    reason: str | None = None
    message: str | None = None  # the state of the message at the registered practice
    task: str | None = None
    documents: int = 0
    alert: str | None = None
    overdue: str | None = None


@dataclass(frozen=True)
class Case:
    """One consultation with a word for it, and what must become of each of its versions, oldest first.

    ``deleted`` says when the clinical system deletes it: as long as it ``waits``, or once it ``arrived``. Of an
    ``overtaken`` one MESH gives out the first version after the second.
    """

    name: str
    patient: Patient
    note: str
    expected: Sequence[Expected]
    registration_type: str = "temporary"
    confidential: bool = False
    attached: bool = False
    by_sql: bool = False
    later_note: str | None = None
    overtaken: bool = False
    deleted: Literal["waits", "arrived"] | None = None
    practice: Mapping[str, str] = field(default_factory=lambda: BIRCH)
    consultation_id: str = field(default="")

    def __post_init__(self) -> None:
        """Give each consultation its own id, the same in every run."""
        object.__setattr__(self, "consultation_id", str(uuid.uuid5(uuid.NAMESPACE_URL, f"demo:{self.name}")))

    def consultation(
        self, seen_at: datetime, documents: Sequence[Path], *, updated_at: datetime | None = None
    ) -> dict[str, Any]:
        """Return the contract's JSON of a consultation that ended at ``seen_at``; an update adds the later note."""
        notes = [self.note, *([self.later_note] if updated_at and self.later_note else [])]
        return {
            "consultation_id": self.consultation_id,
            "started_at": (seen_at - timedelta(minutes=20)).isoformat(),
            "updated_at": (updated_at or seen_at).isoformat(),
            "confidential": self.confidential,
            "patient": self._patient(),
            "practitioner": {
                "sds_user_id": "033345750518",
                "title": "Dr",
                "family": "Pritchard",
                "given": ["Gwen"],
                "role": "General practitioner",
                "telephone": "01632 960002",
            },
            "notes": [{"heading": "History", "items": [{"text": note} for note in notes]}],
            "attachments": [_attachment(path) for path in documents] if self.attached else [],
        }

    def _patient(self) -> dict[str, Any]:
        patient = self.patient
        return {
            "nhs_number": patient.nhs_number,
            "nhs_number_verified": True,
            "title": patient.title,
            "family": patient.family,
            "given": [patient.given],
            "birth_date": patient.birth_date,
            "gender": patient.gender,
            "registration_type": self.registration_type,
            "registered_practice_ods_code": self.practice["ods_code"],
            "telephones": ["01632 960001"],
            "address": {"lines": [patient.street, "Carlisle"], "postcode": "CA1 1ZZ"},
        }


def _attachment(path: Path) -> dict[str, str]:
    types = {".pdf": "application/pdf", ".png": "image/png"}
    return {"title": path.stem.upper(), "content_type": types[path.suffix], "path": path.name}


def mesh_configuration(cases: Sequence[Case]) -> dict[str, Any]:
    """Return the mailboxes and the demographics of the local MESH."""
    mailboxes = [practice | {"password": f"{practice['mailbox_id']} password"} for practice in (ALDER, BIRCH, CEDAR)]
    patients = [
        {
            "nhs_number": case.patient.nhs_number,
            "birth_date": case.patient.birth_date,
            "surname": case.patient.traced,
            "mailbox": case.practice["mailbox_id"],
            "overtaken": case.overtaken,
        }
        for case in cases
        if case.patient.traced
    ]
    return {"shared_key": "demo shared key", "mailboxes": mailboxes, "patients": patients}


def patient_index(cases: Sequence[Case]) -> str:
    """Return the registered practice's patient index as CSV."""
    left = (datetime.now(UTC) - timedelta(days=400)).date()
    lines = ["nhs_number,family,given,birth_date,status,left_on,died_on"]
    for patient in (case.patient for case in cases if case.patient.index):
        family, status = patient.index or ("", "")
        gone = left if status == "left" else ""
        lines.append(f"{patient.nhs_number},{family},{patient.given},{patient.birth_date},{status},{gone},")
    return "\n".join(lines) + "\n"


def patient_data(cases: Sequence[Case]) -> frozenset[str]:
    """Return what no log line may hold: names, numbers, addresses and notes of every patient."""
    found = set()
    for case in cases:
        patient = case.patient
        found |= {patient.nhs_number, patient.given, patient.family, patient.street, case.note}
        found |= {name for name in (patient.traced, case.later_note, *(patient.index or ())[:1]) if name}
    return frozenset(found)

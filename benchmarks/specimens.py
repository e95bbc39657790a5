"""What is sent in the benchmarks: plain consultations and reports of a given size, about synthetic patients."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid5

from shared.identifiers import MailboxId
from shared.itk3.build import build_report
from shared.itk3.identity import report_id
from shared.itk3.model import Document, Organization, Patient, PersonName, Practitioner, ReportMessage

WORKFLOW: Final = "GPFED_CONSULT_REPORT"
SENDER: Final = MailboxId("ALDERMB1")
RECEIVER: Final = MailboxId("BIRCHMB1")
ALDER: Final = Organization("A81001", "Alder Practice", "01632 960010")
BIRCH: Final = Organization("B82002", "Birch Surgery", "01632 960020")
PATIENT: Final = Patient(
    nhs_number="9690937278",
    nhs_number_verified=True,
    name=PersonName("Smith", ("Richard", "John"), "Mr"),
    birth_date=date(1957, 1, 9),
    gender="male",
)
_NAMESPACE: Final = UUID("6b1f0f0e-0c55-4f0e-8f0a-6f5a3f2f7c11")
_SEEN: Final = datetime(2026, 11, 20, 17, 5, tzinfo=UTC)
_NOTES: Final = (
    ("History", ("Sore throat for 3 days, worse in the mornings.", "No fever at home. Eats and drinks.")),
    ("Examination", ("Temperature 37.4. Tonsils red, no exudate. Chest clear.",)),
    ("Diagnosis", ("Acute viral pharyngitis.",)),
    ("Plan", ("Fluids and paracetamol as needed; come back if it is no better in a week.", "No antibiotics today.")),
)


def consultation_id(number: int) -> str:
    """Return the id of the consultation with this number: the same one each time."""
    return str(uuid5(_NAMESPACE, f"consultation {number}"))


def consultation(number: int) -> dict[str, Any]:
    """Return the contract's JSON of a plain consultation, whose report has one page."""
    return {
        "consultation_id": consultation_id(number),
        "started_at": _SEEN.isoformat(),
        "updated_at": (_SEEN + timedelta(minutes=20)).isoformat(),
        "confidential": False,
        "patient": {
            "nhs_number": PATIENT.nhs_number,
            "nhs_number_verified": True,
            "title": "Mr",
            "family": "Smith",
            "given": ["Richard", "John"],
            "birth_date": "1957-01-09",
            "gender": "male",
            "registration_type": "temporary",
            "registered_practice_ods_code": BIRCH.ods_code,
            "telephones": ["01632 960001"],
            "address": {"lines": ["1 High Street", "Carlisle"], "postcode": "CA1 1AA"},
        },
        "practitioner": {
            "sds_user_id": "033345750518",
            "title": "Dr",
            "family": "Pritchard",
            "given": ["Gary"],
            "role": "General practitioner",
        },
        "notes": [
            {"heading": heading, "items": [{"text": f"{text} ({number})"} for text in texts]}
            for heading, texts in _NOTES
        ],
        "attachments": [],
    }


@cache
def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def report(number: int, size: int) -> bytes:
    """Return a report message of about ``size`` bytes, whose document is like no other's."""
    written = _SEEN + timedelta(minutes=30)
    # a document travels in base64; what surrounds it takes about 7 kB
    document = max(1_000, (size - 7_300) * 3 // 4)
    data = f"%PDF-1.7\n% {number}\n".encode() + _noise(document)
    consultation = consultation_id(number)
    digest = hashlib.sha256(consultation.encode()).hexdigest()
    return build_report(
        ReportMessage(
            report_id=report_id(ALDER.ods_code, consultation, 1, digest),
            consultation_id=consultation,
            version=1,
            confidential=False,
            generated_at=written,
            sender_mailbox=SENDER,
            sender=ALDER,
            recipient=BIRCH,
            patient=PATIENT,
            practitioner=Practitioner("033345750518", PersonName("Pritchard", ("Gary",), "Dr")),
            documents=(Document("Federated Consultation Report", "application/pdf", data, written),),
        )
    )

"""A synthetic consultation, and reports of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from federated_sender.consultation import Consultation, read_consultation
from federated_sender.report import Practice, report_html

SENT_AT = datetime(2026, 11, 20, 21, 25, tzinfo=UTC)
PRACTICE = Practice("Riverside Medical Practice", "Carlisle", "01632 960003", "riverside@example.nhs.uk")
LONG_NOTE = "The patient describes intermittent symptoms over the last few weeks, without red flags. " * 4


def consultation(*, patient: dict[str, Any] | None = None, **changes: Any) -> Consultation:
    """Return a consultation of a patient who lives away for now; ``changes`` replace whole keys."""
    content: dict[str, Any] = {
        "consultation_id": "0b8f3c1e-7f0e-4a55-9f0c-3a1f0f6b1c11",
        "started_at": "2026-11-20T18:05:00+00:00",
        "updated_at": "2026-11-20T18:25:00+00:00",
        "confidential": False,
        "patient": {
            "nhs_number": "9690937278",
            "nhs_number_verified": True,
            "title": "Mr",
            "family": "Smith",
            "given": ["Richard", "John"],
            "birth_date": "1957-01-09",
            "gender": "male",
            "registration_type": "temporary",
            "registered_practice_ods_code": "B82002",
            "telephones": ["01632 960001"],
            "address": {"lines": ["1 High Street", "Carlisle"], "postcode": "CA1 1AA"},
            "current_telephones": ["01632 960987"],
            "current_address": {"lines": ["567 New Street", "Townville"], "postcode": "TV3 3AB"},
            **(patient or {}),
        },
        "practitioner": {
            "sds_user_id": "033345750518",
            "title": "Dr",
            "family": "Pritchard",
            "given": ["Gary"],
            "role": "General practitioner",
            "telephone": "01632 960002",
        },
        "notes": [
            {
                "heading": "History",
                "items": [
                    {
                        "text": "Sore throat for 3 days",
                        "code": {"system": "http://snomed.info/sct", "code": "162397003", "display": "Pain in throat"},
                    }
                ],
            }
        ],
        **changes,
    }
    return read_consultation(content, datetime(2026, 12, 31, tzinfo=UTC))


def html(subject: Consultation | None = None, *, version: int = 1, practice: Practice = PRACTICE) -> str:
    """Return the report of ``subject`` as HTML."""
    return report_html(subject or consultation(), version=version, sent_at=SENT_AT, practice=practice)


def notes(*texts: str) -> list[dict[str, Any]]:
    """Return the notes of a consultation: one section with an item for each text."""
    return [{"heading": "History", "items": [{"text": text} for text in texts]}]


def attachment(title: str) -> dict[str, Any]:
    """Return an attachment as the outbox holds it."""
    return {"title": title, "content_type": "application/pdf", "sha256": "0" * 64, "size": 10}

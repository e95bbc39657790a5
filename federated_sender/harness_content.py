"""The consultations behind the good messages, as the contract's JSON, about a synthetic patient."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from federated_sender import harness_catalogue as names
from shared.harness.breakages import PNG

_TEXT: Final = b"A text of the test harness.\n"
BLOBS: Final[Mapping[str, bytes]] = {hashlib.sha256(data).hexdigest(): data for data in (PNG, _TEXT)}
"""The attachments by their SHA-256."""
_NOBODY: Final = {
    "nhs_number": "9990000018",
    "family": "Zzharnessnobody",
    "given": ["Nobody"],
    "birth_date": "1901-01-01",
}
_DEMOGRAPHICS: Final = {
    "given": ["Test"],
    "address": {"lines": ["1 High Street", "Carlisle"], "postcode": "CA1 1AA"},
}
_SPARED: Final = ("title", "gender", "telephones", "address", "current_telephones", "current_address")
_PRACTITIONER: Final = {
    "sds_user_id": "033345750518",
    "title": "Dr",
    "family": "Pritchard",
    "given": ["Gwen"],
    "role": "General practitioner",
    "telephone": "01632 960002",
}


def consultation_content(
    name: str, patient: Mapping[str, Any], ods_code: str, run: UUID, now: datetime
) -> dict[str, Any]:
    """Return the consultation of the good message ``name``; its id follows from ``run`` and the name.

    ``ods_code`` is the registered practice; ``patient`` the contract's object, in which only what names the patient
    must be. An update is of the plain message's consultation, and so is what would
    replace it with another patient.
    """
    is_update = name in (names.UPDATE, names.OTHER_PATIENT)
    text = "Seen again, better" if is_update else "Sore throat for three days"
    notes = [{"heading": "History", "items": [{"text": f"{text} (test message)"}]}]
    return {
        "consultation_id": str(uuid5(run, names.PLAIN if is_update else name)),
        "started_at": (now - timedelta(minutes=40)).isoformat(),
        "updated_at": (now - timedelta(minutes=10 if is_update else 20)).isoformat(),
        "confidential": name == names.CONFIDENTIAL,
        "patient": _patient(name, patient, ods_code),
        "practitioner": _PRACTITIONER,
        "notes": [] if name == names.SPARSE else notes,
        "attachments": _ATTACHMENTS if name == names.ATTACHMENTS else [],
    }


def _patient(name: str, given: Mapping[str, Any], ods_code: str) -> dict[str, Any]:
    patient: dict[str, Any] = {"gender": "unknown", **given, "nhs_number_verified": name != names.UNVERIFIED}
    patient |= {"registration_type": "temporary", "registered_practice_ods_code": ods_code}
    if name == names.UNVERIFIED:
        return _DEMOGRAPHICS | patient
    if name == names.SPARSE:
        return {key: value for key, value in patient.items() if key not in _SPARED}
    return patient | _NOBODY if name in (names.UNKNOWN_PATIENT, names.OTHER_PATIENT) else patient


def _attachment(title: str, content_type: str, data: bytes) -> dict[str, Any]:
    return {"title": title, "content_type": content_type, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


_ATTACHMENTS: Final = [_attachment("Tracing", "image/png", PNG), _attachment("Advice", "text/plain", _TEXT)]

"""Whom to tell about a deleted consultation: the warning that GP Connect Messaging 1.3.0 asks for.

It names the patient, so it goes to the person who asked and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from federated_sender.consultation import Consultation
from federated_sender.tables import Report
from shared.identifiers import NhsNumber
from shared.itk3.model import Organization, PersonName

_LONDON: Final = ZoneInfo("Europe/London")

ACTION = "Telephone the registered practice and say that this consultation was deleted; then close the alert."


def deletion_json(
    consultation_id: str, stored: Sequence[Report], federation: Mapping[str, Organization]
) -> dict[str, Any]:
    """Return what a deletion meant; ``stored`` are the versions that somebody has or will get, newest first."""
    told: dict[tuple[object, ...], dict[str, Any]] = {}
    for report in stored:
        warning = about(report, federation)
        # one telephone call for each practice and patient, about the newest version that it has
        told.setdefault((report.recipient_ods_code, warning["nhs_number"]), warning)
    return {
        "consultation_id": consultation_id,
        "sent": bool(stored),
        "reports": [{"report_id": each.report_id, "version": each.version, "state": each.state} for each in stored],
        "warnings": list(told.values()),
    }


def in_words(deletion: Mapping[str, Any]) -> list[str]:
    """Return the same as lines for a person."""
    identifier = deletion["consultation_id"]
    if not deletion["sent"]:
        return [f"{identifier}: nothing was sent, and nothing will be"]
    lines = [
        f"{identifier}: WARNING, a report of this consultation was sent, or is being sent:",
        *(f"  version {each['version']}: {each['state']} ({each['report_id']})" for each in deletion["reports"]),
    ]
    for warning in deletion["warnings"]:
        practice = warning["registered_practice"]
        lines += [
            "",
            f"  patient:             {warning['patient_name'] or 'not kept any more'}",
            f"  NHS number:          {warning['nhs_number'] or 'not kept any more'}",
            f"  consultation:        {warning['consultation_date'] or 'not kept any more'}",
            f"  registered practice: {practice['name'] or 'unknown'}, {practice['ods_code']}, telephone"
            f" {practice['telephone'] or 'unknown'}",
        ]
    return [*lines, "", ACTION]


def about(report: Report, federation: Mapping[str, Organization]) -> dict[str, Any]:
    """Return whom a report is about and who is to be told: patient data, for the person who asked alone."""
    practice = federation.get(report.recipient_ods_code or "")
    facts: dict[str, Any] = {"patient_name": None, "nhs_number": None, "consultation_date": None}
    if report.content is not None:
        consultation = Consultation.model_validate_json(report.content)
        patient = consultation.patient
        facts = {
            "patient_name": str(PersonName(patient.family, patient.given, patient.title)),
            "nhs_number": NhsNumber(patient.nhs_number).spaced(),
            # decision 34: the day as the practice's own people know it
            "consultation_date": consultation.started_at.astimezone(_LONDON).date().isoformat(),
        }
    return facts | {
        "registered_practice": {
            "ods_code": report.recipient_ods_code,
            "name": practice.name if practice else None,
            "telephone": practice.telephone if practice else None,
        }
    }

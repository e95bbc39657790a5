"""Whom an alert is about, for mail that may say so (``ALERT_EMAIL_PATIENT``)."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from federated_sender.tables import Alert, Report
from shared.alert_mail import Named


def patient_of(session: Session, alert: Alert) -> Named | None:
    """Return the patient of the report that ``alert`` is about; None when there is none.

    The result is patient data: it goes into the mail and nowhere else, its NHS number into the audit.
    """
    content = session.scalar(select(Report.content).where(Report.report_id == alert.subject_id))
    if not content:
        return None
    patient = json.loads(content)["patient"]
    names = filter(None, (patient.get("title"), *(patient.get("given") or ()), patient["family"]))
    return Named(" ".join(names), patient["nhs_number"])

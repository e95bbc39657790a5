"""What people and programs see of one report: the contract's shapes, read from the tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from federated_sender import ledger, submissions
from federated_sender.report_list import report_json
from federated_sender.states import Event
from federated_sender.tables import ConsultationRecord, InboxMessage, Report, Submission, Timeline
from federated_sender.tracking import tracked
from shared.errors import CommandFailed
from shared.presentation import rfc3339


def find(session: Session, identifier: str) -> Report:
    """Return the report with this report id, MESH message id, message id or (its newest) consultation id."""
    wanted = identifier.strip().lower()
    query = (
        select(Report)
        .where(
            or_(
                Report.report_id == wanted,
                Report.message_id == wanted,
                Report.id.in_(select(Submission.report).where(Submission.mesh_message_id == identifier.strip())),
                func.lower(Report.consultation_id) == wanted,
            )
        )
        .order_by(Report.id.desc())
        .limit(1)
    )
    report = session.scalars(query).one_or_none()
    if report is None:
        raise CommandFailed(f"there is no report {identifier}")
    return report


def nhs_number(report: Report) -> str | None:
    """Return whose report it is, for the audit; None when that is not kept any more."""
    if report.content is None:
        return None
    number = json.loads(report.content)["patient"]["nhs_number"]
    return str(number)


def story(session: Session, identifier: str, now: datetime) -> tuple[dict[str, Any], Sequence[Timeline]]:
    """Return a report with its whole timeline, oldest line first."""
    report = find(session, identifier)
    lines = session.scalars(select(Timeline).where(Timeline.report == report.id).order_by(Timeline.id)).all()
    more = {
        "tracking": tracked(report),
        "tracked_at": rfc3339(report.tracked_at),
        "parked_at": rfc3339(report.parked_at),
        "pruned_at": rfc3339(report.pruned_at),
        "sends": [_send_json(each) for each in submissions.of(session, report)],
    }
    return report_json(report, now) | more | _decisions(session, report), lines


def _send_json(submission: Submission) -> dict[str, Any]:
    return {
        "local_id": submission.local_id,
        "mesh_message_id": submission.mesh_message_id,
        "asked_at": rfc3339(submission.asked_at),
        "by": submission.asked_by,
        "reason": submission.reason,
        "sent_at": rfc3339(submission.sent_at),
    }


def _decisions(session: Session, report: Report) -> dict[str, Any]:
    """Return what was decided about the whole consultation."""
    record = session.get(ConsultationRecord, report.consultation_id) or ConsultationRecord()
    return {
        "deleted_at": rfc3339(record.deleted_at),
        "deleted_by": record.deleted_by,
        "routed_to": record.routed_to,
        "routed_at": rfc3339(record.routed_at),
        "routed_by": record.routed_by,
        "routed_because": record.routed_because,
    }


def retry(session: Session, identifier: str, now: datetime, by: str) -> None:
    """Take a parked report, or a parked message of the inbox, back into work."""
    record: InboxMessage | Report | None = session.get(InboxMessage, identifier)
    if record is None:
        record = find(session, identifier)
    if record.parked_at is None:
        raise CommandFailed(f"{identifier} is not parked")
    record.parked_at = None
    record.release()
    subject = record.mesh_message_id if isinstance(record, InboxMessage) else record.report_id
    if isinstance(record, Report):
        ledger.advance(session, record, Event.RETRIED, now, by=by)
    ledger.ALERTS.close(session, subject_id=subject, kind="parked", now=now, by=by, reason="taken back by retry")

"""Which report a response or a MESH report is about (decisions 12 and 25)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from federated_sender import submissions
from federated_sender.states import AWAITING
from federated_sender.tables import InboxMessage, Report
from shared.itk3.codes import Level, find
from shared.itk3.model import ReceivedResponse


def find_report(session: Session, message: InboxMessage, response: ReceivedResponse | None) -> Report | None:
    """Return the report, locked, or None when the message is about nothing that we sent."""
    if response is None:
        submission = submissions.named(session, message.linked_message_id, message.local_id)
        return None if submission is None else _first(session, Report.id == submission.report)
    asked = response.request_id
    found = _first(
        session,
        (Report.message_id == asked) if asked else None,
        (Report.bundle_id == asked) if asked else None,
        (Report.bundle_identifier == asked) if asked else None,
    )
    return found or _by_sender_reference(session, response)


def earlier_send(session: Session, report: Report, message: InboxMessage) -> int | None:
    """Return the number of the send that a MESH REPORT is about, when the report was sent again since; else None."""
    submission = submissions.named(session, message.linked_message_id, message.local_id)
    superseded = submission is not None and submission.local_id != report.local_id
    return submission.number if submission is not None and superseded else None


def _first(session: Session, *facts: ColumnElement[bool] | None) -> Report | None:
    for fact in facts:
        if fact is not None:
            report = session.scalars(select(Report).where(fact).with_for_update()).one_or_none()
            if report is not None:
                return report
    return None


def _by_sender_reference(session: Session, response: ReceivedResponse) -> Report | None:
    """Decision 25: the reference names a consultation, which is enough when one version awaits that level."""
    if not response.sender_reference:
        return None
    level = find(response.code).level
    missing = Report.business_code if level is Level.BUSINESS else Report.infrastructure_code
    query = select(Report).where(
        Report.consultation_id == response.sender_reference.lower(), Report.state.in_(AWAITING), missing.is_(None)
    )
    waiting = session.scalars(query.with_for_update()).all()
    return waiting[0] if len(waiting) == 1 else None

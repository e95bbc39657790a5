"""The deliberate sends of a version: each has a local id of its own, by which MESH and we can name it (decision 12)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from federated_sender.tables import Report, Submission


def add(session: Session, report: Report, now: datetime, by: str, reason: str | None) -> Submission:
    """Note that ``report`` is to be sent, once more perhaps; ``reason`` is a person's."""
    last = latest(session, report)
    number = 1 if last is None else last.number + 1
    submission = Submission(report=report.id, number=number, local_id=f"{report.report_id}.{number}", asked_at=now)
    submission.asked_by, submission.reason = by, reason
    session.add(submission)
    session.flush()
    return submission


def latest(session: Session, report: Report) -> Submission | None:
    """Return the send that was asked for last, None when nothing is built."""
    return next(iter(reversed(of(session, report))), None)


def of(session: Session, report: Report) -> list[Submission]:
    """Return every send of a version, the first one first."""
    query = select(Submission).where(Submission.report == report.id).order_by(Submission.number)
    return list(session.scalars(query))


def taken(session: Session, report: Report, mesh_message_id: str | None, at: datetime | None) -> None:
    """Keep under which id MESH knows the last send; ``at`` is None when MESH refused it."""
    submission = latest(session, report)
    if submission is not None:
        submission.mesh_message_id, submission.sent_at = mesh_message_id, at


def named(session: Session, mesh_message_id: str | None, local_id: str | None) -> Submission | None:
    """Return the send that MESH means: by its message id, else by our local id."""
    for column, value in ((Submission.mesh_message_id, mesh_message_id), (Submission.local_id, local_id)):
        if value:
            found = session.scalars(select(Submission).where(column == value)).one_or_none()
            if found is not None:
                return found
    return None

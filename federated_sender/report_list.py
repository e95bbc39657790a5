"""The reports as ``status`` and the web pages list them, and how many there are; all that a short look needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from federated_sender.overdue import overdue
from federated_sender.report_table import Report
from federated_sender.states import AWAITING, State
from federated_sender.tracking import tracked
from shared.presentation import rfc3339


def report_json(report: Report, now: datetime) -> dict[str, Any]:
    """Return a report in the contract's shape."""
    return {
        "report_id": report.report_id,
        "consultation_id": report.consultation_id,
        "version": report.version,
        "state": str(report.state),
        # the contract's shape has no other place for what is known of a report without an answer
        "reason": report.reason or (tracked(report) if report.state == State.SENT else None),
        "recipient_ods_code": report.recipient_ods_code,
        "message_id": report.message_id,
        "mesh_message_id": report.mesh_message_id,
        "infrastructure_code": report.infrastructure_code,
        "business_code": report.business_code,
        "overdue": overdue(report, now),
        "sent_at": rfc3339(report.sent_at),
        "updated_at": rfc3339(report.changed_at),
    }


def listing(
    session: Session, now: datetime, *, state: str | None, since: datetime | None, limit: int
) -> list[dict[str, Any]]:
    """Return reports in the contract's shape, newest first; ``limit`` 0 is all."""
    states = () if state is None else (state,)
    return [report_json(report, now) for report in newest(session, states=states, since=since, limit=limit)]


def newest(
    session: Session, *, states: Collection[str] = (), since: datetime | None = None, limit: int = 0, offset: int = 0
) -> Sequence[Report]:
    """Return the reports that changed last, of some ``states`` or of all; ``limit`` 0 is all."""
    query = select(Report).order_by(Report.changed_at.desc(), Report.id.desc())
    if states:
        query = query.where(Report.state.in_(states))
    if since is not None:
        query = query.where(Report.changed_at >= since)
    if limit:
        query = query.limit(limit).offset(offset)
    return session.scalars(query).all()


def late(session: Session, now: datetime) -> list[Report]:
    """Return the reports whose responses should have come by ``now``, newest first (GPCM-SD-095).

    Their content is read when somebody asks for it: there may be many.
    """
    ran_out = or_(Report.infrastructure_due_at <= now, Report.business_due_at <= now)
    query = select(Report).options(defer(Report.content)).where(Report.state.in_(AWAITING), ran_out)
    found = session.scalars(query.order_by(Report.changed_at.desc(), Report.id.desc()))
    return [report for report in found if overdue(report, now)]


def counts(session: Session) -> dict[str, int]:
    """Return how many reports are in each state that has any."""
    query = select(Report.state, func.count()).group_by(Report.state)
    found = {str(state): number for state, number in session.execute(query)}
    return {str(state): found[state] for state in State if state in found}

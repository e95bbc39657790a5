"""How much the sender has before it: what the heartbeat and the metrics say."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federated_sender.states import State
from federated_sender.tables import Alert, InboxMessage, Report
from shared.db import is_one_of
from shared.heartbeat import Backlog

_UNFINISHED = (State.WAITING, State.QUEUED, State.SENT, State.ACCEPTED)


def backlog(session: Session, now: datetime) -> Backlog:
    """Return what is unfinished; the oldest work is the report due, or the response collected, longest ago."""
    query = select(Report.state, func.count()).where(is_one_of(Report.state, *_UNFINISHED)).group_by(Report.state)
    found = {str(state): number for state, number in session.execute(query)}
    to_send = is_one_of(Report.state, State.WAITING, State.QUEUED)
    unread = InboxMessage.processed_at.is_(None)
    oldest = (
        session.scalar(select(func.min(Report.due_at)).where(to_send, Report.due_at <= now)),
        session.scalar(select(func.min(InboxMessage.received_at)).where(unread)),
    )
    parked = (
        select(func.count()).select_from(Report).where(to_send, Report.parked_at.is_not(None)),
        select(func.count()).select_from(InboxMessage).where(unread, InboxMessage.parked_at.is_not(None)),
    )
    alerts = session.scalar(select(func.count()).select_from(Alert).where(Alert.closed_at.is_(None)))
    return Backlog(
        {str(state): found[state] for state in _UNFINISHED if state in found},
        min((moment for moment in oldest if moment is not None), default=None),
        sum(session.scalar(query) or 0 for query in parked),
        alerts or 0,
    )

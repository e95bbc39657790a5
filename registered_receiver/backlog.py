"""How much the receiver has before it: what the heartbeat and the metrics say."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registered_receiver.states import MessageState
from registered_receiver.tables import Alert, Message, Response, Review
from shared.db import is_one_of
from shared.heartbeat import Backlog

_TO_PROCESS = (MessageState.RECEIVED, MessageState.VALID)


def backlog(session: Session) -> Backlog:
    """Return what is unfinished, with ``review`` for near misses that wait for a person and ``responses`` unsent.

    The oldest work is the message received, or the response queued, longest ago; a person's work is not counted.
    """
    to_process, unsent = is_one_of(Message.state, *_TO_PROCESS), Response.sent_at.is_(None)
    query = select(Message.state, func.count()).where(to_process).group_by(Message.state)
    found = {str(state): number for state, number in session.execute(query)}
    unfinished = {str(state): found[state] for state in _TO_PROCESS if state in found}
    reviews = session.scalar(select(func.count()).select_from(Review).where(Review.decided_at.is_(None)))
    responses = session.scalar(select(func.count()).select_from(Response).where(unsent))
    unfinished |= {name: number for name, number in (("review", reviews), ("responses", responses)) if number}
    oldest = (
        session.scalar(select(func.min(Message.received_at)).where(to_process)),
        session.scalar(select(func.min(Response.queued_at)).where(unsent)),
    )
    parked = (
        session.scalar(select(func.count()).select_from(Message).where(to_process, Message.parked_at.is_not(None))),
        session.scalar(select(func.count()).select_from(Response).where(unsent, Response.parked_at.is_not(None))),
    )
    alerts = session.scalar(select(func.count()).select_from(Alert).where(Alert.closed_at.is_(None)))
    return Backlog(
        unfinished,
        min((moment for moment in oldest if moment is not None), default=None),
        sum(number or 0 for number in parked),
        alerts or 0,
    )

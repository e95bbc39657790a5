"""The versions of a consultation's report: the unsent one, the newest one, and the lock of who changes them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from federated_sender.states import State
from federated_sender.tables import ConsultationRecord, Report
from shared.inserts import insert_or_lock

_GOES_OUT: Final = and_(Report.version.is_not(None), Report.state != State.NOT_REQUIRED)


def canonical(key: str) -> str:
    """Return a consultation id as the message will carry it; what is no UUID stays as it is."""
    try:
        return str(UUID(key))
    except ValueError:
        return key


def lock(session: Session, identifier: str) -> ConsultationRecord:
    """Keep others from changing the versions of a consultation; return what was decided about it.

    Lock its row of the outbox before this, if at all: two processes must not wait for each other.
    """
    insert_or_lock(session, ConsultationRecord, consultation_id=identifier)
    return session.get_one(ConsultationRecord, identifier, populate_existing=True)


def unsent(session: Session, identifier: str) -> Report | None:
    """Return the version whose bytes are not stored yet, locked; a consultation has at most one."""
    query = select(Report).where(Report.consultation_id == identifier, Report.version.is_(None))
    return session.scalars(query.with_for_update()).one_or_none()


def newest(session: Session, identifier: str) -> Report | None:
    """Return the version that was stored last, whatever became of it."""
    number = select(func.max(Report.version)).where(Report.consultation_id == identifier).scalar_subquery()
    query = select(Report).where(Report.consultation_id == identifier, Report.version == number)
    return session.scalars(query).one_or_none()


def stored(session: Session, identifier: str) -> list[Report]:
    """Return every version whose bytes went or will go out, locked, the newest first."""
    query = select(Report).where(Report.consultation_id == identifier, _GOES_OUT)
    return list(session.scalars(query.order_by(Report.version.desc()).with_for_update()))


def goes_out(session: Session, identifier: str) -> bool:
    """Say whether any version went or will go out; nothing is locked."""
    return session.scalar(select(Report.id).where(Report.consultation_id == identifier, _GOES_OUT).limit(1)) is not None


def was_withdrawn(report: Report) -> bool:
    """Say whether a version was stored and came to its end before MESH had it."""
    return report.version is not None and report.state == State.NOT_REQUIRED

"""Alerts: what a person must look at. They go to the table and to the log; each opens once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import uuid4

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from shared.clock import Clock
from shared.db import NOT_READY, Database, after_commit
from shared.errors import CommandFailed
from shared.inserts import insert_once
from shared.log import Event, emit
from shared.tables import AlertColumns

ALERT_OPENED = Event(
    "alert.opened",
    "error",
    ("alert_id", "kind", "subject_id", "code", "text", "action"),
    "A person must look at something; `action` says at what.",
    "Do what `action` says. `alerts` lists them all, with OPEN before those that wait.",
)
ALERT_CLOSED = Event(
    "alert.closed", "info", ("alert_id", "kind", "subject_id", "by"), "An alert was settled, by a person or by itself."
)
EVENTS = (ALERT_OPENED, ALERT_CLOSED)

_MOST_A_MAIL = 1000

A = TypeVar("A", bound=AlertColumns)

# whom each service refuses, and what is usually wrong then
_REFUSALS = {
    "MESH": ("this mailbox", "id, password, shared key, certificate and clock"),
    "PDS": ("this application", "API key, key id, private key, addresses and clock"),
}


def refusal_teller(
    database: Database, book: AlertBook[Any], clock: Clock, subject_id: str, of: str = "MESH"
) -> Callable[[str | None, str], None]:
    """Return what opens an alert when ``of`` refuses a job of ours, and closes it when that job works again."""
    kind, (whom, causes) = f"{of.lower()}_refused", _REFUSALS[of]

    def tell(refusal: str | None, job: str) -> None:
        now, subject = clock(), f"{subject_id}/{job}"
        # what cannot be kept was logged already
        with suppress(*NOT_READY), database.transaction() as session:
            if refusal is None:
                book.close(session, subject_id=subject, kind=kind, now=now, by=of, reason=f"{of} answers again")
            else:
                book.open(
                    session,
                    kind=kind,
                    subject_id=subject,
                    now=now,
                    code=None,
                    text=f"{of} refuses {whom}: {refusal}.",
                    action=f"Run `check --online`: {causes} are usual causes.",
                )

    return tell


class AlertBook(Generic[A]):
    """The alerts of one daemon, kept in the table that ``model`` maps."""

    def __init__(self, model: type[A]) -> None:
        self._model = model
        self._of_subject = select(model).where(model.subject_id == bindparam("subject_id"), model.closed_at.is_(None))
        self._of_kind = self._of_subject.where(model.kind == bindparam("kind"))

    def open(
        self, session: Session, *, kind: str, subject_id: str, now: datetime, text: str, action: str, code: str | None
    ) -> bool:
        """Open an alert unless one of this kind is open for the subject; say whether it is new.

        One that is open without a code takes the first code that comes, with its words: it says why.
        ``text`` and ``action`` hold no patient data: they are logged.
        """
        alert_id = str(uuid4())
        new = insert_once(
            session,
            self._model,
            alert_id=alert_id,
            kind=kind,
            subject_id=subject_id,
            opened_at=now,
            code=code,
            text=text,
            action=action,
        )
        if not new:
            if code is not None:
                self._add_code(session, kind, subject_id, code, text, action)
            return False
        line = {"alert_id": alert_id, "kind": kind, "subject_id": subject_id, "code": code}
        after_commit(session, lambda: emit(ALERT_OPENED, text=text, action=action, **line))
        return True

    def close(
        self,
        session: Session,
        *,
        subject_id: str,
        now: datetime,
        by: str,
        reason: str,
        kind: str | None,
        except_kinds: Collection[str] = (),
    ) -> int:
        """Close what is open for a subject, of one ``kind`` or of all but ``except_kinds``; return how many."""
        query = self._of_subject if kind is None else self._of_kind
        if except_kinds:
            query = query.where(self._model.kind.not_in(except_kinds))
        named = {"subject_id": subject_id} | ({} if kind is None else {"kind": kind})
        alerts = session.scalars(query, named).all()
        for alert in alerts:
            self._settle(session, alert, now, by, reason)
        return len(alerts)

    def close_by_id(self, session: Session, alert_id: str, *, now: datetime, by: str, reason: str) -> None:
        """Close one alert because a person says so; raise CommandFailed when there is no such open alert."""
        alert = session.get(self._model, alert_id, with_for_update=True, populate_existing=True)
        if alert is None:
            raise CommandFailed(f"there is no alert {alert_id}")
        if alert.closed_at is not None:
            raise CommandFailed(f"alert {alert_id} is closed already")
        self._settle(session, alert, now, by, reason)

    def open_subjects(self, session: Session, kind: str) -> set[str]:
        """Return the subjects about which an alert of this kind is open."""
        query = select(self._model.subject_id).where(self._model.kind == kind, self._model.closed_at.is_(None))
        return set(session.scalars(query))

    def listing(self, session: Session) -> list[A]:
        """Return all alerts, the newest first."""
        query = select(self._model).order_by(self._model.opened_at.desc(), self._model.alert_id)
        return list(session.scalars(query))

    def unmailed(self, session: Session) -> list[A]:
        """Return the open alerts that no mail has told of yet, the oldest first; the oldest thousand if more."""
        query = select(self._model).where(self._model.closed_at.is_(None), self._model.mailed_at.is_(None))
        return list(session.scalars(query.order_by(self._model.opened_at, self._model.alert_id).limit(_MOST_A_MAIL)))

    def mark_mailed(self, session: Session, alert_ids: Sequence[str], now: datetime) -> None:
        """Remember that the mail server took the mail that tells of these alerts."""
        for alert in session.scalars(select(self._model).where(self._model.alert_id.in_(alert_ids))):
            alert.mailed_at = now

    def _add_code(self, session: Session, kind: str, subject_id: str, code: str, text: str, action: str) -> None:
        model = self._model
        is_open = (model.kind == kind) & (model.subject_id == subject_id) & model.closed_at.is_(None)
        for alert in session.scalars(select(model).where(is_open, model.code.is_(None)).with_for_update()):
            alert.code, alert.text, alert.action = code, text, action

    def _settle(self, session: Session, alert: A, now: datetime, by: str, reason: str) -> None:
        alert.closed_at, alert.closed_by, alert.closed_reason = now, by, reason
        line = {"alert_id": alert.alert_id, "kind": alert.kind, "subject_id": alert.subject_id, "by": by}
        after_commit(session, lambda: emit(ALERT_CLOSED, **line))

"""Columns that both daemons' tables have in common."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Index, String, Text, and_, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import UtcDateTime

LONGEST_PAUSE: Final = timedelta(hours=1)
"""After a failure a row is tried again within this time."""

# between two looks at what others have to do
_SOON: Final = timedelta(seconds=30)
_SELDOM: Final = timedelta(minutes=5)


class ClaimColumns:
    """Makes a row claimable by one process at a time, with a lease that ends by itself (decision 41)."""

    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    parked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def claimable(cls, now: datetime | BindParameter[Any]) -> ColumnElement[bool]:
        """Say which rows nobody works on, that are not in back-off and not parked; ``now`` may be said later."""
        return and_(
            cls.parked_at.is_(None),
            or_(cls.lease_until.is_(None), cls.lease_until <= now),
            or_(cls.next_attempt_at.is_(None), cls.next_attempt_at <= now),
        )

    def lease(self, now: datetime, duration: timedelta) -> None:
        """Keep the row from others for ``duration``, which outlives every timeout of the step."""
        self.lease_until = now + duration

    def release(self) -> None:
        """Give the row back after a step that worked."""
        self.lease_until = None
        self.next_attempt_at = None
        self.attempts = 0

    def look_again(self, now: datetime, since: datetime) -> None:
        """Give the row back after a step that waits for somebody else, ``since`` when; that counts as no attempt."""
        self.lease_until = None
        self.next_attempt_at = now + min(max((now - since) / 4, _SOON), _SELDOM)

    def back_off(self, now: datetime, at_most: timedelta = LONGEST_PAUSE, wish: float = 0.0) -> None:
        """Give the row back after a step that failed, to be tried again later and later, ``at_most`` later.

        It is not tried before the ``wish`` of the other side, in seconds, is over; but an hour is enough.
        """
        self.attempts += 1
        self.lease_until = None
        pause = min(timedelta(seconds=30) * 2 ** min(self.attempts - 1, 10), at_most)
        self.next_attempt_at = now + max(pause, min(timedelta(seconds=wish), LONGEST_PAUSE))


class TimelineColumns:
    """One line of a record's story; rows are only ever added (a trigger refuses anything else)."""

    __tablename__ = "timeline"

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    event: Mapped[str] = mapped_column(String(64))
    from_state: Mapped[str | None] = mapped_column(String(32))
    to_state: Mapped[str | None] = mapped_column(String(32))
    code: Mapped[str | None] = mapped_column(String(64))
    by: Mapped[str] = mapped_column(String(128))
    detail: Mapped[str | None] = mapped_column(Text)


class AuditColumns:
    """Who did what with which record; rows are only ever added (a trigger refuses anything else).

    ``nhs_number`` is the patient's whose record it was (FHIR-DOC-03).
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_name: Mapped[str] = mapped_column(String(128))
    uid: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[str | None] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[str | None] = mapped_column(String(255), index=True)
    nhs_number: Mapped[str | None] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)


class AlertColumns:
    """Something a person must look at; one open alert for each kind and subject.

    ``mailed_at`` is when the mail server took the mail that tells of it.
    """

    __tablename__ = "alert"

    alert_id: Mapped[str] = mapped_column(String(36), primary_key=True, sort_order=-1)
    kind: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[str] = mapped_column(String(255))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(128))
    closed_reason: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DigestColumns(ClaimColumns):
    """The one row that keeps when alerts were mailed last, and whose turn it is to mail the next."""

    __tablename__ = "digest"

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PollerColumns:
    """The one row that keeps which process, ``holder``, looks into the mailbox, and until when no other does."""

    __tablename__ = "poller"

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    holder: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


def one_of(column: str, *values: str) -> str:
    """Return the condition that ``column`` holds one of the values, which are our own words."""
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({quoted})"


def only_where(condition: str) -> dict[str, Any]:
    """Return what says that an index holds only the rows of which ``condition`` is true.

    On PostgreSQL the same condition stands in the migrations alone: to name it here, too, would load the whole of that
    dialect into every command, whichever database is in use. So a schema there is made by migrations, never by
    ``create_all``.
    """
    return {"sqlite_where": text(condition)}


def one_open_alert(name: str) -> Index:
    """Return the index that lets the database refuse a second open alert of one kind and subject."""
    return Index(name, "kind", "subject_id", unique=True, **only_where("closed_at IS NULL"))

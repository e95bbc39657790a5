"""The sender's own tables; the outbox, which belongs to the clinical system, is in ``outbox_tables``.

Constraints make the promises that the code relies on: one unsent row a consultation, version numbers without
repeats, one record a MESH message. ``migrations/`` holds the triggers and the view that SQLAlchemy cannot describe.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from federated_sender import outbox_tables  # noqa: F401 - its tables are the sender's, too
from federated_sender.report_table import Report
from federated_sender.table_base import Base
from shared.db import UtcDateTime
from shared.tables import (
    AlertColumns,
    AuditColumns,
    ClaimColumns,
    DigestColumns,
    PollerColumns,
    TimelineColumns,
    one_open_alert,
    only_where,
)
from shared.web.tables import WebLockoutColumns, WebSessionColumns, WebUserColumns

__all__ = [
    "Alert",
    "Audit",
    "Base",
    "ConsultationRecord",
    "Digest",
    "InboxMessage",
    "Poller",
    "Report",
    "ReportAttachment",
    "ReportBody",
    "ReportSource",
    "Submission",
    "Timeline",
    "WebLockout",
    "WebSession",
    "WebUser",
]


class ConsultationRecord(Base):
    """What was decided about a consultation as a whole; its row is also the lock of whoever changes its versions.

    ``routed_to`` is the registered practice that a person named, ``routed_instead_of`` what the row said then,
    and ``routed_for`` the NHS number of the patient for whom it was named; without one it holds for any.
    """

    __tablename__ = "consultation"

    consultation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_by: Mapped[str | None] = mapped_column(String(128))
    routed_to: Mapped[str | None] = mapped_column(String(12))
    routed_instead_of: Mapped[str | None] = mapped_column(String(12))
    routed_for: Mapped[str | None] = mapped_column(String(10))
    routed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    routed_by: Mapped[str | None] = mapped_column(String(128))
    routed_because: Mapped[str | None] = mapped_column(Text)


class ReportBody(Base):
    """The exact bytes of a version as they went, or will go, to MESH."""

    __tablename__ = "report_body"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    message: Mapped[bytes] = mapped_column(LargeBinary)


class ReportSource(Base):
    """The consultation of a version as it was written: the text of ``enqueue``, or the columns of the row as JSON."""

    __tablename__ = "report_source"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    written: Mapped[str] = mapped_column(Text)


class ReportAttachment(Base):
    """Which bytes a version refers to; what no version refers to may go."""

    __tablename__ = "report_attachment"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), primary_key=True, index=True)


class Submission(Base):
    """One deliberate send of a version (decision 12), ``number`` 1 the first; a retry of it is not another one.

    ``asked_by`` and ``reason`` say who wanted it and why; a MESH REPORT names it by either of its ids.
    """

    __tablename__ = "submission"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    local_id: Mapped[str] = mapped_column(String(64), unique=True)
    mesh_message_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Timeline(TimelineColumns, Base):
    """The story of each report."""

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)


class Alert(AlertColumns, Base):
    """What a person at this practice must look at."""

    __table_args__ = (one_open_alert("uq_alert_open"),)


class Digest(DigestColumns, Base):
    """When alerts were mailed."""


class Poller(PollerColumns, Base):
    """Which process looks into the mailbox."""


class Audit(AuditColumns, Base):
    """Who took patient data out by a command."""


class InboxMessage(ClaimColumns, Base):
    """A response or a MESH REPORT as it was downloaded; kept before MESH is told to forget it (decision 14)."""

    __tablename__ = "inbox"

    mesh_message_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    message_type: Mapped[str] = mapped_column(String(8))
    workflow_id: Mapped[str] = mapped_column(Text)
    sender_mailbox: Mapped[str | None] = mapped_column(Text)
    local_id: Mapped[str | None] = mapped_column(Text)
    linked_message_id: Mapped[str | None] = mapped_column(Text)
    status_code: Mapped[str | None] = mapped_column(Text)
    status_description: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    report: Mapped[int | None] = mapped_column(ForeignKey("report.id"), index=True)

    __table_args__ = (Index("ix_inbox_unprocessed", "received_at", **only_where("processed_at IS NULL")),)


class WebUser(WebUserColumns, Base):
    """Somebody who may use the web pages."""


class WebSession(WebSessionColumns, Base):
    """A browser that is signed in."""


class WebLockout(WebLockoutColumns, Base):
    """Failed sign-ins of one user name or one network address."""

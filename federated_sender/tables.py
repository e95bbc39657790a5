"""The sender's own tables; the outbox, which belongs to the clinical system, is in ``outbox_tables``.

Constraints make the promises that the code relies on: one unsent row a consultation, version numbers without
repeats, one record a MESH message. ``migrations/`` holds the triggers and the view that SQLAlchemy cannot describe.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from federated_sender.outbox_tables import Base
from federated_sender.states import State
from shared.db import UtcDateTime
from shared.tables import (
    AlertColumns,
    AuditColumns,
    ClaimColumns,
    DigestColumns,
    PollerColumns,
    TimelineColumns,
    one_open_alert,
)
from shared.web.tables import WebLockoutColumns, WebSessionColumns, WebUserColumns

_UNSENT = "state IN ('waiting', 'queued')"
_UNTRIED = "next_attempt_at IS NULL"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


_STATES = ", ".join(f"'{state}'" for state in State)


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


class Report(ClaimColumns, Base):
    """One version of one consultation's report, from waiting to delivered.

    ``version`` is empty until the message's bytes are stored (decision 22); a consultation has at most one such
    row. ``content`` is the consultation as canonical JSON, empty when it could not be read or was pruned.
    ``claims`` counts how often it was claimed: a step that finds another number has lost its claim. ``local_id``,
    ``mesh_message_id`` and ``sent_at`` are those of the last :class:`Submission`.
    """

    __tablename__ = "report"

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    report_id: Mapped[str] = mapped_column(String(36), unique=True)
    consultation_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int | None]
    state: Mapped[State] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    content: Mapped[str | None] = mapped_column(Text)
    content_sha256: Mapped[str] = mapped_column(String(64))
    consultation_updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recipient_ods_code: Mapped[str | None] = mapped_column(String(12))
    generated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    bundle_id: Mapped[str | None] = mapped_column(String(36))
    bundle_identifier: Mapped[str | None] = mapped_column(String(36))
    mex_to: Mapped[str | None] = mapped_column(Text)
    mex_subject: Mapped[str | None] = mapped_column(Text)
    # empty when it was built before there was a second workflow
    workflow_id: Mapped[str | None] = mapped_column(String(64))
    local_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    # set before each POST: after a crash it says that MESH may have the message (decision 13)
    post_began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mesh_message_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    infrastructure_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    business_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # set when the alert about a missing step was opened, so that each opens once
    unsent_alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    infrastructure_alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    business_alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    infrastructure_code: Mapped[str | None] = mapped_column(String(16))
    business_code: Mapped[str | None] = mapped_column(String(16))
    # what MESH's tracking said, and when it was asked: a word of tracking.Tracked
    tracking_status: Mapped[str | None] = mapped_column(String(32))
    tracked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claims: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    pruned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="ck_report_state"),
        CheckConstraint(
            "version IS NOT NULL OR state IN ('waiting', 'not_required', 'invalid', 'queued')",
            name="ck_report_version_before_sent",
        ),
        CheckConstraint("version IS NULL OR local_id IS NOT NULL", name="ck_report_built_whole"),
        UniqueConstraint("consultation_id", "version", name="uq_report_version"),
        Index(
            "uq_report_unversioned",
            "consultation_id",
            unique=True,
            sqlite_where=text("version IS NULL"),
            postgresql_where=text("version IS NULL"),
        ),
        Index(
            "ix_report_due",
            "due_at",
            sqlite_where=text("state IN ('waiting', 'queued')"),
            postgresql_where=text("state IN ('waiting', 'queued')"),
        ),
        Index(
            "ix_report_awaiting",
            "infrastructure_due_at",
            sqlite_where=text("state IN ('sent', 'accepted')"),
            postgresql_where=text("state IN ('sent', 'accepted')"),
        ),
        # whose turn it is: what was never tried, built or not, and what failed before
        Index("ix_report_unbuilt", "due_at", "id", **_where(f"{_UNSENT} AND version IS NULL AND {_UNTRIED}")),
        Index("ix_report_built", "due_at", "id", **_where(f"{_UNSENT} AND version IS NOT NULL AND {_UNTRIED}")),
        Index("ix_report_failed", "next_attempt_at", "id", **_where(f"{_UNSENT} AND next_attempt_at IS NOT NULL")),
        Index("ix_report_unfinished", "state", **_where("state IN ('waiting', 'queued', 'sent', 'accepted')")),
        Index("ix_report_sent", "sent_at", **_where("state IN ('sent')")),
        # the state stands last: SQLite would choose an index that begins with it, and sort all that is due
        Index("ix_report_changed_state", "changed_at", "state"),
        Index("ix_report_changed", "changed_at"),
        Index(
            "ix_report_unpruned",
            "changed_at",
            sqlite_where=text("pruned_at IS NULL"),
            postgresql_where=text("pruned_at IS NULL"),
        ),
        Index(
            "ix_report_look_again",
            "next_attempt_at",
            sqlite_where=text("state = 'invalid'"),
            postgresql_where=text("state = 'invalid'"),
        ),
        Index("ix_report_bundle_id", "bundle_id"),
        Index("ix_report_bundle_identifier", "bundle_identifier"),
    )


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

    __table_args__ = (
        Index(
            "ix_inbox_unprocessed",
            "received_at",
            sqlite_where=text("processed_at IS NULL"),
            postgresql_where=text("processed_at IS NULL"),
        ),
    )


class WebUser(WebUserColumns, Base):
    """Somebody who may use the web pages."""


class WebSession(WebSessionColumns, Base):
    """A browser that is signed in."""


class WebLockout(WebLockoutColumns, Base):
    """Failed sign-ins of one user name or one network address."""

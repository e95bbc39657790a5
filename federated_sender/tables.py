"""The sender's tables. The outbox belongs to the clinical system; everything else is ours.

Constraints make the promises that the code relies on: one unsent row a consultation, version numbers without
repeats, one record a MESH message. ``migrations/`` holds the triggers and the view that SQLAlchemy cannot describe.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from federated_sender.states import State
from shared.db import UtcDateTime
from shared.tables import AlertColumns, ClaimColumns, TimelineColumns, one_open_alert

_STATES = ", ".join(f"'{state}'" for state in State)


class Base(DeclarativeBase):
    """All tables of the sender."""


class OutboxRow(Base):
    """A consultation as the clinical system wrote it (``docs/outbox.md``): text as it came, judged by us later.

    ``pending`` is set by the database itself at every insert and every change of content.
    """

    __tablename__ = "outbox"

    consultation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[str | None] = mapped_column(Text)
    confidential: Mapped[bool | None] = mapped_column(Boolean(create_constraint=True, name="ck_outbox_confidential"))
    patient_nhs_number: Mapped[str | None] = mapped_column(Text)
    patient_nhs_number_verified: Mapped[bool | None] = mapped_column(
        Boolean(create_constraint=True, name="ck_outbox_patient_nhs_number_verified")
    )
    patient_title: Mapped[str | None] = mapped_column(Text)
    patient_family: Mapped[str | None] = mapped_column(Text)
    patient_given: Mapped[str | None] = mapped_column(Text)
    patient_birth_date: Mapped[str | None] = mapped_column(Text)
    patient_gender: Mapped[str | None] = mapped_column(Text)
    patient_registration_type: Mapped[str | None] = mapped_column(Text)
    patient_registered_practice_ods_code: Mapped[str | None] = mapped_column(Text)
    patient_telephones: Mapped[str | None] = mapped_column(Text)
    patient_address: Mapped[str | None] = mapped_column(Text)
    patient_current_telephones: Mapped[str | None] = mapped_column(Text)
    patient_current_address: Mapped[str | None] = mapped_column(Text)
    practitioner_sds_user_id: Mapped[str | None] = mapped_column(Text)
    practitioner_title: Mapped[str | None] = mapped_column(Text)
    practitioner_family: Mapped[str | None] = mapped_column(Text)
    practitioner_given: Mapped[str | None] = mapped_column(Text)
    practitioner_role: Mapped[str | None] = mapped_column(Text)
    practitioner_telephone: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)
    pending: Mapped[bool] = mapped_column(default=True, server_default=text("true"))

    attachments: Mapped[list[OutboxAttachment]] = relationship(
        order_by="OutboxAttachment.position", cascade="all, delete-orphan", lazy="selectin"
    )

    __table_args__ = (
        Index(
            "ix_outbox_pending",
            "consultation_id",
            sqlite_where=text("pending"),
            postgresql_where=text("pending"),
        ),
    )


class OutboxAttachment(Base):
    """A document of an outbox row: its bytes, or a path under ``OUTBOX_ATTACHMENT_DIR`` with the SHA-256."""

    __tablename__ = "outbox_attachment"

    consultation_id: Mapped[str] = mapped_column(
        ForeignKey("outbox.consultation_id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None] = mapped_column(Text)
    content_type: Mapped[str | None] = mapped_column(Text)
    path: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[bytes | None] = mapped_column(LargeBinary)


class Blob(Base):
    """The bytes of an attachment, kept once by content."""

    __tablename__ = "blob"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Report(ClaimColumns, Base):
    """One version of one consultation's report, from waiting to delivered.

    ``version`` is empty until the message's bytes are stored (decision 22); a consultation has at most one such
    row. ``content`` is the consultation as canonical JSON, empty when it could not be read.
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
        Index("ix_report_changed", "changed_at"),
        Index("ix_report_bundle_id", "bundle_id"),
        Index("ix_report_bundle_identifier", "bundle_identifier"),
    )


class ReportBody(Base):
    """The exact bytes of a version as they went, or will go, to MESH."""

    __tablename__ = "report_body"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    message: Mapped[bytes] = mapped_column(LargeBinary)


class Timeline(TimelineColumns, Base):
    """The story of each report."""

    __tablename__ = "timeline"

    report: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)


class Alert(AlertColumns, Base):
    """What a person at this practice must look at."""

    __tablename__ = "alert"
    __table_args__ = (one_open_alert("uq_alert_open"),)


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

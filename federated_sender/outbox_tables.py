"""The tables that the clinical system writes: the outbox, and the bytes of its documents.

``pending``, ``deleted`` and the row's removal are watched by triggers, which ``migrations/`` holds.
"""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from federated_sender.table_base import Base
from shared.tables import only_where


class OutboxRow(Base):
    """A consultation as the clinical system wrote it (``docs/outbox.md``): text as it came, judged by us later.

    ``pending`` is set by the database itself at every insert and every change of content. ``deleted`` says that the
    clinical system deleted the consultation, ``enqueued`` that ``enqueue`` wrote the row.
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
    deleted: Mapped[bool] = mapped_column(default=False, server_default=false())
    enqueued: Mapped[bool] = mapped_column(default=False, server_default=false())

    attachments: Mapped[list[OutboxAttachment]] = relationship(
        order_by="OutboxAttachment.position", cascade="all, delete-orphan", lazy="selectin"
    )

    __table_args__ = (Index("ix_outbox_pending", "consultation_id", **only_where("pending")),)


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

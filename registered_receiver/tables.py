"""The receiver's tables.

Constraints make the promises that the code relies on: a MESH message is stored once, answered once at each level
and filed once; a consultation has one current task; a document's bytes are kept once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registered_receiver import id_tables  # noqa: F401 - its tables are the receiver's, too
from registered_receiver.patient_tables import Base, one_of
from registered_receiver.states import MessageState, TaskState
from shared.db import UtcDateTime
from shared.itk3.codes import Level
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


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


_COMPLETED_BEFORE: Final = "superseded_by IS NOT NULL AND completed_at IS NOT NULL"


class Message(ClaimColumns, Base):
    """A message that MESH held for us: its headers, what could be read of it, and where it stands.

    ``recipient`` and ``subject`` may be patient data. ``truncated`` says that only its beginning is kept, and
    ``left_in_mesh`` that only this record is kept, since MESH still has it. ``pruned_at``: bytes and subject are gone.
    Of a ``confidential`` one nobody at the worklist is shown where it came from; None is not known, and treated so.
    """

    __tablename__ = "message"

    mesh_message_id: Mapped[str] = mapped_column(String(100), primary_key=True, sort_order=-1)
    message_type: Mapped[str] = mapped_column(String(8))
    workflow_id: Mapped[str] = mapped_column(Text)
    sender_mailbox: Mapped[str | None] = mapped_column(Text)
    recipient: Mapped[str | None] = mapped_column(Text)
    local_id: Mapped[str | None] = mapped_column(Text)
    linked_message_id: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    status_code: Mapped[str | None] = mapped_column(Text)
    status_description: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    truncated: Mapped[bool] = mapped_column(default=False)
    left_in_mesh: Mapped[bool] = mapped_column(default=False)
    state: Mapped[MessageState] = mapped_column(String(16))
    message_id: Mapped[str | None] = mapped_column(String(64))
    sender_reference: Mapped[str | None] = mapped_column(String(255))
    infrastructure_code: Mapped[str | None] = mapped_column(String(16))
    business_code: Mapped[str | None] = mapped_column(String(16))
    diagnostics: Mapped[str | None] = mapped_column(Text)
    pruned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confidential: Mapped[bool | None]

    __table_args__ = (
        CheckConstraint(one_of("state", *MessageState), name="ck_message_state"),
        Index("ix_message_due", "received_at", **_where("state IN ('received', 'valid')")),
        Index("ix_message_received", "received_at"),
        Index("ix_message_unfinished", "state", **_where("state IN ('received', 'valid')")),
        Index("ix_message_received_state", "received_at", "state"),
        Index("ix_message_unpruned", "changed_at", **_where("pruned_at IS NULL")),
        Index("ix_message_message_id", "message_id"),
    )


class MessageBody(Base):
    """The bytes of a message as they came."""

    __tablename__ = "message_body"

    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Response(ClaimColumns, Base):
    """A response to a message: its bytes are built once, and whether MESH has them.

    ``post_began_at`` is set before each POST: after a crash it says that MESH may have the response (decision 13).
    ``refused_message_id`` is what MESH called the response that it did not take: its report will name that id.
    """

    __tablename__ = "response"

    response_id: Mapped[str] = mapped_column(String(36), primary_key=True, sort_order=-1)
    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"))
    level: Mapped[Level] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(16))
    to_mailbox: Mapped[str] = mapped_column(Text)
    workflow_id: Mapped[str] = mapped_column(Text)
    local_id: Mapped[str] = mapped_column(String(64), unique=True)
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    post_began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_message_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    refused_message_id: Mapped[str | None] = mapped_column(String(100), index=True)

    __table_args__ = (
        CheckConstraint(one_of("level", Level.INFRASTRUCTURE, Level.BUSINESS), name="ck_response_level"),
        UniqueConstraint("mesh_message_id", "level", name="uq_response_level"),
        Index("ix_response_unsent", "queued_at", **_where("sent_at IS NULL")),
    )


class Task(Base):
    """A report on the workflow list.

    A chain is the sender's ODS code and its reference; in a chain each patient has one task that is not superseded.
    ``flag`` is what a person must know about it. Of a ``confidential`` one nobody is shown who wrote it, or where.
    """

    __tablename__ = "task"

    task_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"), unique=True)
    state: Mapped[TaskState] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(Text)
    sender_ods_code: Mapped[str] = mapped_column(String(255))
    consultation_id: Mapped[str] = mapped_column(String(255))
    version: Mapped[int | None]
    authored_on: Mapped[datetime] = mapped_column(UtcDateTime)
    nhs_number: Mapped[str] = mapped_column(String(10))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # deferred: the older task gives way before the newer one can be there
    superseded_by: Mapped[str | None] = mapped_column(
        ForeignKey("task.task_id", deferrable=True, initially="DEFERRED", name="fk_task_superseded_by")
    )
    flag: Mapped[str | None] = mapped_column(Text)
    confidential: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    documents: Mapped[list[TaskDocument]] = relationship(order_by="TaskDocument.position", lazy="raise")

    __table_args__ = (
        CheckConstraint(one_of("state", *TaskState), name="ck_task_state"),
        CheckConstraint("(state = 'superseded') = (superseded_by IS NOT NULL)", name="ck_task_superseded"),
        Index(
            "uq_task_current",
            "sender_ods_code",
            "consultation_id",
            "nhs_number",
            unique=True,
            **_where("state <> 'superseded'"),
        ),
        Index("ix_task_chain", "sender_ods_code", "consultation_id"),
        Index("ix_task_received", "received_at"),
        Index("ix_task_state", "state", "received_at", "task_id"),
        Index("ix_task_superseded_by", "superseded_by"),
        Index("ix_task_completed_before", "superseded_by", **_where(_COMPLETED_BEFORE)),
        Index("ix_task_nhs_number", "nhs_number"),
    )


class Blob(Base):
    """The bytes of a document, kept once by content."""

    __tablename__ = "blob"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class TaskDocument(Base):
    """A document of a task; the report itself has position 1."""

    __tablename__ = "task_document"

    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    description: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), index=True)


class TaskDrop(ClaimColumns, Base):
    """A task that is to be laid into the drop directory as a folder, and when that was done."""

    __tablename__ = "task_drop"

    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), primary_key=True, sort_order=-1)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    dropped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_task_drop_due", "queued_at", **_where("dropped_at IS NULL")),)


class Review(Base):
    """A near miss that waits for a person, or was decided by one.

    ``facts`` and ``candidates`` are what the person was shown. ``nhs_number`` is whom they chose; empty once decided
    means that it was nobody.
    """

    __tablename__ = "review"

    review_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"), unique=True)
    sender_ods_code: Mapped[str] = mapped_column(String(255))
    consultation_id: Mapped[str] = mapped_column(String(255))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)
    nhs_number: Mapped[str | None] = mapped_column(String(10))

    __table_args__ = (
        Index("ix_review_chain", "sender_ods_code", "consultation_id"),
        Index("ix_review_open", "opened_at", **_where("decided_at IS NULL")),
    )


class Timeline(TimelineColumns, Base):
    """The story of each message, its responses and its task."""

    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"), index=True)


class Alert(AlertColumns, Base):
    """What a person at this practice must look at."""

    __table_args__ = (one_open_alert("uq_alert_open"),)


class Digest(DigestColumns, Base):
    """When alerts were mailed."""


class Poller(PollerColumns, Base):
    """Which process looks into the mailbox."""


class Audit(AuditColumns, Base):
    """Who or what looked at, took out, completed, decided or closed something here."""


class WebUser(WebUserColumns, Base):
    """Somebody who may use the web pages."""


class WebSession(WebSessionColumns, Base):
    """A browser that is signed in."""


class WebLockout(WebLockoutColumns, Base):
    """Failed sign-ins of one user name or one network address."""

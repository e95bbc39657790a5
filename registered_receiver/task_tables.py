"""The tables of the workflow list: tasks, their documents, and whether they were laid into the drop directory."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registered_receiver.states import TaskState
from registered_receiver.table_base import Base
from shared.db import UtcDateTime
from shared.tables import ClaimColumns, one_of, only_where

_COMPLETED_BEFORE: Final = "superseded_by IS NOT NULL AND completed_at IS NOT NULL"


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
            **only_where("state <> 'superseded'"),
        ),
        Index("ix_task_chain", "sender_ods_code", "consultation_id"),
        Index("ix_task_received", "received_at"),
        Index("ix_task_state", "state", "received_at", "task_id"),
        Index("ix_task_superseded_by", "superseded_by"),
        Index("ix_task_completed_before", "superseded_by", **only_where(_COMPLETED_BEFORE)),
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

    __table_args__ = (Index("ix_task_drop_due", "queued_at", **only_where("dropped_at IS NULL")),)

"""The receiver's tables.

Constraints make the promises that the code relies on: a MESH message is stored once, answered once at each level
and filed once; a consultation has one current task; a document's bytes are kept once.

This module knows all of them; those that a short look needs are in modules of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from registered_receiver import id_tables, patient_tables  # noqa: F401 - their tables are the receiver's, too
from registered_receiver.message_tables import Message, MessageBody, Response
from registered_receiver.table_base import Base
from registered_receiver.task_tables import Blob, Task, TaskDocument, TaskDrop
from shared.db import UtcDateTime
from shared.tables import (
    AlertColumns,
    AuditColumns,
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
    "Blob",
    "Digest",
    "Message",
    "MessageBody",
    "Poller",
    "Response",
    "Review",
    "Task",
    "TaskDocument",
    "TaskDrop",
    "Timeline",
    "WebLockout",
    "WebSession",
    "WebUser",
]


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
        Index("ix_review_open", "opened_at", **only_where("decided_at IS NULL")),
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

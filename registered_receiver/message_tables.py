"""The tables of the messages that came, and of the responses to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registered_receiver.states import MessageState
from registered_receiver.table_base import Base
from shared.db import UtcDateTime
from shared.itk3.codes import Level
from shared.tables import ClaimColumns, one_of, only_where


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
        # in this order the oldest comes first, and the state spares a look at the row
        Index(
            "ix_message_due",
            *("received_at", "mesh_message_id", "state"),
            **only_where("state IN ('received', 'valid')"),
        ),
        Index("ix_message_received", "received_at"),
        Index("ix_message_received_state", "received_at", "state"),
        Index("ix_message_unpruned", "changed_at", **only_where("pruned_at IS NULL")),
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
        Index("ix_response_unsent", "queued_at", **only_where("sent_at IS NULL")),
    )

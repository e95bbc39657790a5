"""The ids that messages and documents came with: a duplicate is known by them, and what a later one means."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from registered_receiver.table_base import Base
from shared.db import UtcDateTime
from shared.itk3.naming import NameKind
from shared.tables import one_of

REPLACES: Final = "replaces"
"""The kind of name by which a document means the one before it."""

PROCESSED_KINDS: Final = ("message", "payload")
"""What an id that earned 20013 is the id of."""

_LONGEST_KEY: Final = 255


class ProcessedId(Base):
    """An id that earned 20013 from a sender's mailbox (decision 27); outlives the message it came with."""

    __tablename__ = "processed_id"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    sender_mailbox: Mapped[str] = mapped_column(String(255), primary_key=True)
    mesh_message_id: Mapped[str] = mapped_column(String(100))
    processed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (CheckConstraint(one_of("kind", *PROCESSED_KINDS), name="ck_processed_id_kind"),)


class DocumentId(Base):
    """A name, in its normal form, of a message that earned 20013; of the kind ``replaces``, of the one before it.

    It outlives the message's bytes: a later document may name one that was pruned.
    """

    __tablename__ = "document_id"

    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    sender_mailbox: Mapped[str] = mapped_column(String(255), primary_key=True)
    mesh_message_id: Mapped[str] = mapped_column(ForeignKey("message.mesh_message_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    system: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint(one_of("kind", *NameKind, REPLACES), name="ck_document_id_kind"),
        Index("ix_document_id_message", "mesh_message_id"),
    )


def key(value: str) -> str:
    """Return an id or a mailbox as the key of a row: a hostile message may carry one of any length."""
    return value if len(value) <= _LONGEST_KEY else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"

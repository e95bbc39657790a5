"""The table of the reports, which a short look needs alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from federated_sender.states import State
from federated_sender.table_base import Base
from shared.db import UtcDateTime
from shared.tables import ClaimColumns, one_of, only_where

_UNSENT = "state IN ('waiting', 'queued')"
_UNTRIED = "next_attempt_at IS NULL"


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
        CheckConstraint(one_of("state", *State), name="ck_report_state"),
        CheckConstraint(
            "version IS NOT NULL OR state IN ('waiting', 'not_required', 'invalid', 'queued')",
            name="ck_report_version_before_sent",
        ),
        CheckConstraint("version IS NULL OR local_id IS NOT NULL", name="ck_report_built_whole"),
        UniqueConstraint("consultation_id", "version", name="uq_report_version"),
        Index("uq_report_unversioned", "consultation_id", unique=True, **only_where("version IS NULL")),
        Index("ix_report_due", "due_at", **only_where("state IN ('waiting', 'queued')")),
        Index("ix_report_awaiting", "infrastructure_due_at", **only_where("state IN ('sent', 'accepted')")),
        # whose turn it is: what was never tried, built or not, and what failed before
        Index("ix_report_unbuilt", "due_at", "id", **only_where(f"{_UNSENT} AND version IS NULL AND {_UNTRIED}")),
        Index("ix_report_built", "due_at", "id", **only_where(f"{_UNSENT} AND version IS NOT NULL AND {_UNTRIED}")),
        Index("ix_report_failed", "next_attempt_at", "id", **only_where(f"{_UNSENT} AND next_attempt_at IS NOT NULL")),
        Index("ix_report_unfinished", "state", **only_where("state IN ('waiting', 'queued', 'sent', 'accepted')")),
        Index("ix_report_sent", "sent_at", **only_where("state IN ('sent')")),
        # the state stands last: SQLite would choose an index that begins with it, and sort all that is due
        Index("ix_report_changed_state", "changed_at", "state"),
        Index("ix_report_changed", "changed_at"),
        Index("ix_report_unpruned", "changed_at", **only_where("pruned_at IS NULL")),
        Index("ix_report_look_again", "next_attempt_at", **only_where("state = 'invalid'")),
        Index("ix_report_bundle_id", "bundle_id"),
        Index("ix_report_bundle_identifier", "bundle_identifier"),
    )

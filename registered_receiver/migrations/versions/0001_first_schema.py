"""The first schema: messages and responses, tasks and documents, patients and reviews, timeline and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime, append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _alert()
    _blob()
    _message()
    _patient()
    _processed_id()
    _message_body()
    _response()
    _review()
    _task()
    _timeline()
    _task_document()

    for statement in append_only("timeline", op.get_bind().dialect.name):
        op.execute(statement)


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=255), nullable=False),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=128), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["kind", "subject_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _blob() -> None:
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("message_type", sa.String(length=8), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("sender_mailbox", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("local_id", sa.Text(), nullable=True),
        sa.Column("linked_message_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Text(), nullable=True),
        sa.Column("status_description", sa.Text(), nullable=True),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("left_in_mesh", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        sa.Column("sender_reference", sa.String(length=255), nullable=True),
        sa.Column("infrastructure_code", sa.String(length=16), nullable=True),
        sa.Column("business_code", sa.String(length=16), nullable=True),
        sa.Column("diagnostics", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('received', 'rejected', 'valid', 'review', 'filed', 'unmatched', 'duplicate', 'ignored')",
            name="ck_message_state",
        ),
        sa.PrimaryKeyConstraint("mesh_message_id"),
    )
    op.create_index(
        "ix_message_due",
        "message",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('received', 'valid')"),
        postgresql_where=sa.text("state IN ('received', 'valid')"),
    )
    op.create_index("ix_message_message_id", "message", ["message_id"], unique=False)
    op.create_index("ix_message_received", "message", ["received_at"], unique=False)


def _patient() -> None:
    op.create_table(
        "patient",
        sa.Column("nhs_number", sa.String(length=10), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.CheckConstraint("status IN ('registered', 'left', 'deceased')", name="ck_patient_status"),
        sa.PrimaryKeyConstraint("nhs_number"),
    )
    op.create_index(op.f("ix_patient_birth_date"), "patient", ["birth_date"], unique=False)


def _processed_id() -> None:
    op.create_table(
        "processed_id",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("sender_mailbox", sa.String(length=255), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("processed_at", UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('message', 'payload')", name="ck_processed_id_kind"),
        sa.PrimaryKeyConstraint("kind", "value", "sender_mailbox"),
    )


def _message_body() -> None:
    op.create_table(
        "message_body",
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mesh_message_id"],
            ["message.mesh_message_id"],
        ),
        sa.PrimaryKeyConstraint("mesh_message_id"),
    )


def _response() -> None:
    op.create_table(
        "response",
        sa.Column("response_id", sa.String(length=36), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("to_mailbox", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("local_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("queued_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("post_began_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_message_id", sa.String(length=100), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("level IN ('infrastructure', 'business')", name="ck_response_level"),
        sa.ForeignKeyConstraint(
            ["mesh_message_id"],
            ["message.mesh_message_id"],
        ),
        sa.PrimaryKeyConstraint("response_id"),
        sa.UniqueConstraint("local_id"),
        sa.UniqueConstraint("mesh_message_id", "level", name="uq_response_level"),
        sa.UniqueConstraint("sent_message_id"),
    )
    op.create_index(
        "ix_response_unsent",
        "response",
        ["queued_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def _review() -> None:
    op.create_table(
        "review",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("sender_ods_code", sa.String(length=255), nullable=False),
        sa.Column("consultation_id", sa.String(length=255), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("alerted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("nhs_number", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["mesh_message_id"],
            ["message.mesh_message_id"],
        ),
        sa.PrimaryKeyConstraint("review_id"),
        sa.UniqueConstraint("mesh_message_id"),
    )
    op.create_index("ix_review_chain", "review", ["sender_ods_code", "consultation_id"], unique=False)
    op.create_index(
        "ix_review_open",
        "review",
        ["opened_at"],
        unique=False,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sender_ods_code", sa.String(length=255), nullable=False),
        sa.Column("consultation_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("authored_on", UtcDateTime(timezone=True), nullable=False),
        sa.Column("nhs_number", sa.String(length=10), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("completed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("superseded_by", sa.String(length=36), nullable=True),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'superseded') = (superseded_by IS NOT NULL)", name="ck_task_superseded"),
        sa.CheckConstraint("state IN ('open', 'completed', 'superseded')", name="ck_task_state"),
        sa.ForeignKeyConstraint(
            ["mesh_message_id"],
            ["message.mesh_message_id"],
        ),
        sa.ForeignKeyConstraint(
            ["superseded_by"], ["task.task_id"], name="fk_task_superseded_by", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("task_id"),
        sa.UniqueConstraint("mesh_message_id"),
    )
    op.create_index("ix_task_received", "task", ["received_at"], unique=False)
    op.create_index("ix_task_superseded_by", "task", ["superseded_by"], unique=False)
    op.create_index(
        "uq_task_current",
        "task",
        ["sender_ods_code", "consultation_id", "nhs_number"],
        unique=True,
        sqlite_where=sa.text("state <> 'superseded'"),
        postgresql_where=sa.text("state <> 'superseded'"),
    )


def _timeline() -> None:
    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mesh_message_id"],
            ["message.mesh_message_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_timeline_mesh_message_id"), "timeline", ["mesh_message_id"], unique=False)


def _task_document() -> None:
    op.create_table(
        "task_document",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["blob.sha256"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.task_id"],
        ),
        sa.PrimaryKeyConstraint("task_id", "position"),
    )

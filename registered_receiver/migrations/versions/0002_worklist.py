"""Audit, dropped tasks, pruning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime, append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only."""
    op.add_column("message", sa.Column("pruned_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_message_unpruned",
        "message",
        ["changed_at"],
        sqlite_where=sa.text("pruned_at IS NULL"),
        postgresql_where=sa.text("pruned_at IS NULL"),
    )
    op.add_column("response", sa.Column("refused_message_id", sa.String(length=100), nullable=True))
    op.create_index(op.f("ix_response_refused_message_id"), "response", ["refused_message_id"])
    op.add_column("task", sa.Column("confidential", sa.Boolean(), nullable=False, server_default=sa.false()))
    # the one sign of it that there is: the line does not say where the patient was seen
    op.execute("UPDATE task SET confidential = true WHERE lower(subject) NOT LIKE '%seen at%'")
    op.create_index(op.f("ix_task_document_sha256"), "task_document", ["sha256"])
    _task_drop()
    _audit()


def _task_drop() -> None:
    op.create_table(
        "task_drop",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("queued_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["task.task_id"]),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_index(
        "ix_task_drop_due",
        "task_drop",
        ["queued_at"],
        sqlite_where=sa.text("dropped_at IS NULL"),
        postgresql_where=sa.text("dropped_at IS NULL"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("user_name", sa.String(length=128), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.String(length=128), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=255), nullable=True),
        sa.Column("nhs_number", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_audit_subject_id"), "audit", ["subject_id"])
    for statement in append_only("audit", op.get_bind().dialect.name):
        op.execute(statement)

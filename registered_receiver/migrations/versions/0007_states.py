"""Indexes for the messages and the tasks of one state: a look at them costs the same however many are finished."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unfinished = sa.text("state IN ('received', 'valid')")
    op.create_index("ix_message_unfinished", "message", ["state"], sqlite_where=unfinished, postgresql_where=unfinished)
    op.create_index("ix_message_received_state", "message", ["received_at", "state"])
    op.create_index("ix_task_state", "task", ["state", "received_at", "task_id"])
    op.create_index("ix_task_chain", "task", ["sender_ods_code", "consultation_id"])
    op.create_index("ix_task_nhs_number", "task", ["nhs_number"])
    where = sa.text("superseded_by IS NOT NULL AND completed_at IS NOT NULL")
    op.create_index("ix_task_completed_before", "task", ["superseded_by"], sqlite_where=where, postgresql_where=where)

"""Indexes for whose turn it is, and for the reports of one state: a long backlog costs no more than a short one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNSENT = "state IN ('waiting', 'queued')"
PARTIAL = (
    ("ix_report_unbuilt", ["due_at", "id"], f"{UNSENT} AND version IS NULL AND next_attempt_at IS NULL"),
    ("ix_report_built", ["due_at", "id"], f"{UNSENT} AND version IS NOT NULL AND next_attempt_at IS NULL"),
    ("ix_report_sent", ["sent_at"], "state IN ('sent')"),
    ("ix_report_unfinished", ["state"], "state IN ('waiting', 'queued', 'sent', 'accepted')"),
    ("ix_report_failed", ["next_attempt_at", "id"], f"{UNSENT} AND next_attempt_at IS NOT NULL"),
)


def upgrade() -> None:
    for name, columns, condition in PARTIAL:
        where = sa.text(condition)
        op.create_index(name, "report", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_report_changed_state", "report", ["changed_at", "state"])

"""The oldest message to be judged is found without a look at the others; no time is lost over what cannot be packed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unfinished = sa.text("state IN ('received', 'valid')")
    # with both there, SQLite took the one by state and sorted all that waits, for each message anew
    op.drop_index("ix_message_unfinished", "message")
    op.drop_index("ix_message_due", "message")
    op.create_index(
        "ix_message_due",
        "message",
        ["received_at", "mesh_message_id", "state"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    if op.get_bind().dialect.name == "postgresql":
        # base64 and PDF do not get smaller
        op.execute("ALTER TABLE message_body ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE blob ALTER COLUMN data SET STORAGE EXTERNAL")

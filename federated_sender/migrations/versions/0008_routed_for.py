"""For which patient a person named the registered practice: it does not count for another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consultation", sa.Column("routed_for", sa.String(length=10), nullable=True))

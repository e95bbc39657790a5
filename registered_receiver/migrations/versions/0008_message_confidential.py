"""A message says itself whether it is of a confidential consultation: also one that waits, was refused or was pruned.

Of messages that came before, the task tells, else a subject that follows the template; of the others nothing does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("confidential", sa.Boolean(), nullable=True))
    op.execute(
        "UPDATE message SET confidential ="
        " (SELECT task.confidential FROM task WHERE task.mesh_message_id = message.mesh_message_id)"
    )
    for follows, confidential in (("%, nhs number%seen at%", "false"), ("%, nhs number%", "true")):
        op.execute(
            f"UPDATE message SET confidential = {confidential}"
            f" WHERE confidential IS NULL AND lower(subject) LIKE '{follows}'"
        )

"""What documents are called, in one normal form, and chains keyed by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UUID = "________-____-____-____-____________"


def upgrade() -> None:
    _make_names()
    for table in ("task", "review"):
        _normalise_references(table)


def _make_names() -> None:
    op.create_table(
        "document_id",
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("sender_mailbox", sa.String(length=255), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("system", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('payload', 'message', 'bundle', 'envelope', 'composition', 'reference', 'replaces')",
            name="ck_document_id_kind",
        ),
        sa.ForeignKeyConstraint(["mesh_message_id"], ["message.mesh_message_id"]),
        sa.PrimaryKeyConstraint("value", "sender_mailbox", "mesh_message_id", "kind"),
    )
    # what was taken before is known by the two ids that were kept of it
    op.execute(
        "INSERT INTO document_id (value, sender_mailbox, mesh_message_id, kind)"
        f" SELECT DISTINCT {_normal('processed_id.value')}, processed_id.sender_mailbox,"
        " message.mesh_message_id, processed_id.kind"
        " FROM processed_id JOIN message ON message.mesh_message_id = processed_id.mesh_message_id"
    )
    op.create_index("ix_document_id_message", "document_id", ["mesh_message_id"])


def _normalise_references(table: str) -> None:
    """Let a chain go on whose reference was kept as it came; where that would join two chains both stay as they are."""
    normal = _normal(f"{table}.consultation_id")
    op.execute(
        f"UPDATE {table} SET consultation_id = {normal} WHERE consultation_id <> {normal}"
        f" AND NOT EXISTS (SELECT 1 FROM {table} AS other WHERE other.sender_ods_code = {table}.sender_ods_code"
        f" AND other.consultation_id <> {table}.consultation_id"
        f" AND {_normal('other.consultation_id')} = {normal})"
    )


def _normal(column: str) -> str:
    """Return the SQL of an identifier's normal form."""
    whole = f"trim({column})"
    bare = f"CASE WHEN lower({whole}) LIKE 'urn:uuid:%' THEN trim(substr({whole}, 10)) ELSE {whole} END"
    return f"CASE WHEN {bare} LIKE '{_UUID}' THEN lower({bare}) ELSE {bare} END"

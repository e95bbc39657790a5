"""What documents are called, in one normal form, and chains keyed by it."""

from __future__ import annotations

import re
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# the program's rule as it was when this revision was written
_PREFIX = re.compile(r"\Aurn:(uuid|oid):\s*", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def upgrade() -> None:
    names = _make_names()
    _keep_names_taken_before(names)
    _normalise_references("task", joined=False)
    # reviews join: a decision is looked for by the normal form only
    _normalise_references("review", joined=True)


def _make_names() -> sa.Table:
    names = op.create_table(
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
    op.create_index("ix_document_id_message", "document_id", ["mesh_message_id"])
    return names


def _keep_names_taken_before(names: sa.Table) -> None:
    """Know what was taken before by the two ids that were kept of it."""
    kept = op.get_bind().execute(
        sa.text(
            "SELECT processed_id.value, processed_id.sender_mailbox, message.mesh_message_id, processed_id.kind"
            " FROM processed_id JOIN message ON message.mesh_message_id = processed_id.mesh_message_id"
        )
    )
    found = {(_normal_form(value), *rest) for value, *rest in kept if _normal_form(value)}
    columns = ("value", "sender_mailbox", "mesh_message_id", "kind")
    op.bulk_insert(names, [dict(zip(columns, row, strict=True)) for row in sorted(found)])


def _normalise_references(table: str, *, joined: bool) -> None:
    """Let a chain go on whose reference was kept as it came.

    Where that would join two chains both stay as they are, unless they may be ``joined``.
    """
    connection = op.get_bind()
    written = defaultdict(set)
    for ods_code, reference in connection.execute(
        sa.text(f"SELECT DISTINCT sender_ods_code, consultation_id FROM {table}")
    ):
        written[ods_code, _normal_form(reference)].add(reference)
    changes = [
        {"ods_code": ods_code, "normal": normal, "written": each}
        for (ods_code, normal), spellings in sorted(written.items())
        for each in sorted(spellings)
        if each != normal and (joined or len(spellings) == 1)
    ]
    if changes:
        connection.execute(
            sa.text(
                f"UPDATE {table} SET consultation_id = :normal"
                " WHERE sender_ods_code = :ods_code AND consultation_id = :written"
            ),
            changes,
        )


def _normal_form(text: str) -> str:
    bare = _PREFIX.sub("", text.strip(), count=1)
    return bare.lower() if _UUID.fullmatch(bare) else bare

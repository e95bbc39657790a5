"""Deletion, deliberate sends, named practices, pruning."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime, append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CONTENT = (
    "started_at, updated_at, confidential, patient_nhs_number, patient_nhs_number_verified, patient_title,"
    " patient_family, patient_given, patient_birth_date, patient_gender, patient_registration_type,"
    " patient_registered_practice_ods_code, patient_telephones, patient_address, patient_current_telephones,"
    " patient_current_address, practitioner_sds_user_id, practitioner_title, practitioner_family,"
    " practitioner_given, practitioner_role, practitioner_telephone, notes, deleted"
)
UNSENT = (
    "SELECT 1 FROM report WHERE report.consultation_id = lower(OLD.consultation_id)"
    " AND report.state IN ('waiting', 'queued')"
)
KEEP = "a report of this row waits to be sent: set deleted to true, and delete the row when its report is not_required"
SQLITE = (
    "ALTER TABLE outbox ADD COLUMN deleted BOOLEAN DEFAULT false NOT NULL"
    " CONSTRAINT ck_outbox_deleted CHECK (deleted IN (0, 1))",
    "ALTER TABLE outbox ADD COLUMN enqueued BOOLEAN DEFAULT false NOT NULL",
    "DROP TRIGGER outbox_changed",
    f"CREATE TRIGGER outbox_changed AFTER UPDATE OF {CONTENT} ON outbox BEGIN"
    " UPDATE outbox SET pending = true WHERE consultation_id = NEW.consultation_id; END",
    "DROP TRIGGER outbox_kept",
    f"CREATE TRIGGER outbox_kept BEFORE DELETE ON outbox WHEN EXISTS ({UNSENT}) BEGIN"
    f" SELECT RAISE(ABORT, '{KEEP}'); END",
)
POSTGRESQL = (
    "ALTER TABLE outbox ADD COLUMN deleted BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE outbox ADD COLUMN enqueued BOOLEAN DEFAULT false NOT NULL",
    "DROP TRIGGER outbox_changed ON outbox",
    f"CREATE TRIGGER outbox_changed BEFORE UPDATE OF {CONTENT} ON outbox"
    " FOR EACH ROW EXECUTE FUNCTION outbox_changed()",
    "CREATE OR REPLACE FUNCTION outbox_kept() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN IF EXISTS ({UNSENT}) THEN RAISE EXCEPTION '{KEEP}'; END IF; RETURN OLD; END $$",
)
SUBMISSIONS = (
    "INSERT INTO submission (report, number, local_id, mesh_message_id, asked_at, asked_by, sent_at)"
    " SELECT id, 1, local_id, mesh_message_id, COALESCE(generated_at, changed_at), 'federated-sender', sent_at"
    " FROM report WHERE version IS NOT NULL"
)


def upgrade() -> None:
    _consultation()
    _report_source()
    _report_attachment()
    _submission()
    _audit()
    _report()
    dialect = op.get_bind().dialect.name
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[dialect]:
        op.execute(statement)
    for statement in append_only("audit", dialect):
        op.execute(statement)
    op.execute(SUBMISSIONS)
    _refer_to_attachments()


def _consultation() -> None:
    op.create_table(
        "consultation",
        sa.Column("consultation_id", sa.String(length=64), nullable=False),
        sa.Column("deleted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("deleted_by", sa.String(length=128), nullable=True),
        sa.Column("routed_to", sa.String(length=12), nullable=True),
        sa.Column("routed_instead_of", sa.String(length=12), nullable=True),
        sa.Column("routed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("routed_by", sa.String(length=128), nullable=True),
        sa.Column("routed_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("consultation_id"),
    )


def _report_source() -> None:
    op.create_table(
        "report_source",
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["report"], ["report.id"]),
        sa.PrimaryKeyConstraint("report"),
    )


def _report_attachment() -> None:
    op.create_table(
        "report_attachment",
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["report"], ["report.id"]),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"]),
        sa.PrimaryKeyConstraint("report", "sha256"),
    )
    op.create_index(op.f("ix_report_attachment_sha256"), "report_attachment", ["sha256"], unique=False)


def _submission() -> None:
    op.create_table(
        "submission",
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("local_id", sa.String(length=64), nullable=False),
        sa.Column("mesh_message_id", sa.String(length=255), nullable=True),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["report"], ["report.id"]),
        sa.PrimaryKeyConstraint("report", "number"),
        sa.UniqueConstraint("local_id"),
        sa.UniqueConstraint("mesh_message_id"),
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
    op.create_index(op.f("ix_audit_subject_id"), "audit", ["subject_id"], unique=False)


def _report() -> None:
    op.add_column("report", sa.Column("claims", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("report", sa.Column("pruned_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_report_unpruned",
        "report",
        ["changed_at"],
        unique=False,
        sqlite_where=sa.text("pruned_at IS NULL"),
        postgresql_where=sa.text("pruned_at IS NULL"),
    )
    op.create_index(
        "ix_report_look_again",
        "report",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("state = 'invalid'"),
        postgresql_where=sa.text("state = 'invalid'"),
    )


def _refer_to_attachments() -> None:
    """Write down which bytes the reports that are there refer to."""
    bind = op.get_bind()
    kept = set(bind.execute(sa.text("SELECT sha256 FROM blob")).scalars())
    reports = bind.execute(sa.text("SELECT id, content FROM report WHERE content LIKE '%sha256%'")).all()
    for report, content in reports:
        for digest in {item["sha256"] for item in json.loads(content).get("attachments", [])} & kept:
            bind.execute(
                sa.text("INSERT INTO report_attachment (report, sha256) VALUES (:report, :sha256)"),
                {"report": report, "sha256": digest},
            )

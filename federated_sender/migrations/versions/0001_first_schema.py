"""The first schema: outbox, reports, timeline, alerts, inbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime, append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CONTENT = (
    "started_at, updated_at, confidential, patient_nhs_number, patient_nhs_number_verified, patient_title,"
    " patient_family, patient_given, patient_birth_date, patient_gender, patient_registration_type,"
    " patient_registered_practice_ods_code, patient_telephones, patient_address, patient_current_telephones,"
    " patient_current_address, practitioner_sds_user_id, practitioner_title, practitioner_family,"
    " practitioner_given, practitioner_role, practitioner_telephone, notes"
)

# a clinical system need not know about "pending": whatever it changes is looked at again
UNSENT = (
    "SELECT 1 FROM report WHERE report.consultation_id = lower(OLD.consultation_id)"
    " AND report.state IN ('waiting', 'queued')"
)
KEEP = "a report of this row waits to be sent; the row cannot be deleted"
SQLITE = (
    f"CREATE TRIGGER outbox_changed AFTER UPDATE OF {CONTENT} ON outbox BEGIN"
    " UPDATE outbox SET pending = true WHERE consultation_id = NEW.consultation_id; END",
    *(
        f"CREATE TRIGGER outbox_attachment_{verb.lower()} AFTER {verb} ON outbox_attachment BEGIN"
        f" UPDATE outbox SET pending = true WHERE consultation_id = {row}.consultation_id; END"
        for verb, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    ),
    f"CREATE TRIGGER outbox_kept BEFORE DELETE ON outbox WHEN EXISTS ({UNSENT}) BEGIN"
    f" SELECT RAISE(ABORT, '{KEEP}'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION outbox_changed() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.pending := true; RETURN NEW; END $$",
    f"CREATE TRIGGER outbox_changed BEFORE UPDATE OF {CONTENT} ON outbox"
    " FOR EACH ROW EXECUTE FUNCTION outbox_changed()",
    "CREATE FUNCTION outbox_attachment_changed() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN UPDATE outbox SET pending = true"
    " WHERE consultation_id = COALESCE(NEW.consultation_id, OLD.consultation_id); RETURN NULL; END $$",
    "CREATE TRIGGER outbox_attachment_changed AFTER INSERT OR UPDATE OR DELETE ON outbox_attachment"
    " FOR EACH ROW EXECUTE FUNCTION outbox_attachment_changed()",
    "CREATE FUNCTION outbox_kept() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN IF EXISTS ({UNSENT}) THEN RAISE EXCEPTION '{KEEP}'; END IF; RETURN OLD; END $$",
    "CREATE TRIGGER outbox_kept BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION outbox_kept()",
)

VIEW = """
CREATE VIEW report_status AS
SELECT consultation_id, version, state, reason, infrastructure_code, business_code,
    CASE WHEN state IN ('sent', 'accepted') AND (
        (infrastructure_code IS NULL AND infrastructure_due_at <= {now})
        OR (business_code IS NULL AND business_due_at <= {now})
    ) THEN true ELSE false END AS overdue,
    changed_at AS updated_at
FROM report
"""
NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')", "postgresql": "now()"}


def upgrade() -> None:
    _alert()
    _blob()
    _outbox()
    _report()
    _inbox()
    _outbox_attachment()
    _report_body()
    _timeline()

    dialect = op.get_bind().dialect.name
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[dialect]:
        op.execute(statement)
    for statement in append_only("timeline", dialect):
        op.execute(statement)
    op.execute(VIEW.format(now=NOW[dialect]))


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


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("consultation_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Text(), nullable=True),
        sa.Column("confidential", sa.Boolean(create_constraint=True, name="ck_outbox_confidential"), nullable=True),
        sa.Column("patient_nhs_number", sa.Text(), nullable=True),
        sa.Column(
            "patient_nhs_number_verified",
            sa.Boolean(create_constraint=True, name="ck_outbox_patient_nhs_number_verified"),
            nullable=True,
        ),
        sa.Column("patient_title", sa.Text(), nullable=True),
        sa.Column("patient_family", sa.Text(), nullable=True),
        sa.Column("patient_given", sa.Text(), nullable=True),
        sa.Column("patient_birth_date", sa.Text(), nullable=True),
        sa.Column("patient_gender", sa.Text(), nullable=True),
        sa.Column("patient_registration_type", sa.Text(), nullable=True),
        sa.Column("patient_registered_practice_ods_code", sa.Text(), nullable=True),
        sa.Column("patient_telephones", sa.Text(), nullable=True),
        sa.Column("patient_address", sa.Text(), nullable=True),
        sa.Column("patient_current_telephones", sa.Text(), nullable=True),
        sa.Column("patient_current_address", sa.Text(), nullable=True),
        sa.Column("practitioner_sds_user_id", sa.Text(), nullable=True),
        sa.Column("practitioner_title", sa.Text(), nullable=True),
        sa.Column("practitioner_family", sa.Text(), nullable=True),
        sa.Column("practitioner_given", sa.Text(), nullable=True),
        sa.Column("practitioner_role", sa.Text(), nullable=True),
        sa.Column("practitioner_telephone", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("pending", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.PrimaryKeyConstraint("consultation_id"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["consultation_id"],
        unique=False,
        sqlite_where=sa.text("pending"),
        postgresql_where=sa.text("pending"),
    )


def _report() -> None:
    op.create_table(
        "report",
        *_report_columns(),
        sa.CheckConstraint(
            "state IN ('waiting', 'not_required', 'invalid', 'queued', 'sent', 'accepted', 'delivered', 'failed')",
            name="ck_report_state",
        ),
        sa.CheckConstraint(
            "version IS NOT NULL OR state IN ('waiting', 'not_required', 'invalid', 'queued')",
            name="ck_report_version_before_sent",
        ),
        sa.CheckConstraint("version IS NULL OR local_id IS NOT NULL", name="ck_report_built_whole"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("consultation_id", "version", name="uq_report_version"),
        sa.UniqueConstraint("local_id"),
        sa.UniqueConstraint("mesh_message_id"),
        sa.UniqueConstraint("message_id"),
        sa.UniqueConstraint("report_id"),
    )
    _report_indices()


def _report_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("consultation_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("consultation_updated_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("recipient_ods_code", sa.String(length=12), nullable=True),
        sa.Column("generated_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("bundle_id", sa.String(length=36), nullable=True),
        sa.Column("bundle_identifier", sa.String(length=36), nullable=True),
        sa.Column("mex_to", sa.Text(), nullable=True),
        sa.Column("mex_subject", sa.Text(), nullable=True),
        sa.Column("local_id", sa.String(length=64), nullable=True),
        sa.Column("post_began_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("mesh_message_id", sa.String(length=255), nullable=True),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("infrastructure_due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("business_due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("unsent_alerted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("infrastructure_alerted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("business_alerted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("infrastructure_code", sa.String(length=16), nullable=True),
        sa.Column("business_code", sa.String(length=16), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
    ]


def _report_indices() -> None:
    op.create_index(
        "ix_report_awaiting",
        "report",
        ["infrastructure_due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('sent', 'accepted')"),
        postgresql_where=sa.text("state IN ('sent', 'accepted')"),
    )
    op.create_index("ix_report_bundle_id", "report", ["bundle_id"], unique=False)
    op.create_index("ix_report_bundle_identifier", "report", ["bundle_identifier"], unique=False)
    op.create_index("ix_report_changed", "report", ["changed_at"], unique=False)
    op.create_index(
        "ix_report_due",
        "report",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'queued')"),
        postgresql_where=sa.text("state IN ('waiting', 'queued')"),
    )
    op.create_index(
        "uq_report_unversioned",
        "report",
        ["consultation_id"],
        unique=True,
        sqlite_where=sa.text("version IS NULL"),
        postgresql_where=sa.text("version IS NULL"),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("mesh_message_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("message_type", sa.String(length=8), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("sender_mailbox", sa.Text(), nullable=True),
        sa.Column("local_id", sa.Text(), nullable=True),
        sa.Column("linked_message_id", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Text(), nullable=True),
        sa.Column("status_description", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("processed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("report", sa.Integer(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["report"],
            ["report.id"],
        ),
        sa.PrimaryKeyConstraint("mesh_message_id"),
    )
    op.create_index(op.f("ix_inbox_report"), "inbox", ["report"], unique=False)
    op.create_index(
        "ix_inbox_unprocessed",
        "inbox",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("processed_at IS NULL"),
        postgresql_where=sa.text("processed_at IS NULL"),
    )


def _outbox_attachment() -> None:
    op.create_table(
        "outbox_attachment",
        sa.Column("consultation_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["consultation_id"], ["outbox.consultation_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("consultation_id", "position"),
    )


def _report_body() -> None:
    op.create_table(
        "report_body",
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report"],
            ["report.id"],
        ),
        sa.PrimaryKeyConstraint("report"),
    )


def _timeline() -> None:
    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report"],
            ["report.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_timeline_report"), "timeline", ["report"], unique=False)

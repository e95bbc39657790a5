"""Databases full of finished work, made by the database itself: a million rows in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text

from shared.db import Database

# what the two databases write differently: a padded number, and a moment some time in the past years
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        "padded": "printf('%012d', i)",
        "at": "strftime('%Y-%m-%d %H:%M:%f000', '2019-01-01', '+' || (i * 60) || ' seconds')",
        "empty": "x''",
    },
    "postgresql": {
        "padded": "lpad(i::text, 12, '0')",
        "at": "timestamptz '2019-01-01' + i * interval '60 seconds'",
        "empty": "''::bytea",
    },
}
_UUID: Final = "'00000000-0000-4000-8000-' || {padded}"
_COUNT: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) INSERT INTO "

SENDER: Final = (
    "report (report_id, consultation_id, version, state, content_sha256, due_at, created_at, changed_at, message_id,"
    " bundle_id, bundle_identifier, local_id, mesh_message_id, sent_at, infrastructure_due_at, business_due_at,"
    " infrastructure_code, business_code, attempts, claims)"
    " SELECT {uuid}, {uuid}, 1, 'delivered', 'x', {at}, {at}, {at}, {uuid},"
    " {uuid}, {uuid}, {uuid} || '.1', 'M' || {padded}, {at}, {at}, {at}, '20013', '30001', 0, 2 FROM n",
    "submission (report, number, local_id, mesh_message_id, asked_at, asked_by, sent_at)"
    " SELECT i, 1, {uuid} || '.1', 'M' || {padded}, {at}, 'x', {at} FROM n",
    "inbox (mesh_message_id, received_at, message_type, workflow_id, body, processed_at, report, attempts)"
    " SELECT 'R' || {padded}, {at}, 'DATA', 'W', {empty}, {at}, i, 0 FROM n",
    "timeline (report, at, event, from_state, to_state, by) SELECT i, {at}, 'taken', 'queued', 'sent', 'x' FROM n",
    "consultation (consultation_id) SELECT {uuid} FROM n",
    "outbox (consultation_id, pending) SELECT {uuid}, false FROM n",
    "alert (alert_id, kind, subject_id, opened_at, closed_at, text, action)"
    " SELECT {uuid}, 'late', {uuid}, {at}, {at}, 'x', 'x' FROM n",
)
RECEIVER: Final = (
    "message (mesh_message_id, message_type, workflow_id, sender_mailbox, received_at, changed_at, truncated,"
    " left_in_mesh, state, message_id, sender_reference, infrastructure_code, business_code, attempts)"
    " SELECT 'M' || {padded}, 'DATA', 'W', 'A', {at}, {at}, false, false, 'filed', {uuid}, {uuid}, '20013', '30001', 0"
    " FROM n",
    "processed_id (kind, value, sender_mailbox, mesh_message_id, processed_at)"
    " SELECT 'message', {uuid}, 'A', 'M' || {padded}, {at} FROM n",
    "document_id (value, sender_mailbox, mesh_message_id, kind) SELECT {uuid}, 'A', 'M' || {padded}, 'bundle' FROM n",
    "response (response_id, mesh_message_id, level, code, to_mailbox, workflow_id, local_id, subject, body, queued_at,"
    " sent_at, sent_message_id, attempts)"
    " SELECT {uuid}, 'M' || {padded}, 'infrastructure', '20013', 'A', 'W', {uuid} || '.1', 'x', {empty}, {at}, {at},"
    " 'S' || {padded}, 0 FROM n",
    "task (task_id, mesh_message_id, state, subject, sender_ods_code, consultation_id, version, authored_on,"
    " nhs_number, received_at, completed_at, confidential)"
    " SELECT {uuid}, 'M' || {padded}, 'completed', 'x', 'A81001', {uuid}, 1, {at}, '9690937278', {at}, {at}, false"
    " FROM n",
    "blob (sha256, data) SELECT {uuid}, {empty} FROM n",
    "task_document (task_id, position, description, content_type, size, sha256)"
    " SELECT {uuid}, 1, 'x', 'application/pdf', 0, {uuid} FROM n",
    "timeline (mesh_message_id, at, event, from_state, to_state, by)"
    " SELECT 'M' || {padded}, {at}, 'matched', 'valid', 'filed', 'x' FROM n",
    "alert (alert_id, kind, subject_id, opened_at, closed_at, text, action)"
    " SELECT {uuid}, 'late', {uuid}, {at}, {at}, 'x', 'x' FROM n",
)


def fill(database: Database, tables: tuple[str, ...], rows: int) -> None:
    """Put ``rows`` finished rows into each of ``tables``, and let the database learn of it."""
    words = dict(_WORDS[database.engine.dialect.name])
    words["uuid"] = _UUID.format(**words)
    with database.engine.begin() as connection:
        for table in tables:
            connection.execute(text(_COUNT + table.format(**words)), {"rows": rows})
    with database.engine.execution_options(isolation_level="AUTOCOMMIT", reading=True).connect() as connection:
        connection.execute(text("ANALYZE"))

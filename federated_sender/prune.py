"""The prune job: what was kept for ``RETENTION`` goes, in small batches; the timeline, ids and codes stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from federated_sender import events
from federated_sender.outbox_tables import Blob, OutboxRow
from federated_sender.states import FINAL, State
from federated_sender.tables import Alert, InboxMessage, Report, ReportAttachment, ReportBody, ReportSource
from shared.clock import Clock
from shared.db import Database, after_commit
from shared.log import emit
from shared.setting_types import Period

_BATCH = 50


@dataclass(frozen=True)
class Prune:
    """The job; ``retention`` counts from the final state (decision 42)."""

    database: Database
    clock: Clock
    retention: Period

    def step(self) -> int:
        """Prune up to fifty reports, and as many responses and documents; return how many were pruned."""
        now = self.clock()
        try:
            before = now - self.retention
        except (OverflowError, ValueError):
            # before there were dates: everything is kept
            return 0
        with self.database.transaction() as session:
            done = {
                "reports": _prune_reports(session, now, before),
                "responses": _prune_responses(session, before),
                "documents": _drop_documents(session),
            }
            if any(done.values()):
                after_commit(session, lambda: emit(events.BODIES_PRUNED, **done))
        return sum(done.values())


def _prune_reports(session: Session, now: datetime, before: datetime) -> int:
    query = select(Report).where(_finished(before)).order_by(Report.changed_at).limit(_BATCH)
    reports = session.scalars(query.with_for_update(skip_locked=True)).all()
    keys = [report.id for report in reports]
    if not keys:
        return 0
    for table in (ReportBody, ReportSource, ReportAttachment):
        session.execute(delete(table).where(table.report.in_(keys)))
    for report in reports:
        report.pruned_at = now
        # Mex-To and the subject name the patient
        report.content = report.mex_to = report.mex_subject = None
    session.flush()
    _drop_rows(session, {report.consultation_id for report in reports})
    return len(keys)


def _finished(before: datetime) -> ColumnElement[bool]:
    """Say which reports came to their end before then, and nobody has to look at any more."""
    later = aliased(Report)
    # decision 24: nobody waits for a version once a later one is delivered
    overtaken = exists().where(
        later.consultation_id == Report.consultation_id,
        later.version > Report.version,
        later.state == State.DELIVERED,
        later.changed_at <= before,
    )
    watched = exists().where(
        or_(Alert.subject_id == Report.report_id, Alert.subject_id == Report.consultation_id),
        Alert.closed_at.is_(None),
    )
    return and_(
        Report.pruned_at.is_(None),
        Report.changed_at <= before,
        or_(Report.state.in_(FINAL), and_(Report.state.in_((State.SENT, State.ACCEPTED)), overtaken)),
        ~watched,
    )


def _drop_documents(session: Session) -> int:
    """Delete bytes of attachments that no version refers to any more."""
    referred = exists().where(ReportAttachment.sha256 == Blob.sha256)
    query = select(Blob.sha256).where(~referred).limit(_BATCH).with_for_update(skip_locked=True)
    # locked first, then looked at again: a version that was made meanwhile may refer to them
    unused = delete(Blob).where(Blob.sha256.in_(session.scalars(query).all()), ~referred).returning(Blob.sha256)
    return len(session.scalars(unused).all())


def _drop_rows(session: Session, identifiers: set[str]) -> None:
    """Delete the rows that ``enqueue`` wrote once nothing is kept of them; other rows are the clinical system's."""
    kept = exists().where(Report.consultation_id == OutboxRow.consultation_id, Report.pruned_at.is_(None))
    done = and_(OutboxRow.consultation_id.in_(identifiers), OutboxRow.enqueued, OutboxRow.pending.is_(False), ~kept)
    rows: Sequence[OutboxRow] = session.scalars(select(OutboxRow).where(done).with_for_update()).all()
    for row in rows:
        session.delete(row)


def _prune_responses(session: Session, before: datetime) -> int:
    """Empty what was collected about reports that are pruned, and about nothing of ours."""
    pruned = exists().where(Report.id == InboxMessage.report, Report.pruned_at.is_not(None))
    watched = exists().where(Alert.subject_id == InboxMessage.mesh_message_id, Alert.closed_at.is_(None))
    done = and_(
        InboxMessage.processed_at <= before,
        InboxMessage.body != b"",
        or_(InboxMessage.report.is_(None), pruned),
        ~watched,
    )
    query = select(InboxMessage.mesh_message_id).where(done).order_by(InboxMessage.processed_at).limit(_BATCH)
    keys = session.scalars(query.with_for_update(skip_locked=True)).all()
    if keys:
        emptied = update(InboxMessage).where(InboxMessage.mesh_message_id.in_(keys)).values(body=b"")
        session.execute(emptied.execution_options(synchronize_session=False))
    return len(keys)

"""Takes rows of the outbox into account: each becomes, or changes, the unsent version of its consultation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from federated_sender import deletion, ledger, outbox, routing, versions
from federated_sender.attachments import ReadFile
from federated_sender.drafts import Drafts, Outcome
from federated_sender.outbox import Judged
from federated_sender.outbox_tables import OutboxRow
from federated_sender.states import State
from federated_sender.tables import ConsultationRecord, Report
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.errors import Fault, InvalidConsultation
from shared.log import describe

CLOCKS_MAY_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Intake:
    """Reads rows and keeps them as reports; ``delay`` is ``SEND_DELAY`` (GPCM-SD-096, 100).

    ``practice_required`` says that a row must name the registered practice (``PDS_MODE=outbox``).
    """

    database: Database
    clock: Clock
    ods_code: str
    delay: timedelta
    read: ReadFile
    practice_required: bool = True

    @property
    def drafts(self) -> Drafts:
        """What keeps consultations as reports."""
        return Drafts(self.ods_code, self.delay)

    def step(self) -> int:
        """Take one written row into account; return 0 when there is none.

        A row that cannot be taken for an unforeseen reason becomes invalid: the others must not wait behind it.
        """
        key = None
        try:
            with self.database.transaction() as session:
                key = outbox.next_pending(session)
                if key is None:  # an empty key is one, too
                    key = self._to_look_at_again(session)
                if key is None:
                    return 0
                self._take_row(session, key)
                outbox.settle(session, key)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            if key is None:
                raise
            fault = Fault("consultation", f"cannot be read: {describe(error)}")
            with self.database.transaction() as session:
                identifier = outbox.identifier(key)
                self.drafts.refuse(session, identifier, identifier, (fault,), self.clock())
                outbox.settle(session, key)
        return 1

    def judge(self, row: OutboxRow, written: str, *, practice_required: bool) -> Judged:
        """Return a row as a consultation that may be sent; raise InvalidConsultation with every fault."""
        content, faults = outbox.row_content(row)
        # the clock of the machine that wrote the row may be a little ahead of ours
        latest = self.clock() + CLOCKS_MAY_DIFFER
        return outbox.judge(
            content,
            self.read,
            latest,
            written=written,
            digest_required=True,
            practice_required=practice_required,
            faults=faults,
        )

    def must_name_practice(self, row: OutboxRow, record: ConsultationRecord) -> bool:
        """Say whether a row must name the registered practice: not when a person named it for this patient."""
        return self.practice_required and not routing.is_named(record, routing.number_in_row(row))

    def take(self, session: Session, judged: Judged, now: datetime, by: str) -> Outcome:
        """Keep a good consultation as the unsent version of its report; see :meth:`Drafts.take`."""
        return self.drafts.take(session, judged, now, by)

    def _take_row(self, session: Session, key: str) -> None:
        now, identifier = self.clock(), outbox.identifier(key)
        row = session.get_one(OutboxRow, key)
        record = versions.lock(session, identifier)
        if row.deleted:
            deletion.notice(session, record, row, now)
            return
        written = outbox.as_written(row)
        try:
            judged = self.judge(row, written, practice_required=self.must_name_practice(row, record))
        except InvalidConsultation as error:
            self.drafts.refuse(session, identifier, written, error.faults, now)
        else:
            # not before it can be sent: until then the registered practice must still be told
            restored = deletion.restore(session, record, now, ledger.DAEMON)
            self.drafts.take(session, judged, now, ledger.DAEMON, reissued="deleted no more" if restored else None)

    def _to_look_at_again(self, session: Session) -> str | None:
        """Return the key of a row that was invalid for its files a while ago: they may be right now."""
        due = (Report.state == State.INVALID) & (Report.next_attempt_at <= self.clock())
        query = select(Report).where(due, Report.version.is_(None)).order_by(Report.next_attempt_at).limit(1)
        report = session.scalars(query).one_or_none()
        if report is None:
            return None
        row = outbox.find(session, report.consultation_id)
        if row is None:
            report.next_attempt_at = None
        return None if row is None else row.consultation_id

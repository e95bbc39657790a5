"""Takes rows of the outbox into account: each becomes, or changes, the unsent version of its consultation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federated_sender import events, ledger, outbox
from federated_sender.attachments import ReadFile
from federated_sender.consultation import canonical_json, content_sha256
from federated_sender.outbox import Judged
from federated_sender.states import Event, State
from federated_sender.tables import OutboxRow, Report
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database, after_commit
from shared.errors import Fault, InvalidConsultation
from shared.itk3.identity import report_id
from shared.log import describe, emit

CLOCKS_MAY_DIFFER = timedelta(minutes=5)
CORRECT_THE_ROW = "Correct the consultation in the clinical system; the row is picked up again by itself."


class Outcome(Enum):
    """What a row meant (decision 22)."""

    NEW = "a report will be sent"
    UPDATED = "the update will be sent"
    UNCHANGED = "nothing changed"
    OLDER = "updated_at: is older than what is known of this consultation"


@dataclass(frozen=True)
class Intake:
    """Reads rows and keeps them as reports; ``delay`` is ``SEND_DELAY`` (GPCM-SD-096, 100)."""

    database: Database
    clock: Clock
    ods_code: str
    delay: timedelta
    read: ReadFile

    def step(self) -> int:
        """Take one written row into account; return 0 when there is none.

        A row that cannot be taken for an unforeseen reason becomes invalid: the others must not wait behind it.
        """
        key = None
        try:
            with self.database.transaction() as session:
                key = outbox.next_pending(session)
                if key is None:
                    return 0
                self._take_row(session, key)
                outbox.settle(session, key)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            if key is None:
                raise
            with self.database.transaction() as session:
                self._refuse(session, key, key, (Fault("consultation", f"cannot be read: {describe(error)}"),))
                outbox.settle(session, key)
        return 1

    def _take_row(self, session: Session, key: str) -> None:
        content, faults = outbox.row_content(session.get_one(OutboxRow, key))
        # the clock of the machine that wrote the row may be a little ahead of ours
        latest = self.clock() + CLOCKS_MAY_DIFFER
        try:
            judged = outbox.judge(content, self.read, latest, digest_required=True, faults=faults, at="")
        except InvalidConsultation as error:
            text = json.dumps(content, default=lambda value: hashlib.sha256(value).hexdigest(), sort_keys=True)
            self._refuse(session, key, text, error.faults)
        else:
            self.take(session, judged, self.clock(), by=ledger.DAEMON)

    def take(self, session: Session, judged: Judged, now: datetime, by: str) -> Outcome:
        """Keep a good consultation as the unsent version of its report; restart the delay (GPCM-SD-097, 099)."""
        consultation = judged.consultation
        identifier, canonical = str(consultation.consultation_id), canonical_json(consultation)
        digest, updated_at = content_sha256(canonical), consultation.updated_at
        unsent, latest = _unsent(session, identifier), _latest(session, identifier)
        was_invalid = unsent is not None and unsent.state == State.INVALID
        known = latest if was_invalid else unsent or latest
        if known is not None and known.content_sha256 == digest:
            if unsent is not None and was_invalid:
                self._revert(session, unsent, now, by)
            return Outcome.UNCHANGED
        if _is_older(updated_at, unsent) or _is_older(updated_at, latest):
            self._note_older(session, identifier, now)
            return Outcome.OLDER
        outbox.keep_blobs(session, judged.blobs)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.WAITING)
        self._close_alerts(session, report, now, by)
        self._name(report, latest, identifier, digest)
        report.content, report.consultation_updated_at = canonical, updated_at
        report.due_at, report.generated_at, report.reason = updated_at + self.delay, None, None
        report.recipient_ods_code = consultation.patient.registered_practice_ods_code
        report.unsent_alerted_at = None
        report.release()
        if unsent is None:
            ledger.begin(session, report, Event.UPDATED, now, by)
        else:
            ledger.advance(session, report, Event.UPDATED, now, by=by)
        return Outcome.NEW if latest is None and unsent is None else Outcome.UPDATED

    def _revert(self, session: Session, report: Report, now: datetime, by: str) -> None:
        self._close_alerts(session, report, now, by)
        report.reason = "unchanged"
        ledger.advance(session, report, Event.REVERTED, now, by=by)

    def _refuse(self, session: Session, key: str, text: str, faults: tuple[Fault, ...]) -> None:
        """Keep that a row cannot be sent as it is; ``text`` is what its id is derived from."""
        now, identifier = self.clock(), _canonical(key)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        unsent, latest = _unsent(session, identifier), _latest(session, identifier)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.INVALID)
        self._close_alerts(session, report, now, ledger.DAEMON)
        self._name(report, latest, identifier, digest)
        report.content, report.due_at, report.generated_at = None, None, None
        report.reason = "; ".join(str(fault) for fault in faults)
        report.release()
        if unsent is None:
            ledger.begin(session, report, Event.FOUND_INVALID, now, ledger.DAEMON)
        else:
            ledger.advance(session, report, Event.FOUND_INVALID, now)
        open_invalid(session, report, len(faults), now)

    def _close_alerts(self, session: Session, report: Report, now: datetime, by: str) -> None:
        # the report is named after its content, and so is the subject of its alerts
        if report.report_id is not None:
            reason = "the consultation was changed"
            ledger.ALERTS.close(session, subject_id=report.report_id, kind=None, now=now, by=by, reason=reason)

    def _name(self, report: Report, latest: Report | None, identifier: str, digest: str) -> None:
        # the number is only given when the bytes are stored; the id looks ahead so that people can name the record
        version = 1 if latest is None else (latest.version or 0) + 1
        report.report_id = report_id(self.ods_code, identifier, version, digest)
        report.content_sha256 = digest

    def _note_older(self, session: Session, identifier: str, now: datetime) -> None:
        ledger.ALERTS.open(
            session,
            kind="older_update",
            subject_id=identifier,
            now=now,
            code=None,
            # only a good consultation comes here, and its id is a UUID
            text=f"The outbox row of consultation {identifier} went back to an earlier updated_at and was left out.",
            action="Ask the clinical system's supplier; enqueue the consultation again with a later updated_at.",
        )
        after_commit(session, lambda: emit(events.OUTBOX_REFUSED, consultation_id=identifier, rule=Outcome.OLDER.value))


def open_invalid(session: Session, report: Report, faults: int, now: datetime) -> None:
    """Open the alert that a consultation cannot be sent, and log how much is wrong with it."""
    ledger.ALERTS.open(
        session,
        kind="invalid",
        subject_id=report.report_id,
        now=now,
        code=None,
        # the reason names keys that the row itself chose, so it stays out of the log
        text=f"A consultation cannot be sent: {faults} faults, which `show {report.report_id}` names.",
        action=CORRECT_THE_ROW,
    )
    line = ledger.ids(report) | {"faults": faults}
    after_commit(session, lambda: emit(events.REPORT_INVALID, **line))


def _canonical(key: str) -> str:
    """Return the id as the message will carry it; what is no UUID stays as it is."""
    try:
        return str(UUID(key))
    except ValueError:
        return key


def _unsent(session: Session, identifier: str) -> Report | None:
    query = select(Report).where(Report.consultation_id == identifier, Report.version.is_(None))
    return session.scalars(query.with_for_update()).one_or_none()


def _latest(session: Session, identifier: str) -> Report | None:
    newest = select(func.max(Report.version)).where(Report.consultation_id == identifier).scalar_subquery()
    query = select(Report).where(Report.consultation_id == identifier, Report.version == newest)
    return session.scalars(query).one_or_none()


def _is_older(updated_at: datetime, report: Report | None) -> bool:
    known = report.consultation_updated_at if report is not None else None
    return known is not None and updated_at < known

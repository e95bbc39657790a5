"""Takes rows of the outbox into account: each becomes, or changes, the unsent version of its consultation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federated_sender import events, ledger, outbox
from federated_sender.attachments import ReadFile
from federated_sender.consultation import canonical_json, content_sha256
from federated_sender.outbox import Judged
from federated_sender.states import Event, State
from federated_sender.tables import Report
from shared.clock import Clock
from shared.db import Database, after_commit
from shared.errors import Fault, InvalidConsultation
from shared.itk3.identity import report_id
from shared.log import emit

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
        """Take one written row into account; return 0 when there is none."""
        with self.database.transaction() as session:
            row = outbox.next_pending(session)
            if row is None:
                return 0
            row.pending = False
            now = self.clock()
            content, faults = outbox.row_content(row)
            try:
                judged = outbox.judge(content, self.read, now, digest_required=True, faults=faults, at="")
            except InvalidConsultation as error:
                self._refuse(session, row.consultation_id, content, error.faults, now)
            else:
                self.take(session, judged, now, by=ledger.DAEMON)
            return 1

    def take(self, session: Session, judged: Judged, now: datetime, by: str) -> Outcome:
        """Keep a good consultation as the unsent version of its report; restart the delay (GPCM-SD-097, 099)."""
        consultation = judged.consultation
        identifier, canonical = str(consultation.consultation_id), canonical_json(consultation)
        digest, updated_at = content_sha256(canonical), consultation.updated_at
        unsent, latest = _unsent(session, identifier), _latest(session, identifier)
        known = unsent if unsent is not None and unsent.state != State.INVALID else latest
        if known is not None and known.content_sha256 == digest:
            return Outcome.UNCHANGED
        if _is_older(updated_at, unsent) or _is_older(updated_at, latest):
            self._note_older(session, identifier, now)
            return Outcome.OLDER
        outbox.keep_blobs(session, judged.blobs)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.WAITING)
        self._name(report, latest, identifier, digest)
        report.content, report.consultation_updated_at = canonical, updated_at
        report.due_at, report.generated_at, report.reason = updated_at + self.delay, None, None
        report.recipient_ods_code = consultation.patient.registered_practice_ods_code
        report.release()
        if unsent is None:
            ledger.begin(session, report, Event.UPDATED, now, by)
        else:
            ledger.advance(session, report, Event.UPDATED, now, by=by)
        ledger.ALERTS.close(
            session, subject_id=identifier, kind="invalid", now=now, by=by, reason="the consultation was corrected"
        )
        return Outcome.NEW if latest is None and unsent is None else Outcome.UPDATED

    def _refuse(
        self, session: Session, identifier: str, content: dict[str, Any], faults: tuple[Fault, ...], now: datetime
    ) -> None:
        text = json.dumps(content, default=lambda value: hashlib.sha256(value).hexdigest(), sort_keys=True)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        unsent, latest = _unsent(session, identifier), _latest(session, identifier)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.INVALID)
        self._name(report, latest, identifier, digest)
        report.content, report.due_at, report.generated_at = None, None, None
        report.reason = "; ".join(str(fault) for fault in faults)
        if unsent is None:
            ledger.begin(session, report, Event.FOUND_INVALID, now, ledger.DAEMON)
        else:
            ledger.advance(session, report, Event.FOUND_INVALID, now)
        open_invalid(session, report, len(faults), now)

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
            text=f"The outbox row of consultation {identifier} went back to an earlier updated_at and was left out.",
            action="Ask the clinical system's supplier; enqueue the consultation again with a later updated_at.",
        )
        after_commit(session, lambda: emit(events.OUTBOX_REFUSED, consultation_id=identifier, rule=Outcome.OLDER.value))


def open_invalid(session: Session, report: Report, faults: int, now: datetime) -> None:
    """Open the alert that a consultation cannot be sent, and log how much is wrong with it."""
    ledger.ALERTS.open(
        session,
        kind="invalid",
        subject_id=report.consultation_id,
        now=now,
        code=None,
        # the reason names keys that the row itself chose, so it stays out of the log
        text=f"Consultation {report.consultation_id} cannot be sent: {faults} faults, which `show` names.",
        action=CORRECT_THE_ROW,
    )
    line = ledger.ids(report) | {"faults": faults}
    after_commit(session, lambda: emit(events.REPORT_INVALID, **line))


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

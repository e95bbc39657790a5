"""The unsent version of a consultation: made, changed, refused. Its number and bytes come later (decision 22)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy.orm import Session

from federated_sender import events, ledger, outbox, routing, versions
from federated_sender.consultation import IN_THE_FUTURE, canonical_json, content_sha256
from federated_sender.eligibility import Reason
from federated_sender.outbox import Judged
from federated_sender.sources import keep_source
from federated_sender.states import Event, State
from federated_sender.tables import Report
from shared.db import after_commit
from shared.errors import Fault
from shared.itk3.identity import report_id
from shared.log import emit

CORRECT_THE_ROW = "Correct the consultation in the clinical system; the row is picked up again by itself."
# a missing file may come, a clock may be set right, and nothing in the database changes then
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
_ABOUT_A_FILE = re.compile(r"(^|[ .])attachments\[\d+\]\.(path|sha256)$")


class Outcome(Enum):
    """What a row meant (decision 22)."""

    NEW = "a report will be sent"
    UPDATED = "the update will be sent"
    UNCHANGED = "nothing changed"
    OLDER = "updated_at: is older than what is known of this consultation"
    DELETED = "consultation_id: was deleted; `reissue` takes that back"


@dataclass(frozen=True, slots=True)
class Drafts:
    """Keeps consultations as reports of the practice ``ods_code``; ``delay`` is ``SEND_DELAY`` (GPCM-SD-096, 100)."""

    ods_code: str
    delay: timedelta

    def take(self, session: Session, judged: Judged, now: datetime, by: str, reissued: str | None = None) -> Outcome:
        """Keep a good consultation as the unsent version of its report; restart the delay (GPCM-SD-097, 099).

        ``reissued`` is why a version must come although the content is the same.
        """
        consultation = judged.consultation
        identifier, updated_at = str(consultation.consultation_id), consultation.updated_at
        record = versions.lock(session, identifier)
        if record.deleted_at is not None:
            return Outcome.DELETED
        canonical = canonical_json(consultation)
        digest = content_sha256(canonical)
        unsent, newest = versions.unsent(session, identifier), versions.newest(session, identifier)
        known = newest if unsent is None or _is_set_aside(unsent) else unsent
        if reissued is None and known is not None and known.content_sha256 == digest and not _came_to_nothing(known):
            if unsent is not None and known is newest:
                self._revert(session, unsent, now, by)
            return Outcome.UNCHANGED
        if _is_older(updated_at, unsent) or _is_older(updated_at, newest):
            _note_older(session, identifier, now)
            return Outcome.OLDER
        outbox.keep_blobs(session, judged.blobs)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.WAITING)
        _close_alerts(session, report, now, by)
        self._name(report, newest, identifier, digest)
        report.content, report.consultation_updated_at = canonical, updated_at
        # a row that is written late is due from now on
        report.due_at, report.generated_at, report.reason = max(updated_at + self.delay, now), None, None
        row_says = consultation.patient.registered_practice_ods_code
        report.recipient_ods_code = routing.in_force(record, row_says, consultation.patient.nhs_number) or row_says
        report.unsent_alerted_at = report.parked_at = report.pruned_at = None
        report.release()
        _record(session, report, Event.UPDATED if reissued is None else Event.REISSUED, now, by, reissued)
        keep_source(session, report, judged.written, judged.blobs, replaces=unsent is not None)
        return Outcome.NEW if newest is None and unsent is None else Outcome.UPDATED

    def refuse(self, session: Session, identifier: str, written: str, faults: tuple[Fault, ...], now: datetime) -> None:
        """Keep that a row cannot be sent as it is; ``written`` is what its id is derived from."""
        digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
        reason = "; ".join(str(fault) for fault in faults)
        may_pass = any(_may_pass_by_itself(fault) for fault in faults)
        versions.lock(session, identifier)
        unsent, newest = versions.unsent(session, identifier), versions.newest(session, identifier)
        report = unsent or Report(consultation_id=identifier, created_at=now, changed_at=now, state=State.INVALID)
        report.release()
        report.parked_at = report.pruned_at = None
        report.next_attempt_at = now + _LOOK_AGAIN_AFTER if may_pass else None
        if unsent is not None and (unsent.state, unsent.content_sha256, unsent.reason) == (
            State.INVALID,
            digest,
            reason,
        ):
            return
        _close_alerts(session, report, now, ledger.DAEMON)
        self._name(report, newest, identifier, digest)
        report.content, report.due_at, report.generated_at = None, None, None
        report.reason = reason
        _record(session, report, Event.FOUND_INVALID, now, ledger.DAEMON, None)
        keep_source(session, report, written, (), replaces=unsent is not None)
        open_invalid(session, report, len(faults), now)

    def _revert(self, session: Session, report: Report, now: datetime, by: str) -> None:
        if report.reason == Reason.UNCHANGED:
            return
        _close_alerts(session, report, now, by)
        # what was taken back is not kept: nothing may ever send it
        report.content = report.due_at = report.generated_at = None
        report.reason = Reason.UNCHANGED
        report.release()
        ledger.advance(session, report, Event.REVERTED, now, by=by)

    def _name(self, report: Report, newest: Report | None, identifier: str, digest: str) -> None:
        # the number is only given when the bytes are stored; the id looks ahead so that people can name the record
        version = 1 if newest is None else (newest.version or 0) + 1
        report.report_id = report_id(self.ods_code, identifier, version, digest)
        report.content_sha256 = digest


def open_invalid(session: Session, report: Report, faults: int, now: datetime) -> None:
    """Open the alert that a consultation cannot be sent, and log how much is wrong with it."""
    ledger.ALERTS.open(
        session,
        kind="invalid",
        subject_id=report.report_id,
        now=now,
        code=None,
        # the reason names keys that the row itself chose, so it stays out of the log
        text=f"A consultation cannot be sent: `show {report.report_id}` names what is wrong with it ({faults}).",
        action=CORRECT_THE_ROW,
    )
    line = ledger.ids(report) | {"faults": faults}
    after_commit(session, lambda: emit(events.REPORT_INVALID, **line))


def _record(session: Session, report: Report, event: Event, now: datetime, by: str, detail: str | None) -> None:
    if report in session:
        ledger.advance(session, report, event, now, by=by, detail=detail)
    else:
        ledger.begin(session, report, event, now, by, detail=detail)


def _close_alerts(session: Session, report: Report, now: datetime, by: str) -> None:
    # the report is named after its content, and so is the subject of its alerts
    if report.report_id is not None:
        reason = "the consultation was changed"
        ledger.ALERTS.close(session, subject_id=report.report_id, kind=None, now=now, by=by, reason=reason)


def _may_pass_by_itself(fault: Fault) -> bool:
    """Say whether a row may be right later although nobody changes it."""
    return bool(_ABOUT_A_FILE.search(fault.where)) or fault.rule == IN_THE_FUTURE


def _came_to_nothing(report: Report) -> bool:
    """Say whether nothing of a version went or can go out: it was withdrawn, or pruned before it was built."""
    was_pruned = report.version is None and report.pruned_at is not None
    return was_pruned or versions.was_withdrawn(report)


def _is_set_aside(unsent: Report) -> bool:
    """Say whether nothing will come of the unsent version as it is: then what was sent is what counts."""
    return unsent.state == State.INVALID or unsent.reason in (Reason.UNCHANGED, Reason.DELETED)


def _is_older(updated_at: datetime, report: Report | None) -> bool:
    known = report.consultation_updated_at if report is not None else None
    return known is not None and updated_at < known


def _note_older(session: Session, identifier: str, now: datetime) -> None:
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

"""The clinical system deleted a consultation: what waits is not sent, who has a report must be told.

GP Connect Messaging 1.3.0 asks for the warning; 1.2.0 is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from federated_sender import ledger, outbox, versions
from federated_sender.eligibility import Reason
from federated_sender.outbox_tables import OutboxRow
from federated_sender.states import Event, State
from federated_sender.tables import ConsultationRecord, Report
from shared.errors import CommandFailed

KIND = "deleted_after_sending"
UPDATED = "updated_after_deletion"
_WITHDRAWN = "withdrawn unless MESH has it, and this alert closes then"


def delete(session: Session, identifier: str, now: datetime, by: str) -> list[Report]:
    """Note that a consultation was deleted; return the versions that were stored, which go or went out, newest first.

    Doing it again changes nothing. Raises CommandFailed when nothing is known of the consultation.
    """
    row = outbox.find(session, identifier)
    record = versions.lock(session, versions.canonical(identifier.strip()))
    if row is not None:
        row.deleted, row.pending = True, False
    stored = _delete(session, record, now, by)
    known = (
        stored or versions.unsent(session, record.consultation_id) or versions.newest(session, record.consultation_id)
    )
    if row is None and not known:
        raise CommandFailed(f"there is no consultation {identifier}")
    return stored


def notice(session: Session, record: ConsultationRecord, row: OutboxRow, now: datetime) -> None:
    """Take a row into account that the clinical system marked as deleted."""
    before = record.deleted_at
    _delete(session, record, now, ledger.DAEMON)
    if before is not None and _time(row.updated_at) > before:
        _tell_of_update(session, record, now)


def restore(session: Session, record: ConsultationRecord, now: datetime, by: str) -> bool:
    """Take a deletion back, because the consultation is there again; say whether there was one."""
    if record.deleted_at is None:
        return False
    record.deleted_at = record.deleted_by = None
    for kind in (KIND, UPDATED):
        ledger.ALERTS.close(
            session,
            subject_id=record.consultation_id,
            kind=kind,
            now=now,
            by=by,
            reason="the consultation is not deleted any more: its next version goes out",
        )
    return True


def nothing_went_out(session: Session, identifier: str, now: datetime) -> None:
    """Close the alert of a deletion when the last version that might have gone out was withdrawn."""
    if not versions.goes_out(session, identifier):
        reason = "the report was withdrawn before MESH had it"
        ledger.ALERTS.close(session, subject_id=identifier, kind=KIND, now=now, by=ledger.DAEMON, reason=reason)


def _delete(session: Session, record: ConsultationRecord, now: datetime, by: str) -> list[Report]:
    identifier = record.consultation_id
    # in this order: what is stored meanwhile is seen by the second look
    unsent, stored = versions.unsent(session, identifier), versions.stored(session, identifier)
    if unsent is not None and unsent.reason != Reason.DELETED:
        _withdraw(session, unsent, now, by)
    if record.deleted_at is not None:
        return stored
    record.deleted_at, record.deleted_by = now, by
    for report in stored:
        ledger.advance(session, report, Event.DELETED, now, by=by)
    if stored:
        _tell(session, identifier, stored, now)
    return stored


def _withdraw(session: Session, report: Report, now: datetime, by: str) -> None:
    report.reason, report.parked_at = Reason.DELETED, None
    report.release()
    ledger.advance(session, report, Event.WITHDRAWN, now, by=by)
    reason = "the consultation was deleted"
    ledger.ALERTS.close(session, subject_id=report.report_id, kind=None, now=now, by=by, reason=reason)


def _tell(session: Session, identifier: str, stored: Sequence[Report], now: datetime) -> None:
    reports = "; ".join(
        f"report {report.report_id}, version {report.version}, to practice {report.recipient_ods_code},"
        f" {_WITHDRAWN if report.state == State.QUEUED else report.state}"
        for report in stored
    )
    # one for the consultation, not for a report: nothing that happens to the report afterwards may close it
    ledger.ALERTS.open(
        session,
        kind=KIND,
        subject_id=identifier,
        now=now,
        code=None,
        text=f"A consultation was deleted after its report was made: {reports}.",
        action=(
            "Telephone the registered practice: it has a report of a consultation that was deleted."
            f" `delete {identifier}` says about whom. Then close this alert. Who usually acts: the sending practice's"
            " staff."
        ),
    )


def _tell_of_update(session: Session, record: ConsultationRecord, now: datetime) -> None:
    ledger.ALERTS.open(
        session,
        kind=UPDATED,
        subject_id=record.consultation_id,
        now=now,
        code=None,
        text=f"Consultation {record.consultation_id} was changed after it had been deleted; the change is not sent.",
        action=(
            "Ask the clinician. If it was not meant to be deleted, set `deleted` back to false in the outbox, or run"
            f" `reissue {record.consultation_id}`; else close this alert. Who usually acts: the sending practice's"
            " staff."
        ),
    )


def _time(text: str | None) -> datetime:
    """Return a row's time; what cannot be read is no update."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else datetime.min.replace(tzinfo=UTC)

"""Which report is worked on next, and what its steps change: every query and write of the send job."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from federated_sender import drafts, events, ledger, submissions
from federated_sender.alert_text import alert_text
from federated_sender.message import BuiltMessage, Version
from federated_sender.responses import AlertNeed, Ruling
from federated_sender.states import Event, State
from federated_sender.tables import ConsultationRecord, Report, ReportBody
from shared.db import after_commit
from shared.errors import Fault, MeshError, MeshForbidden, MeshUnreachable, PdsRecordUnreadable
from shared.log import Event as LogEvent
from shared.log import describe, emit
from shared.mesh.answers import FORBIDDEN
from shared.mesh.messages import OutgoingMessage
from shared.setting_types import Period

# longer than rendering, or the handshake, the look-up and the POST with all their timeouts (decision 41)
LEASE = timedelta(minutes=15)
# a record that fails for unforeseen reasons is set aside after so many tries
MOST_ATTEMPTS = 10
# a patient's record on PDS that cannot be read is for a person before the report counts as late
MOST_QUESTIONS = 5
# an outage must not make a report late long after it is over
_ASK_AGAIN_WITHIN = timedelta(minutes=5)
_PDS_MAY_BE_BACK_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed report. ``message`` is None until the version is built; ``look_first`` says it may be in MESH.

    ``content`` is the consultation as canonical JSON, ``routed_to`` the registered practice that a person named;
    ``claim`` is the number of the claim, which proves that it is still ours.
    """

    report: int
    report_id: str
    number: int
    generated_at: datetime
    content: str = field(repr=False)
    message: OutgoingMessage | None = field(repr=False)
    look_first: bool
    routed_to: str | None
    claim: int


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long to wait for the two responses, from the moment MESH took the report (GPCM-SD-095)."""

    infrastructure: Period
    business: Period


def claim(session: Session, now: datetime, workflow_id: str) -> Work | None:
    """Claim the report to work on, or None: what did not fail, what is built, what has been due longest."""
    earlier = aliased(Report)
    # decision 22: one version of a consultation is in flight to MESH at a time, stored ones first
    waits_behind = exists().where(
        earlier.consultation_id == Report.consultation_id,
        earlier.version.is_not(None),
        earlier.state == State.QUEUED,
        earlier.id != Report.id,
    )
    due = and_(Report.state.in_((State.WAITING, State.QUEUED)), Report.due_at <= now, Report.claimable(now))
    query = select(Report).where(due, ~waits_behind)
    # what failed before stands behind what did not, so that it stops nobody; what is built goes while PDS is away
    failed, unbuilt = Report.next_attempt_at.is_not(None), Report.version.is_(None)
    query = query.order_by(failed, unbuilt, Report.next_attempt_at, Report.due_at, Report.id)
    report = session.scalars(query.limit(1).with_for_update(skip_locked=True)).one_or_none()
    if report is None:
        return None
    if report.state == State.WAITING:
        ledger.advance(session, report, Event.DUE, now)
    report.generated_at = report.generated_at or now.replace(microsecond=0)
    report.lease(now, LEASE)
    report.claims += 1
    return _work(session, report, workflow_id)


def _work(session: Session, report: Report, workflow_id: str) -> Work:
    message = None
    body = session.get(ReportBody, report.id)
    if body is not None:
        message = OutgoingMessage(
            report.mex_to or "", workflow_id, report.local_id or "", report.mex_subject or "", body.message
        )
    newest = select(func.max(Report.version)).where(Report.consultation_id == report.consultation_id)
    routed = select(ConsultationRecord.routed_to).where(ConsultationRecord.consultation_id == report.consultation_id)
    return Work(
        report.id,
        report.report_id,
        report.version or (session.scalar(newest) or 0) + 1,
        report.generated_at or report.changed_at,
        report.content or "",
        message,
        report.post_began_at is not None,
        None if body is not None else session.scalar(routed),
        report.claims,
    )


def drop(
    session: Session, work: Work, event: Event, reason: str, now: datetime, *, registered_at: str | None = None
) -> bool:
    """Let ``event`` end the work on a version that was not built; say False when an update came between.

    ``registered_at`` is the registered practice as far as it is known.
    """
    report = _unbuilt(session, work)
    if report is None:
        return False
    report.reason = reason
    report.recipient_ods_code = registered_at or report.recipient_ods_code
    ledger.advance(session, report, event, now)
    report.release()
    close_alert(session, report, "not_sent", now, "the report is not to be sent")
    return True


def invalidate(session: Session, work: Work, faults: tuple[Fault, ...], now: datetime) -> None:
    """Keep why the consultation cannot be sent, and open the alert."""
    if drop(session, work, Event.FOUND_INVALID, "; ".join(str(fault) for fault in faults), now):
        report = session.get_one(Report, work.report)
        drafts.open_invalid(session, report, len(faults), now)


def hold(session: Session, work: Work, reason: str, need: AlertNeed, now: datetime) -> None:
    """Keep that nothing is sent before a person acted (decision 39), and open the alert."""
    if drop(session, work, Event.FOUND_INVALID, reason, now):
        report = session.get_one(Report, work.report)
        # the row's word does not count: PDS wins
        report.recipient_ods_code = None
        open_alert(session, report, need, None, now)
        fields = ledger.ids(report) | {"faults": 1}
        after_commit(session, lambda: emit(events.REPORT_INVALID, **fields))


def note(session: Session, work: Work, need: AlertNeed, now: datetime) -> None:
    """Open an alert about a report that is sent all the same."""
    report = _unbuilt(session, work)
    if report is not None:
        open_alert(session, report, need, None, now)


def put_off(session: Session, work: Work, now: datetime) -> None:
    """Give a report back whose registered practice PDS did not say; the outage has a line of its own.

    It is no attempt that counts: however long PDS is away, no report is set aside for that.
    """
    report = _unbuilt(session, work)
    if report is not None:
        # nothing was rendered: the report shall not say that it was sent when PDS was away
        report.generated_at = report.lease_until = None
        report.next_attempt_at = now + _PDS_MAY_BE_BACK_AFTER


def ask_again(session: Session, work: Work, error: PdsRecordUnreadable, now: datetime) -> None:
    """Give a report back whose patient's record on PDS cannot be read, and set it aside after five times."""
    report = _unbuilt(session, work)
    if report is None:
        return
    report.generated_at = None
    need = AlertNeed(
        "parked",
        f"PDS's record of the patient cannot be read: {error}. PDS was asked {MOST_QUESTIONS} times; the report was"
        " set aside.",
        "Find out where the patient is registered; `route CONSULTATION_ID --practice ODS --reason TEXT` names the"
        f" practice. Or have PDS corrected; then `retry {report.report_id}` takes the report back.",
    )
    _fail(session, report, error, MOST_QUESTIONS, need, now)


def store(session: Session, work: Work, version: Version, built: BuiltMessage, now: datetime) -> None:
    """Store a version's bytes, ids and number, unless an update came between: then it is built anew."""
    report = _unbuilt(session, work)
    if report is None:
        return
    report.local_id = submissions.add(session, report, now, ledger.DAEMON, None).local_id
    report.version = version.number
    report.recipient_ods_code = version.recipient.ods_code
    report.message_id = built.ids.message_header
    report.bundle_id, report.bundle_identifier = built.ids.bundle, built.ids.bundle_identifier
    report.mex_to, report.mex_subject = built.mex_to, built.mex_subject
    session.add(ReportBody(report=report.id, message=built.body))
    report.release()
    ledger.advance(session, report, Event.BUILT, now)


def begin_post(session: Session, work: Work, now: datetime) -> bool:
    """Note that MESH may have the message from now on, whatever becomes of this process (decision 13).

    Say False, and note nothing, when the claim was lost to another process meanwhile.
    """
    report = _ours(session, work)
    if report is None:
        return False
    report.post_began_at = report.post_began_at or now
    return True


def taken(session: Session, work: Work, mesh_message_id: str | None, now: datetime, clocks: Clocks) -> None:
    """Keep that MESH has the message; both response clocks run from now (decision 24).

    ``mesh_message_id`` is None when MESH took it several times and names none.
    """
    report = session.get_one(Report, work.report, with_for_update=True)
    if report.state != State.QUEUED or work.message is None or report.local_id != work.message.local_id:
        # the claim outlived its lease and another process was faster; the message is the same
        return
    report.mesh_message_id, report.sent_at = mesh_message_id, now
    submissions.taken(session, report, mesh_message_id, now)
    report.infrastructure_due_at = now + clocks.infrastructure
    report.business_due_at = now + clocks.business
    report.release()
    ledger.advance(session, report, Event.TAKEN, now)
    close_alert(session, report, "not_sent", now, "the report was sent")


def refuse(session: Session, work: Work, ruling: Ruling, mesh_message_id: str | None, now: datetime) -> None:
    """Keep that MESH refused the message for good, and open the alert."""
    report = _ours(session, work)
    if report is None:
        return
    report.reason, report.mesh_message_id = ruling.reason, mesh_message_id
    submissions.taken(session, report, mesh_message_id, None)
    report.release()
    ledger.advance(session, report, ruling.event, now, code=ruling.reason)
    close_alert(session, report, "not_sent", now, "MESH refused the report")
    if ruling.alert is not None:
        open_alert(session, report, ruling.alert, ruling.reason, now)


def postpone(session: Session, work: Work, error: MeshError, now: datetime, line: LogEvent) -> None:
    """Give the report back to be tried again later; nothing of it is lost. ``line`` says why in the log.

    When MESH was not reached at all the report stays due: it goes out as soon as that is over. When MESH refuses this
    report's POST it waits for minutes at most, and the others have their turn: it may be the only one. Anything else
    backs off.
    """
    report = _ours(session, work)
    if report is None:
        return
    not_reached = isinstance(error, MeshUnreachable)
    if not_reached and not work.look_first:
        report.post_began_at = None
    # the outage has its own line; one for each report and round would drown it
    if not_reached:
        report.lease_until = None
        return
    if isinstance(error, MeshForbidden) and error.http_status in FORBIDDEN:
        report.back_off(now, at_most=_ASK_AGAIN_WITHIN)
        return
    report.back_off(now)
    fields = ledger.ids(report) | {"error": str(error), "attempts": report.attempts}
    fields["next_attempt_at"] = report.next_attempt_at and report.next_attempt_at.isoformat()
    after_commit(session, lambda: emit(line, **fields))


def stumble(session: Session, work: Work, error: Exception, now: datetime) -> None:
    """Give the report back after an unforeseen error, and set it aside after too many of them (decision 41)."""
    report = _ours(session, work)
    if report is None:
        return
    need = AlertNeed(
        "parked",
        f"The report failed {report.attempts + 1} times and was set aside: {describe(error)}.",
        f"Mend the cause, then run `retry {report.report_id}`.",
    )
    _fail(session, report, error, MOST_ATTEMPTS, need, now)


def _fail(session: Session, report: Report, error: Exception, most: int, need: AlertNeed, now: datetime) -> None:
    """Let a report back off, or set it aside with an alert when it failed ``most`` times."""
    report.back_off(now)
    fields = ledger.ids(report) | {"error": describe(error), "attempts": report.attempts}
    if report.attempts < most:
        fields["next_attempt_at"] = report.next_attempt_at and report.next_attempt_at.isoformat()
        after_commit(session, lambda: emit(events.SEND_POSTPONED, **fields))
        return
    report.parked_at = now
    # it does not go out by itself any more, whatever the other alert says; should it be late again, that is news
    report.unsent_alerted_at = None
    close_alert(session, report, "not_sent", now, "the report was set aside; another alert says why")
    open_alert(session, report, need, None, now)
    after_commit(session, lambda: emit(events.WORK_PARKED, **fields))


def close_alert(session: Session, report: Report, kind: str | None, now: datetime, reason: str) -> None:
    """Close what is open about a report, of one ``kind`` or of all."""
    ledger.ALERTS.close(session, subject_id=report.report_id, kind=kind, now=now, by=ledger.DAEMON, reason=reason)


def open_alert(session: Session, report: Report, need: AlertNeed, code: str | None, now: datetime) -> None:
    """Open an alert about a report."""
    ledger.ALERTS.open(
        session,
        kind=need.kind,
        subject_id=report.report_id,
        now=now,
        code=code,
        text=alert_text(report, need),
        action=need.action,
    )


def _ours(session: Session, work: Work) -> Report | None:
    """Return the claimed report, locked; None when an update, a person or another claim came between."""
    report = session.get_one(Report, work.report, with_for_update=True)
    return report if report.state == State.QUEUED and report.claims == work.claim else None


def _unbuilt(session: Session, work: Work) -> Report | None:
    report = _ours(session, work)
    return report if report is not None and report.version is None else None

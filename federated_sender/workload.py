"""Which report is worked on next, and what its steps change: every query and write of the send job."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from federated_sender import drafts, events, ledger, routing, submissions
from federated_sender.alert_text import alert_text
from federated_sender.eligibility import WITHHELD, Reason
from federated_sender.message import BuiltMessage, Version
from federated_sender.responses import AlertNeed, Ruling
from federated_sender.states import Event, State
from federated_sender.tables import Report, ReportBody
from shared.db import after_commit, is_one_of
from shared.errors import Fault
from shared.itk3.systems import DOCUMENT_WORKFLOW, FEDERATED_WORKFLOW
from shared.log import emit
from shared.mesh.delivery import Delivery
from shared.mesh.messages import OutgoingMessage
from shared.setting_types import Period

BY_HAND: Final = frozenset({"sent_after_all", "not_resent"})
"""Alerts that only a person closes: whatever becomes of the report, somebody must telephone."""

# longer than rendering, or the handshake, the look-up and the POST with all their timeouts (decision 41)
LEASE = timedelta(minutes=15)

_UNSENT: Final = is_one_of(Report.state, State.WAITING, State.QUEUED)
_EARLIER: Final = aliased(Report)
# decision 22: one version of a consultation is in flight to MESH at a time, stored ones first
_WAITS_BEHIND: Final = exists().where(
    _EARLIER.consultation_id == Report.consultation_id,
    _EARLIER.version.is_not(None),
    _EARLIER.state == State.QUEUED,
    # an older one may be sent again while the next is built: only the newer waits, or neither would ever go
    or_(Report.version.is_(None), _EARLIER.version < Report.version),
)


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed report. ``message`` is None until the version is built; ``look_first`` says it may be in MESH.

    ``content`` is the consultation as canonical JSON, ``routed_to`` the registered practice that a person named;
    ``claim`` is the number of the claim, which proves that it is still ours; nobody else claims it before
    ``lease_until``.
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
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long to wait for the two responses, from the moment MESH took the report (GPCM-SD-095)."""

    infrastructure: Period
    business: Period

    def start(self, report: Report, now: datetime) -> None:
        """Let both run from ``now``."""
        report.infrastructure_due_at, report.business_due_at = now + self.infrastructure, now + self.business


def claim(session: Session, now: datetime, workflow_id: str, began_at: datetime | None = None) -> Work | None:
    """Claim the report to work on, or None: what did not fail, what is built, what has been due longest.

    ``began_at`` is when this process began: whatever is older may be in MESH without our knowing.
    """
    report = _next(session, now)
    if report is None:
        return None
    if report.state == State.WAITING:
        ledger.advance(session, report, Event.DUE, now)
    report.generated_at = report.generated_at or now.replace(microsecond=0)
    report.lease(now, LEASE)
    report.claims += 1
    return _work(session, report, workflow_id, began_at)


def _next(session: Session, now: datetime) -> Report | None:
    """Return the report whose turn it is, locked. Each question has an index of its own, whatever else is due."""
    due = and_(_UNSENT, Report.due_at <= now, Report.claimable(now), ~_WAITS_BEHIND)
    # what failed before stands behind what did not, so that it stops nobody; what is built goes while PDS is away
    for failed in (False, True):
        for built in (True, False):
            query = select(Report).where(
                due,
                Report.next_attempt_at.is_not(None) if failed else Report.next_attempt_at.is_(None),
                Report.version.is_not(None) if built else Report.version.is_(None),
            )
            query = query.order_by(Report.next_attempt_at if failed else Report.due_at, Report.id).limit(1)
            report = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
            if report is not None:
                return report
    return None


def _work(session: Session, report: Report, workflow_id: str, began_at: datetime | None) -> Work:
    message = None
    body = None if report.version is None else session.get(ReportBody, report.id)
    if body is not None:
        message = OutgoingMessage(
            report.mex_to or "",
            # what was built for one workflow is never sent in another
            report.workflow_id or _workflow_of_old(workflow_id),
            report.local_id or "",
            report.mex_subject or "",
            body.message,
        )
    newest = select(func.max(Report.version)).where(Report.consultation_id == report.consultation_id)
    return Work(
        report.id,
        report.report_id,
        report.version or (session.scalar(newest) or 0) + 1,
        report.generated_at or report.changed_at,
        report.content or "",
        message,
        report.post_began_at is not None or _may_be_forgotten(session, report, began_at),
        None if body is not None else routing.named_for(session, report),
        report.claims,
        report.lease_until or report.changed_at,
    )


def _workflow_of_old(workflow_id: str) -> str:
    """Return the workflow of what was built before it was kept with the version: a Task, never a document."""
    return FEDERATED_WORKFLOW if workflow_id == DOCUMENT_WORKFLOW else workflow_id


def replaced_by(session: Session, work: Work, recipient_ods_code: str) -> str | None:
    """Return the report id of the newest version that this practice has or will get.

    What failed, or was withdrawn, is not there.
    """
    claimed = select(Report.consultation_id).where(Report.id == work.report).scalar_subquery()
    stored = select(Report.report_id).where(
        Report.consultation_id == claimed,
        Report.version.is_not(None),
        Report.state.not_in((State.FAILED, State.NOT_REQUIRED)),
        Report.recipient_ods_code == recipient_ods_code,
    )
    return session.scalar(stored.order_by(Report.version.desc()).limit(1))


def _may_be_forgotten(session: Session, report: Report, began_at: datetime | None) -> bool:
    """Say whether a database that was lost since may have sent the version before this process began (decision 32).

    A restore needs a restart, and nothing says afterwards that there was one: so every start counts as one.
    """
    written = report.consultation_updated_at
    if began_at is None or report.local_id is None or (written is not None and written >= began_at):
        return False
    last = submissions.latest(session, report)
    # what a person asks for now is another send, not the one that was forgotten
    return last is not None and (last.number == 1 or last.asked_at < began_at)


def drop(
    session: Session, work: Work, event: Event, reason: str, now: datetime, *, registered_at: str | None = None
) -> bool:
    """Let ``event`` end the work on a version that was not built; say False when an update came between.

    ``registered_at`` is the registered practice as far as it is known.
    """
    report = unbuilt(session, work)
    if report is None:
        return False
    report.reason = reason
    report.recipient_ods_code = registered_at or report.recipient_ods_code
    ledger.advance(session, report, event, now)
    report.release()
    close_alert(session, report, "not_sent", now, "the report is not to be sent")
    if reason == Reason.CONFIDENTIAL:
        open_alert(session, report, WITHHELD, None, now)
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
    report = unbuilt(session, work)
    if report is not None:
        open_alert(session, report, need, None, now)


def store(session: Session, work: Work, version: Version, built: BuiltMessage, now: datetime) -> None:
    """Store a version's bytes, ids and number, unless an update came between: then it is built anew."""
    report = unbuilt(session, work)
    if report is None:
        return
    report.local_id = submissions.add(session, report, now, ledger.DAEMON, None).local_id
    report.version = version.number
    report.recipient_ods_code = version.recipient.ods_code
    report.message_id = built.ids.message_header
    report.bundle_id, report.bundle_identifier = built.ids.bundle, built.ids.bundle_identifier
    report.mex_to, report.mex_subject, report.workflow_id = built.mex_to, built.mex_subject, built.workflow_id
    session.add(ReportBody(report=report.id, message=built.body))
    report.release()
    ledger.advance(session, report, Event.BUILT, now)


def begin_post(report: Report, now: datetime) -> None:
    """Note that MESH may have the message from now on, whatever becomes of this process (decision 13)."""
    report.post_began_at = report.post_began_at or now


def taken(session: Session, report: Report, delivery: Delivery, now: datetime, clocks: Clocks) -> None:
    """Keep that MESH has the message of a locked report; both response clocks run from now (decision 24)."""
    submissions.taken(session, report, delivery.message_id, now)
    report.mesh_message_id, report.sent_at = delivery.message_id, now
    clocks.start(report, now)
    report.release()
    known = "MESH knew it by its local id: an earlier attempt had reached it" if delivery.adopted else None
    ledger.advance(session, report, Event.TAKEN, now, detail=known)
    close_alert(session, report, "not_sent", now, "the report was sent")


def refuse(session: Session, work: Work, ruling: Ruling, mesh_message_id: str | None, now: datetime) -> None:
    """Keep that MESH refused the message for good, and open the alert."""
    report = ours(session, work)
    if report is None:
        return
    report.reason, report.mesh_message_id = ruling.reason, mesh_message_id
    submissions.taken(session, report, mesh_message_id, None)
    report.release()
    ledger.advance(session, report, ruling.event, now, code=ruling.reason)
    close_alert(session, report, "not_sent", now, "MESH refused the report")
    if ruling.alert is not None:
        open_alert(session, report, ruling.alert, ruling.reason, now)


def close_alert(session: Session, report: Report, kind: str | None, now: datetime, reason: str) -> None:
    """Close what is open about a report, of one ``kind`` or of all that do not wait for a person."""
    ledger.ALERTS.close(
        session,
        subject_id=report.report_id,
        kind=kind,
        now=now,
        by=ledger.DAEMON,
        reason=reason,
        except_kinds=BY_HAND if kind is None else (),
    )


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


def ours(session: Session, work: Work) -> Report | None:
    """Return the claimed report, locked; None when an update, a person or another claim came between."""
    report = session.get_one(Report, work.report, with_for_update=True)
    return report if report.state == State.QUEUED and report.claims == work.claim else None


def unbuilt(session: Session, work: Work) -> Report | None:
    """Return the claimed report, locked, unless its version is built already; None as for :func:`ours`."""
    report = ours(session, work)
    return report if report is not None and report.version is None else None

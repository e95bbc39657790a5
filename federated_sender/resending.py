"""A person wants a report sent again: the same bytes (``resend``), or the next version (``reissue``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federated_sender import deletion, ledger, outbox, records, submissions, versions, withdrawal
from federated_sender.drafts import Outcome
from federated_sender.eligibility import Reason
from federated_sender.intake import Intake
from federated_sender.responses import is_positive
from federated_sender.states import TRANSITIONS, Event, State
from federated_sender.tables import Report, Timeline
from federated_sender.workload import BY_HAND
from shared.errors import CommandFailed

TWICE_WITHIN = timedelta(hours=24)
_SINCE: Final = {
    Reason.CONFIDENTIAL: "the consultation became confidential",
    Reason.OTHER_PATIENT: "the consultation is about another patient",
}


class DoneLately(CommandFailed):
    """It was done within :data:`TWICE_WITHIN` already, as ``what`` says; ``again`` does it all the same."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; --again does it once more all the same")
        self.what = what


def resend(session: Session, identifier: str, reason: str, now: datetime, by: str, *, again: bool) -> Report:
    """Let the same bytes with the same ids go to MESH once more (decisions 12 and 32); return the report.

    What was answered well stays answered; both response clocks start again when MESH takes it. Raises
    CommandFailed when it cannot be sent again, DoneLately when it was a short while ago and ``again`` is not given.
    """
    found = records.find(session, identifier)
    record = versions.lock(session, found.consultation_id)
    report = session.get_one(Report, found.id, with_for_update=True, populate_existing=True)
    if record.deleted_at is not None:
        raise CommandFailed(f"consultation {report.consultation_id} was deleted: nothing more of it is sent")
    _require_sendable(session, report)
    last = submissions.latest(session, report)
    if last is not None and last.number > 1 and now - last.asked_at < TWICE_WITHIN and not again:
        raise DoneLately(f"{identifier} was sent again at {last.asked_at:%Y-%m-%d %H:%M} UTC already")
    report.local_id = submissions.add(session, report, now, by, reason).local_id
    report.mesh_message_id = report.sent_at = report.post_began_at = None
    report.infrastructure_due_at = report.business_due_at = None
    report.unsent_alerted_at = report.infrastructure_alerted_at = report.business_alerted_at = None
    report.infrastructure_code = _kept(report.infrastructure_code)
    report.business_code = _kept(report.business_code)
    report.reason, report.due_at = None, now
    report.release()
    ledger.advance(session, report, Event.RESENT, now, by=by, detail=reason)
    why = f"sent again: {reason}"
    ledger.ALERTS.close(
        session, subject_id=report.report_id, kind=None, now=now, by=by, reason=why, except_kinds=BY_HAND
    )
    return report


def _kept(code: str | None) -> str | None:
    """Return a response that the next send cannot take back, None for one that it may change."""
    return code if is_positive(code) else None


def _require_sendable(session: Session, report: Report) -> None:
    state = State(report.state)
    if versions.was_withdrawn(report):
        raise CommandFailed(_withdrawn(report))
    if Event.RESENT not in TRANSITIONS[state]:
        waits = state in (State.WAITING, State.QUEUED)
        why = "it goes out by itself" if waits else "only what is sent, accepted or failed can be sent again"
        raise CommandFailed(f"{report.report_id} is {state}: {why}")
    newest = versions.newest(session, report.consultation_id)
    if newest is not None and newest.id != report.id and versions.was_withdrawn(newest):
        raise CommandFailed(f"{_withdrawn(newest)}; it was to take the place of {report.report_id}")
    if newest is not None and newest.id != report.id:
        raise CommandFailed(f"version {newest.version} has taken its place: resend {newest.report_id} instead")
    if report.pruned_at is not None:
        raise CommandFailed(f"the bytes of {report.report_id} were pruned; `reissue` makes the next version")
    since = withdrawal.reason(session, report)
    if since is not None:
        raise CommandFailed(f"{_SINCE[since]} after {report.report_id}: it is not sent any more")


def _withdrawn(report: Report) -> str:
    return (
        f"version {report.version}, {report.report_id}, was withdrawn before MESH had it ({report.reason});"
        " `reissue` makes the next version"
    )


def reissue(session: Session, intake: Intake, identifier: str, reason: str, by: str, *, again: bool) -> Report:
    """Make the next version from the present row of the outbox, although its content is the same; return it.

    A deletion is taken back by it. Raises CommandFailed when a version waits already or when there is no row,
    DoneLately when it was done a short while ago and ``again`` is not given, InvalidConsultation when the row cannot
    be sent.
    """
    now, row = intake.clock(), outbox.find(session, identifier)
    record = versions.lock(session, versions.canonical(identifier.strip()))
    if row is None:
        raise CommandFailed(f"the outbox has no row of consultation {identifier}")
    _require_nothing_unsent(session, record.consultation_id)
    if not again:
        _require_not_just_reissued(session, record.consultation_id, now)
    deletion.restore(session, record, now, by)
    row.deleted, row.pending = False, False
    judged = intake.judge(row, outbox.as_written(row), practice_required=intake.must_name_practice(row, record))
    outcome = intake.drafts.take(session, judged, now, by, reissued=reason)
    report = versions.unsent(session, record.consultation_id)
    if report is None or outcome is Outcome.OLDER:
        raise CommandFailed(f"the row of consultation {identifier} is older than what was sent")
    return report


def _require_nothing_unsent(session: Session, identifier: str) -> None:
    unsent, newest = versions.unsent(session, identifier), versions.newest(session, identifier)
    for report in (unsent, newest):
        if report is not None and report.state in (State.WAITING, State.QUEUED):
            raise CommandFailed(f"a version of consultation {identifier} is {report.state}: it goes out by itself")


def _require_not_just_reissued(session: Session, identifier: str, now: datetime) -> None:
    last = (
        select(func.max(Timeline.at))
        .join(Report, Report.id == Timeline.report)
        .where(Report.consultation_id == identifier, Timeline.event == Event.REISSUED)
    )
    at = session.scalar(last)
    if at is not None and now - at < TWICE_WITHIN:
        raise DoneLately(f"consultation {identifier} was reissued at {at:%Y-%m-%d %H:%M} UTC already")

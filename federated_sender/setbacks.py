"""Giving a claimed report back that did not get on: when it is tried again, and when it is set aside."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from federated_sender import events, ledger
from federated_sender.responses import AlertNeed
from federated_sender.tables import Report
from federated_sender.workload import Work, close_alert, open_alert, ours, unbuilt
from shared.db import after_commit
from shared.errors import MeshError, MeshForbidden, MeshUnreachable, PdsRecordUnreadable
from shared.log import Event as LogEvent
from shared.log import describe, emit
from shared.mesh.answers import FORBIDDEN

# a record that fails for unforeseen reasons is set aside after so many tries
MOST_ATTEMPTS = 10
# a patient's record on PDS that cannot be read is for a person before the report counts as late
MOST_QUESTIONS = 5
# an outage must not make a report late long after it is over
_ASK_AGAIN_WITHIN = timedelta(minutes=5)
_PDS_MAY_BE_BACK_AFTER = timedelta(minutes=1)
_INTAKE_TAKES = timedelta(seconds=5)


def put_off(session: Session, work: Work, now: datetime) -> None:
    """Give a report back whose registered practice PDS did not say; the outage has a line of its own.

    It is no attempt that counts: however long PDS is away, no report is set aside for that.
    """
    report = unbuilt(session, work)
    if report is not None:
        # nothing was rendered: the report shall not say that it was sent when PDS was away
        report.generated_at = report.lease_until = None
        report.next_attempt_at = now + _PDS_MAY_BE_BACK_AFTER


def ask_again(session: Session, work: Work, error: PdsRecordUnreadable, now: datetime) -> None:
    """Give a report back whose patient's record on PDS cannot be read, and set it aside after five times."""
    report = unbuilt(session, work)
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


def postpone(session: Session, work: Work, error: MeshError, now: datetime, line: LogEvent) -> None:
    """Give the report back to be tried again later; nothing of it is lost. ``line`` says why in the log.

    When MESH was not reached at all the report stays due: it goes out as soon as that is over. When MESH refuses this
    report's POST it waits for minutes at most, and the others have their turn: it may be the only one. Anything else
    backs off.
    """
    report = ours(session, work)
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
    report.back_off(now, wish=error.retry_after)
    fields = ledger.ids(report) | {"error": str(error), "attempts": report.attempts}
    fields["next_attempt_at"] = report.next_attempt_at and report.next_attempt_at.isoformat()
    after_commit(session, lambda: emit(line, **fields))


def look_again(session: Session, work: Work, now: datetime) -> None:
    """Give the report back that is on its way to MESH: it is asked again soon whether MESH took it."""
    report = ours(session, work)
    if report is not None:
        report.look_again(now, report.post_began_at or now)


def wait_for_intake(report: Report, now: datetime) -> None:
    """Give a locked report back whose row was written meanwhile: intake takes every row into account soon."""
    report.lease_until, report.next_attempt_at = None, now + _INTAKE_TAKES


def stumble(session: Session, work: Work, error: Exception, now: datetime) -> None:
    """Give the report back after an unforeseen error, and set it aside after too many of them (decision 41)."""
    report = ours(session, work)
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

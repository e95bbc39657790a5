"""Acts on the look-up of a report's patient: task, state and business response in one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from registered_receiver import ledger, patients, replacements, replies, response_queue, reviews, subjects, worklist
from registered_receiver.matching import UNKNOWN, Decision, Found, Match, NearMiss, match, reason, settle
from registered_receiver.practice import Practice, local_date
from registered_receiver.replies import Request
from registered_receiver.states import MessageEvent
from registered_receiver.tables import Message
from shared.itk3.model import ReceivedReport


def request_of(message: Message) -> Request:
    """Return what a response to ``message`` refers to."""
    return Request(message.mesh_message_id, message.message_id, message.sender_reference)


def look_up(session: Session, report: ReceivedReport, practice: Practice, now: datetime) -> Match:
    """Return which of the practice's patients a report is about, earlier decisions of people included."""
    facts = reviews.facts_of(report)
    today = local_date(now)
    earlier = reviews.decided_before(session, report)
    decision = None
    if earlier is not None:
        chosen = patients.find(session, earlier.nhs_number) if earlier.nhs_number else None
        # whoever was chosen and is gone from the index since is asked about again
        if chosen is not None or not earlier.nhs_number:
            decision = Decision(chosen, earlier.review_id)
    found = match(facts, patients.candidates(session, facts), today)
    return settle(facts, found, decision, today, review=practice.match_review)


def act_on(
    session: Session,
    message: Message,
    report: ReceivedReport,
    found: Match,
    practice: Practice,
    now: datetime,
    *,
    by: str = ledger.DAEMON,
) -> None:
    """File the report, put it up for review, or leave it unmatched; queue the business response where there is one."""
    message.confidential = subjects.is_confidential(message.subject, report.confidential)
    if isinstance(found, NearMiss):
        review = reviews.put_up(session, message, report, found.candidates, now)
        detail = f"review {review.review_id}; {reason(found)}"
        ledger.advance(session, message, MessageEvent.NEARLY_MATCHED, now, by=by, detail=detail)
        replacements.settle(session, message, report.replaces, now)
        return
    # nothing that is looked for here waits to be written: all of it is written at once in the end
    with session.no_autoflush:
        _file_and_answer(session, message, report, found, practice, now, by)
    replacements.settle(session, message, report.replaces, now)


def _file_and_answer(
    session: Session,
    message: Message,
    report: ReceivedReport,
    found: Match,
    practice: Practice,
    now: datetime,
    by: str,
) -> None:
    code = found.code if isinstance(found, Found) else UNKNOWN
    filed = isinstance(found, Found) and code in replies.FILED_CODES
    event = MessageEvent.MATCHED if filed else MessageEvent.NOT_MATCHED
    ledger.advance(session, message, event, now, by=by, code=code, detail=reason(found))
    if isinstance(found, Found) and filed:
        task = worklist.file(session, message, report, found.patient.nhs_number, now)
        if practice.drops_tasks:
            worklist.queue_drop(session, task, now)
        for doubt in subjects.doubts(message.recipient, message.subject, report):
            ledger.note(session, message, "noted", now, detail=doubt)
    response = replies.business_response(request_of(message), code, practice.responder, now)
    response_queue.queue(session, message, response, now)

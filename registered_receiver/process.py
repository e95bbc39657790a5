"""The job that judges, matches and files what was collected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from registered_receiver import events, inbox, ledger, patients, replies, response_queue, subjects, versions
from registered_receiver.filing import act_on, look_up, request_of
from registered_receiver.inbox import Claimed
from registered_receiver.ledger import LeaseLost
from registered_receiver.matching import Found
from registered_receiver.practice import Practice
from registered_receiver.precedents import context_of, ids_of, learn
from registered_receiver.states import MessageEvent, MessageState
from registered_receiver.tables import Message
from registered_receiver.validation import Judgement, validate
from shared import large_blocks
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.itk3.model import ReceivedReport
from shared.itk3.parse import Reading, read
from shared.itk3.rules import read_report, states_confidence
from shared.log import describe
from shared.mesh.inbox import never


@dataclass(frozen=True)
class Process:
    """Works on one message after the other; what a crash breaks off, the next claim continues from the stored state.

    ``stopping`` is asked between two messages whether the others are to wait.
    """

    database: Database
    clock: Clock
    practice: Practice
    stopping: Callable[[], bool] = never

    def step(self) -> int:
        """Deal with the oldest messages that are due, a few at most; return how many were dealt with.

        A message that cannot be dealt with is postponed, in the end parked: the others go on.
        """
        claimed = inbox.claim(self.database, self.clock())
        for number, each in enumerate(claimed):
            if number and (self.stopping() or not each.may_begin(self.clock())):
                inbox.give_back(self.database, claimed[number:])
                return number
            try:
                self._deal_with(each)
            except Exception:
                # the others need not wait for the end of their lease when the fault is of this one alone
                with suppress(*DATABASE_AWAY):
                    inbox.give_back(self.database, claimed[number + 1 :])
                raise
        return len(claimed)

    def _deal_with(self, claimed: Claimed) -> None:
        with self.database.snapshot() as session:
            body = inbox.read_body(session, claimed.mesh_message_id)
        # when the lease was lost, whoever has the message now does it
        with suppress(LeaseLost):
            self._work_on_or_postpone(claimed, body)
        large_blocks.sweep(len(body))

    def _work_on_or_postpone(self, claimed: Claimed, body: bytes) -> None:
        try:
            self._work_on(claimed, body)
        except LeaseLost:
            raise
        except DATABASE_AWAY:
            if claimed.state != MessageState.RECEIVED or claimed.attempts:
                raise
            # when only the documents found no room, the verdict alone may; a database that is away fails once more
            self._work_on_or_postpone(replace(claimed, attempts=1), body)
        except IntegrityError as error:
            if claimed.attempts:
                self._postpone(claimed, error)
            else:
                # most likely the same ids were accepted elsewhere at the same moment: it is judged in the light of that
                self._work_on_or_postpone(replace(claimed, attempts=1), body)
        except Exception as error:  # noqa: BLE001 - one message must never stop the others
            self._postpone(claimed, error)

    def _work_on(self, claimed: Claimed, body: bytes) -> None:
        limit = self.practice.max_message_size
        if claimed.state == MessageState.VALID:
            # it was small enough when it was judged
            limit = max(limit, len(body))
        reading = read(body, limit, truncated=claimed.truncated)
        matches = claimed.state == MessageState.VALID or self._judge(claimed, reading)
        if matches and reading.envelope is not None:
            report = read_report(reading.envelope)
            with self.database.transaction() as session:
                self._match(session, self._reclaim(session, claimed, report), report)

    def _judge(self, claimed: Claimed, reading: Reading) -> bool:
        """Judge a message, queue its infrastructure response, and match one that is accepted: in one transaction.

        Returns whether it is still to be matched. It is when that failed before: whatever stands in the way of the
        patient, the sender hears that the report is here.
        """
        with self.database.snapshot() as session:
            mailbox, mesh_message_id = claimed.sender_mailbox, claimed.mesh_message_id
            context = context_of(session, reading, self.practice.ods_code, mailbox, mesh_message_id)
        judgement = validate(reading, context)
        accepted = judgement.event is MessageEvent.ACCEPTED
        report = read_report(reading.envelope) if accepted and reading.envelope and not claimed.attempts else None
        with self.database.transaction() as session:
            message = self._reclaim(session, claimed, report)
            inbox.note_identity(message, reading.message_id, reading.sender_reference)
            self._apply(session, message, reading, judgement)
            if accepted:
                inbox.mark_processed(session, message, ids_of(reading), self.clock())
            else:
                message.confidential = subjects.is_confidential(message.subject, states_confidence(reading.envelope))
                message.release()
            if report is not None:
                self._match(session, message, report)
        return accepted and report is None

    def _reclaim(self, session: Session, claimed: Claimed, report: ReceivedReport | None) -> Message:
        if report is not None:
            versions.lock(session, *versions.chain_of(report))
        return inbox.reclaim(session, claimed)

    def _apply(self, session: Session, message: Message, reading: Reading, judgement: Judgement) -> None:
        now, verdict = self.clock(), judgement.verdict
        if verdict is None:
            ledger.advance(session, message, judgement.event, now)
            return
        ledger.advance(session, message, judgement.event, now, code=verdict.code, detail=verdict.diagnostics)
        response = replies.infrastructure_response(request_of(message), verdict, self.practice.responder, now)
        response_queue.queue(session, message, response, now)
        learn(session, message, reading, verdict, now)

    def _match(self, session: Session, message: Message, report: ReceivedReport) -> None:
        """Look for the patient of an accepted message, and act on what is found."""
        now = self.clock()
        message.release()
        # nothing that is looked for waits to be written
        with session.no_autoflush:
            found = look_up(session, report, self.practice, now)
        act_on(session, message, report, found, self.practice, now)
        # whoever was found is in the index
        if not isinstance(found, Found) and patients.is_empty(session):
            patients.tell_of_empty_index(session, now)

    def _postpone(self, claimed: Claimed, error: Exception) -> None:
        text = describe(error)
        now = self.clock()
        with self.database.transaction() as session:
            message = inbox.reclaim(session, claimed)
            if not ledger.postpone(session, message, message, now, text):
                ledger.say(
                    session,
                    events.WORK_POSTPONED,
                    message,
                    error=text,
                    attempts=message.attempts,
                    next_attempt_at=str(message.next_attempt_at),
                )

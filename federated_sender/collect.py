"""Collects the responses and MESH reports that are the sender's, and applies each to the report it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from federated_sender import events, ledger, submissions, withdrawal
from federated_sender.correlation import earlier_send, find_report
from federated_sender.responses import (
    AlertNeed,
    Ruling,
    Standing,
    on_mesh_report,
    on_response,
    settles,
    well_formed,
)
from federated_sender.setbacks import MOST_ATTEMPTS
from federated_sender.states import Event, State
from federated_sender.tables import InboxMessage, Poller, Report
from federated_sender.workload import Clocks, close_alert, open_alert
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database, after_commit
from shared.errors import Fault, InvalidMessage
from shared.identifiers import OdsCode
from shared.inserts import insert_once
from shared.itk3.model import ReceivedResponse
from shared.itk3.responses import read_response
from shared.log import describe, emit
from shared.mesh.inbox import Collector
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import IncomingMessage, MessageHeaders, MessageType
from shared.mesh.ownership import Role, owns
from shared.turn import Turn
from shared.uncollected import Uncollected

# responses are small; what is larger is no response
_LARGEST_RESPONSE = 5_000_000
_LEASE = timedelta(minutes=5)


class Collect:
    """The job that empties the mailbox: stored first, acknowledged to MESH afterwards (decision 14).

    One process at a time looks into it (0021).
    """

    def __init__(
        self,
        database: Database,
        mesh: MeshMailbox,
        clock: Clock,
        workflows: Collection[str],
        stopping: Callable[[], bool],
    ) -> None:
        self._stopping = stopping
        self._database = database
        self._clock = clock
        self._turn = Turn(database, Poller, clock)
        self._workflows = workflows
        self._uncollected = Uncollected(database, ledger.ALERTS, clock, ledger.DAEMON, _is_stored)
        self._collector = Collector(
            mesh,
            owns=self._is_ours,
            keep=self._keep,
            left=self._leave,
            max_bytes=_LARGEST_RESPONSE,
            workflows=workflows,
        )

    def step(self) -> int:
        """Go through the mailbox once, unless another process does; return how many messages were stored."""
        if not self._turn.take():
            return 0
        try:
            collected = self._collector.collect(lambda: self._stopping() or self._turn.is_over())
        finally:
            self._turn.give_back()
        self._uncollected.note(collected)
        return collected.kept

    def _is_ours(self, headers: MessageHeaders) -> bool:
        linked = headers.message_type is MessageType.REPORT and self._sent_by_us(headers)
        return owns(Role.SENDER, headers, self._workflows, links_to_ours=linked)

    def _sent_by_us(self, headers: MessageHeaders) -> bool:
        with self._database.snapshot() as session:
            return submissions.named(session, headers.linked_message_id, headers.local_id) is not None

    def _keep(self, message: IncomingMessage) -> None:
        headers = message.headers
        try:
            new = self._store(message)
        except DATABASE_AWAY:
            raise
        except StatementError:
            # what the database will not take concerns this message alone
            raise InvalidMessage(Fault("MESH message", "has a header that cannot be stored")) from None
        if new:
            emit(
                events.INBOX_COLLECTED,
                mesh_message_id=headers.message_id,
                message_type=str(headers.message_type),
                linked_message_id=headers.linked_message_id,
            )

    def _store(self, message: IncomingMessage) -> bool:
        headers = message.headers
        with self._database.transaction() as session:
            return insert_once(
                session,
                InboxMessage,
                mesh_message_id=headers.message_id,
                received_at=self._clock(),
                message_type=str(headers.message_type),
                workflow_id=headers.workflow_id,
                sender_mailbox=headers.sender,
                local_id=headers.local_id,
                linked_message_id=headers.linked_message_id,
                status_code=headers.status_code,
                status_description=headers.status_description,
                body=message.body,
                attempts=0,
            )

    def _leave(self, headers: MessageHeaders) -> None:
        emit(
            events.INBOX_LEFT,
            mesh_message_id=headers.message_id,
            message_type=str(headers.message_type),
            workflow_id=headers.workflow_id,
        )


@dataclass(frozen=True)
class Follow:
    """The job that applies what was collected, oldest first.

    ``clocks`` are the responses' of what MESH turns out to have although it was withdrawn.
    """

    database: Database
    clock: Clock
    clocks: Clocks

    def step(self) -> int:
        """Apply one collected message; return 0 when there is none to apply now."""
        now = self.clock()
        with self.database.transaction() as session:
            waiting = InboxMessage.processed_at.is_(None) & InboxMessage.claimable(now)
            oldest = select(InboxMessage).where(waiting).order_by(InboxMessage.received_at).limit(1)
            message = session.scalars(oldest.with_for_update(skip_locked=True)).one_or_none()
            if message is None:
                return 0
            message.lease(now, _LEASE)
            key = message.mesh_message_id
        try:
            with self.database.transaction() as session:
                self._apply(session, session.get_one(InboxMessage, key, with_for_update=True))
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one odd response must not stop the others
            self._stumble(key, error)
        return 1

    def _stumble(self, key: str, error: Exception) -> None:
        now = self.clock()
        with self.database.transaction() as session:
            message = session.get_one(InboxMessage, key, with_for_update=True)
            message.back_off(now)
            if message.attempts >= MOST_ATTEMPTS:
                message.parked_at = now
                need = AlertNeed(
                    "parked",
                    f"What MESH message {key} says could not be applied: {describe(error)}.",
                    f"Mend the cause, then run `retry {key}`.",
                )
                _tell(session, key, need, None, self.clock)
        emit(events.INBOX_FAILED, mesh_message_id=key, error=describe(error))

    def _apply(self, session: Session, message: InboxMessage) -> None:
        now = self.clock()
        response = read_response(message.body) if message.message_type == MessageType.DATA else None
        code = well_formed(response.code if response is not None else message.status_code)
        report = find_report(session, message, response)
        if report is not None and report.state == State.QUEUED:
            # the answer proves that MESH took it; the send job finds that out, and then this is applied
            message.back_off(now)
            return
        message.processed_at = now
        message.release()
        if report is None:
            self._for_nobody(session, message, code)
            return
        message.report = report.id
        if report.state == State.NOT_REQUIRED and response is not None:
            at, proof = message.received_at, "it was answered"
            withdrawal.sent_after_all(session, report, None, at, self.clocks, proof, now)
        standing = Standing(State(report.state), report.infrastructure_code, report.business_code)
        if response is None:
            earlier = earlier_send(session, report, message)
            ruling = on_mesh_report(standing, code or "?", of_earlier_send=earlier is not None)
        else:
            earlier, ruling = None, on_response(standing, code)
        self._record(session, report, standing, ruling, code, message.mesh_message_id, earlier)
        if response is not None:
            self._check_responder(session, report, response)

    def _record(
        self,
        session: Session,
        report: Report,
        standing: Standing,
        ruling: Ruling,
        code: str | None,
        source: str,
        earlier: int | None,
    ) -> None:
        now = self.clock()
        report.infrastructure_code, report.business_code = ruling.infrastructure_code, ruling.business_code
        report.reason = None if ruling.event is Event.BOTH_POSITIVE else ruling.reason or report.reason
        about = "" if earlier is None else f", about send {earlier}; the report was sent again since"
        ledger.advance(session, report, ruling.event, now, code=code, detail=f"MESH message {source}{about}")
        line = ledger.ids(report) | {"response_mesh_message_id": source, "code": code}
        after_commit(session, lambda: emit(events.RESPONSE_READ, **line))
        if ruling.alert is not None:
            open_alert(session, report, ruling.alert, code, now)
        for kind, words in settles(standing, ruling):
            close_alert(session, report, kind, now, words)
        if ruling.event is Event.BOTH_POSITIVE:
            self._close_older(session, report)

    def _close_older(self, session: Session, report: Report) -> None:
        """Decision 24: once a version is delivered, nobody need wait for it or for those before it."""
        older = select(Report).where(
            Report.consultation_id == report.consultation_id, Report.version <= (report.version or 0)
        )
        for version in session.scalars(older):
            version.infrastructure_due_at = version.business_due_at = None
            close_alert(session, version, None, self.clock(), f"version {report.version} is delivered")

    def _check_responder(self, session: Session, report: Report, response: ReceivedResponse) -> None:
        expected = report.recipient_ods_code
        if response.sender_ods_code in (None, expected):
            return
        need = AlertNeed(
            "other_responder",
            f"The response came from {_practice(response.sender_ods_code)}, the report was for {expected}.",
            "Check with PDS where the patient is registered; the response was accepted.",
        )
        open_alert(session, report, need, response.code, self.clock())

    def _for_nobody(self, session: Session, message: InboxMessage, code: str | None) -> None:
        key = message.mesh_message_id
        need = AlertNeed(
            "response_for_nobody",
            f"MESH message {key} answers nothing that this sender knows of (code {code or 'none'}).",
            "Ask whoever sent it; if a database was restored, ask for the reports since the backup.",
        )
        _tell(session, key, need, code, self.clock)
        after_commit(session, lambda: emit(events.RESPONSE_FOR_NOBODY, mesh_message_id=key, code=code))


def _is_stored(session: Session, mesh_message_id: str) -> bool:
    return session.get(InboxMessage, mesh_message_id) is not None


def _practice(claimed: str) -> str:
    """Return an ODS code for people to read; whatever else the other side wrote there is not repeated."""
    with suppress(ValueError):
        code = OdsCode(claimed)
        # letters alone may be a surname, digits alone an NHS number
        if not code.isalpha() and not code.isdigit():
            return code
    return "a practice without a valid ODS code"


def _tell(session: Session, subject: str, need: AlertNeed, code: str | None, clock: Clock) -> None:
    ledger.ALERTS.open(
        session, kind=need.kind, subject_id=subject, now=clock(), code=code, text=need.text, action=need.action
    )

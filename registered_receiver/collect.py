"""The job that collects the mailbox: download, store durably, and only then tell MESH (decision 14)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from registered_receiver import inbox, ledger, response_queue
from registered_receiver.states import MessageEvent
from registered_receiver.tables import Message, Poller
from shared.clock import Clock
from shared.db import DATABASE_AWAY, Database
from shared.errors import Fault, InvalidMessage
from shared.meanings.catalogue import meaning_of
from shared.mesh.inbox import Collector, never
from shared.mesh.mailbox import MeshMailbox
from shared.mesh.messages import IncomingMessage, MessageHeaders, MessageType
from shared.mesh.ownership import Role, owns
from shared.turn import Turn
from shared.uncollected import Uncollected


@dataclass
class Collect:
    """Collects what is ours; what is for neither daemon is listed once and stays in MESH (decision 31).

    ``stopping`` is asked between two messages whether the round is to end there, ``arrived`` is told of each new one.
    One process at a time looks into the mailbox (0021).
    """

    database: Database
    clock: Clock
    client: MeshMailbox
    workflows: Collection[str]
    max_message_size: int
    stopping: Callable[[], bool] = never
    arrived: Callable[[], object] = never
    _collector: Collector = field(init=False, repr=False)
    _stored: int = field(init=False, default=0)
    _uncollected: Uncollected = field(init=False, repr=False)
    _turn: Turn = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._collector = Collector(
            self.client,
            owns=self._owns,
            keep=self._keep,
            left=self._left,
            max_bytes=self.max_message_size,
            workflows=self.workflows,
        )
        self._turn = Turn(self.database, Poller, self.clock)
        self._uncollected = Uncollected(self.database, ledger.ALERTS, self.clock, ledger.DAEMON, inbox.is_kept)

    def step(self) -> int:
        """Go through the mailbox once, unless another process does; return how many messages were not here before."""
        self._stored = 0
        if not self._turn.take():
            return 0
        try:
            collected = self._collector.collect(lambda: self.stopping() or self._turn.is_over())
        finally:
            self._turn.give_back()
        self._uncollected.note(collected)
        return self._stored

    def _owns(self, headers: MessageHeaders) -> bool:
        ours = False
        if headers.message_type is MessageType.REPORT:
            with self.database.snapshot() as session:
                ours = inbox.answered_by(session, headers) is not None
        return owns(Role.RECEIVER, headers, self.workflows, links_to_ours=ours)

    def _keep(self, incoming: IncomingMessage) -> None:
        is_report = incoming.headers.message_type is MessageType.REPORT
        stored: Message | None = None
        with self._storing(incoming.headers.message_id, inbox.is_kept) as session:
            stored = (
                self._keep_report(session, incoming.headers)
                if is_report
                else inbox.keep(session, incoming, self.clock())
            )
        if stored is not None:
            self._stored += 1
            self.arrived()

    @contextmanager
    def _storing(self, mesh_message_id: str, is_done: Callable[[Session, str], bool]) -> Iterator[Session]:
        """Give a transaction; that another process did the same meanwhile is not an error.

        Raises InvalidMessage for what the database refuses about this message alone.
        """
        try:
            with self.database.transaction() as session:
                yield session
        except DATABASE_AWAY:
            raise
        except StatementError as error:
            with self.database.snapshot() as session:
                if not is_done(session, mesh_message_id):
                    refused = Fault("message", f"cannot be stored ({type(error).__name__})")
                    raise InvalidMessage(refused) from None

    def _keep_report(self, session: Session, headers: MessageHeaders) -> Message | None:
        """MESH's word about one of our responses: on record with the message it answered, and a person is told."""
        now, code = self.clock(), headers.status_code
        record = inbox.keep_record(session, headers, MessageEvent.REPORT_COLLECTED, now, code=code)
        if record is None:
            return None
        response = inbox.answered_by(session, headers)
        if response is not None:
            response_queue.note_undelivered(session, response, record, now)
            return record
        meaning = meaning_of(code or "")
        ledger.ALERTS.open(
            session,
            kind=response_queue.UNDELIVERED,
            subject_id=record.mesh_message_id,
            now=now,
            text=f"MESH could not deliver a response, and does not say which. {meaning}",
            action=f"See `show {record.mesh_message_id}`; give its ids to the MESH service desk.",
            code=code,
        )
        return record

    def _left(self, headers: MessageHeaders) -> None:
        if owns(Role.SENDER, headers, self.workflows, links_to_ours=False):
            return
        with self._storing(headers.message_id, inbox.is_recorded) as session:
            inbox.keep_record(session, headers, MessageEvent.LEFT_IN_MESH, self.clock())

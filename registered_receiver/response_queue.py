"""The responses on their way to MESH: their bytes are built once, and sent until MESH has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session, aliased, undefer

from registered_receiver import events, ledger, replies
from registered_receiver.ledger import LeaseLost
from registered_receiver.tables import Message, Response
from shared.errors import MeshRefused
from shared.inserts import insert_last
from shared.itk3.build import build_response
from shared.itk3.codes import Level, find
from shared.itk3.model import ResponseMessage
from shared.meanings.catalogue import meaning_of
from shared.mesh.connection import LONGEST_CALL
from shared.mesh.delivery import Delivery
from shared.mesh.messages import OutgoingMessage
from shared.mesh.ownership import ACKNOWLEDGEMENT_SUFFIX

# a response has longer than a handshake, a look-up and a POST that each take their longest, and its few bytes
_FOR_ONE: Final = 4 * LONGEST_CALL
# the others of a go begin within a minute: what a process that died had taken should not wait much longer
_LEASE: Final = _FOR_ONE + timedelta(minutes=1)
# how many messages are answered in one go: each go costs the database the same
_TOGETHER: Final = 5

_EARLIER: Final = aliased(Response)
_WAITS: Final = exists().where(
    _EARLIER.mesh_message_id == Response.mesh_message_id,
    _EARLIER.level == Level.INFRASTRUCTURE,
    Response.level == Level.BUSINESS,
    _EARLIER.sent_at.is_(None),
    # one that MESH refused holds nothing up
    _EARLIER.parked_at.is_(None),
)
_NEXT: Final = (
    select(Response)
    .options(undefer(Response.body))
    .where(Response.sent_at.is_(None), Response.claimable(bindparam("now")))
    .with_for_update(skip_locked=True, of=Response)
)
_OLDEST: Final = _NEXT.where(~_WAITS).order_by(Response.queued_at, Response.level.desc()).limit(_TOGETHER)
_FOLLOWING: Final = _NEXT.where(
    Response.mesh_message_id.in_(bindparam("mesh_message_ids", expanding=True)), Response.level == Level.BUSINESS
)
_CLAIMED: Final = (
    select(Response, Message)
    .join(Message, Message.mesh_message_id == Response.mesh_message_id)
    .where(Response.response_id.in_(bindparam("response_ids", expanding=True)))
    .with_for_update(of=Response)
)

UNDELIVERED: Final = "response_undelivered"
"""The kind of alert about a response that MESH could not deliver, and the line in the timeline."""


@dataclass(frozen=True, slots=True)
class ClaimedResponse:
    """A response that this process sends until ``lease_until``; ``look_first`` says that MESH may have it already."""

    response_id: str
    mesh_message_id: str
    outgoing: OutgoingMessage = field(repr=False)
    look_first: bool
    lease_until: datetime

    def may_begin(self, now: datetime) -> bool:
        """Say whether the lease lasts until this response is with MESH, however long that takes."""
        return now + _FOR_ONE <= self.lease_until


def queue(session: Session, message: Message, response: ResponseMessage, now: datetime) -> None:
    """Build the response to ``message`` and store it to be sent; its code becomes the message's.

    It travels in the workflow of the message with ``_ACK``. A message without a sender's mailbox cannot be answered: a
    person is told.
    """
    level = find(response.code).level
    if level is Level.BUSINESS:
        message.business_code = response.code
    else:
        message.infrastructure_code, message.diagnostics = response.code, response.diagnostics
    if message.sender_mailbox is None:
        _tell_unanswerable(session, message, response.code, now)
        return
    row = {
        "response_id": response.response_id,
        "mesh_message_id": message.mesh_message_id,
        "level": level,
        "code": response.code,
        "to_mailbox": message.sender_mailbox,
        "workflow_id": f"{message.workflow_id}{ACKNOWLEDGEMENT_SUFFIX}",
        # decision 12: ours to choose; a retry of this send keeps it
        "local_id": f"{response.response_id}.1",
        "subject": replies.subject(response.code),
        "body": build_response(response),
        "queued_at": now,
        "attempts": 0,
    }
    insert_last(session, Response, row)
    ledger.note(session, message, "response_queued", now, code=response.code)
    ledger.say(session, events.RESPONSE_QUEUED, message, local_id=row["local_id"], code=response.code)


def claim(session: Session, now: datetime) -> list[ClaimedResponse]:
    """Take the oldest responses that are due, and after each infrastructure response the business response to it.

    They are to be sent in this order, and count as possibly posted from here on (decision 13). Empty for none.
    """
    oldest = list(session.scalars(_OLDEST, {"now": now}))
    answered = [row.mesh_message_id for row in oldest if row.level == Level.INFRASTRUCTURE]
    following: dict[str, Response] = {}
    if answered:
        found = session.scalars(_FOLLOWING, {"now": now, "mesh_message_ids": answered})
        following = {row.mesh_message_id: row for row in found}
    rows: list[Response] = []
    for row in oldest:
        rows += [row, following[row.mesh_message_id]] if row.mesh_message_id in following else [row]
    lease_until = now + _LEASE
    claimed = [
        ClaimedResponse(
            row.response_id, row.mesh_message_id, _outgoing(row), row.post_began_at is not None, lease_until
        )
        for row in rows
    ]
    for row in rows:
        row.lease(now, _LEASE)
        row.post_began_at = row.post_began_at or now
    return claimed


def reclaim(session: Session, claimed: Sequence[ClaimedResponse]) -> list[tuple[Response, Message]]:
    """Return claimed responses, each with the message that it answers, for changing, in the same order.

    Raises LeaseLost when one of them is another process's by now.
    """
    lease_until = {each.response_id: each.lease_until for each in claimed}
    rows = session.execute(_CLAIMED, {"response_ids": list(lease_until)})
    found = {row.response_id: (row, message) for row, message in rows}
    for response_id, until in lease_until.items():
        if found[response_id][0].lease_until != until:
            raise LeaseLost(f"the lease of response {response_id} ended before it was sent")
    return [found[response_id] for response_id in lease_until]


def give_back(row: Response, claimed: ClaimedResponse) -> None:
    """Leave a response due that was not posted now."""
    row.lease_until = None
    if not claimed.look_first:
        row.post_began_at = None


def mark_sent(session: Session, row: Response, message: Message, delivery: Delivery, now: datetime) -> None:
    """Record that MESH has the response."""
    row.sent_at, row.sent_message_id = now, delivery.message_id
    row.release()
    message.changed_at = now
    ledger.note(session, message, "response_sent", now, code=row.code, detail=delivery.message_id)
    extra = {"local_id": row.local_id, "code": row.code, "sent_message_id": row.sent_message_id}
    ledger.say(session, events.RESPONSE_SENT, message, adopted=delivery.adopted or None, **extra)


def park_refused(session: Session, row: Response, message: Message, error: MeshRefused, now: datetime) -> None:
    """Set a response aside that MESH does not take, and tell a person what its code means."""
    row.attempts += 1
    # MESH has not taken it for sure: there is nothing to look up, and what it keeps of a refusal is no delivery
    row.refused_message_id, row.post_began_at = error.message_id, None
    meaning = meaning_of(error.code) if error.code else None
    words = f"MESH refused it: {error}." + (f" {meaning}" if meaning else "")
    advice = "Telephone the sending practice: it waits for this response to its report."
    ledger.park(session, message, row, now, words, code=error.code, advice=advice)


def number_anew(row: Response) -> None:
    """Give a response that MESH refused the next local id: a person sends it once more (decision 12)."""
    stem, _, number = row.local_id.rpartition(".")
    row.local_id = f"{stem}.{int(number) + 1}"


def note_undelivered(session: Session, row: Response, report: Message, now: datetime) -> None:
    """Note MESH's ``report`` that a response did not arrive, and tell a person, unless they know of it already."""
    message = session.get_one(Message, row.mesh_message_id)
    message.changed_at = now
    code, mesh_id = report.status_code, message.mesh_message_id
    ledger.note(session, message, UNDELIVERED, now, code=code, detail=report.mesh_message_id)
    # MESH says no twice: at the POST, which opened an alert, and by a report
    refused = row.refused_message_id is not None and row.refused_message_id == report.linked_message_id
    if refused or row.parked_at is not None:
        return
    meaning = meaning_of(code or "")
    ledger.ALERTS.open(
        session,
        kind=UNDELIVERED,
        subject_id=mesh_id,
        now=now,
        text=f"MESH could not deliver the {row.level} response {row.code} to MESH message {mesh_id}. {meaning}",
        action=f"The sending practice waits for this response to its report. {meaning.action} See `show {mesh_id}`.",
        code=code,
    )


def of_message(session: Session, mesh_message_id: str) -> list[Response]:
    """Return the responses to a message, the infrastructure response first."""
    query = select(Response).where(Response.mesh_message_id == mesh_message_id).order_by(Response.level.desc())
    return list(session.scalars(query))


def _outgoing(row: Response) -> OutgoingMessage:
    return OutgoingMessage(
        to=row.to_mailbox, workflow_id=row.workflow_id, local_id=row.local_id, subject=row.subject, body=row.body
    )


def _tell_unanswerable(session: Session, message: Message, code: str, now: datetime) -> None:
    ledger.note(session, message, "unanswerable", now, code=code)
    ledger.ALERTS.open(
        session,
        kind="unanswerable",
        subject_id=message.mesh_message_id,
        now=now,
        text=f"A message without a sender's mailbox cannot be answered; the response would have been {code}.",
        action="Find out who sent it and tell them by telephone; ask the MESH service desk about the missing sender.",
        code=code,
    )

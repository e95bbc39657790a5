"""The messages that MESH held for us: kept once, claimed by one process at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from registered_receiver import ledger, subjects
from registered_receiver.id_tables import ProcessedId, key
from registered_receiver.ledger import LeaseLost
from registered_receiver.states import MessageEvent, MessageState
from registered_receiver.tables import Message, MessageBody, Response
from shared.db import Database, is_one_of
from shared.itk3.naming import normal_form
from shared.itk3.primitives import is_fhir_id
from shared.mesh.messages import IncomingMessage, MessageHeaders

# judging and filing take a second or two; a process that died must not hold a message for long
_LEASE: Final = timedelta(seconds=60)
_LONGEST_KEY: Final = 255

_DUE: Final = (
    select(Message.mesh_message_id)
    .where(is_one_of(Message.state, MessageState.RECEIVED, MessageState.VALID), Message.claimable(bindparam("now")))
    .order_by(Message.received_at, Message.mesh_message_id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
# not with the body: SQLite would copy that into a file of its own to sort by age
_CLAIM: Final = (
    update(Message)
    .where(Message.mesh_message_id == _DUE.scalar_subquery())
    .values(lease_until=bindparam("until"))
    .returning(
        Message.mesh_message_id,
        Message.state,
        Message.sender_mailbox,
        Message.recipient,
        Message.subject,
        Message.truncated,
        Message.received_at,
        Message.attempts,
        Message.lease_until,
    )
)
_BODY: Final = select(MessageBody.body).where(MessageBody.mesh_message_id == bindparam("mesh_message_id"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process works on until ``lease_until``; so many ``attempts`` failed before."""

    mesh_message_id: str
    state: MessageState
    sender_mailbox: str | None
    recipient: str | None = field(repr=False)
    subject: str | None = field(repr=False)
    body: bytes = field(repr=False)
    truncated: bool
    received_at: datetime
    attempts: int
    lease_until: datetime


def keep(session: Session, incoming: IncomingMessage, now: datetime) -> Message | None:
    """Store a report message; None when it is stored already, which is silently the same message (decision 8)."""
    message = keep_record(session, incoming.headers, MessageEvent.COLLECTED, now)
    if message is not None:
        message.truncated = incoming.truncated
        session.add(MessageBody(mesh_message_id=message.mesh_message_id, body=incoming.body))
    return message


def keep_record(
    session: Session, headers: MessageHeaders, event: MessageEvent, now: datetime, *, code: str | None = None
) -> Message | None:
    """Record a message as ``event`` brings it here; None when it is here already.

    Of a message that was left in MESH only the record is here. It is taken over when the message proves to be ours.
    """
    left = event is MessageEvent.LEFT_IN_MESH
    message = session.get(Message, headers.message_id, with_for_update=True)
    if message is None:
        message = Message(mesh_message_id=headers.message_id, left_in_mesh=left, attempts=0, truncated=False)
        _describe(message, headers, event, now)
        ledger.begin(session, message, event, now, code=code)
        return message
    if left or not message.left_in_mesh:
        return None
    message.left_in_mesh, message.pruned_at = False, None
    _describe(message, headers, event, now)
    ledger.advance(session, message, event, now, code=code)
    return message


def is_recorded(session: Session, mesh_message_id: str) -> bool:
    """Say whether there is a record of this MESH message, kept or left in MESH."""
    return session.get(Message, mesh_message_id) is not None


def is_kept(session: Session, mesh_message_id: str) -> bool:
    """Say whether this MESH message is here, so that MESH may forget it."""
    message = session.get(Message, mesh_message_id)
    return message is not None and not message.left_in_mesh


def _describe(message: Message, headers: MessageHeaders, event: MessageEvent, now: datetime) -> None:
    """Write down what MESH says about a message."""
    message.message_type = headers.message_type
    message.workflow_id = headers.workflow_id
    message.sender_mailbox = (headers.sender or "").strip().upper() or None
    message.recipient = headers.recipient
    message.local_id = headers.local_id
    message.linked_message_id = headers.linked_message_id
    message.subject = headers.subject
    message.status_code = headers.status_code
    message.status_description = headers.status_description
    message.received_at = now
    # a report says it itself, once it is read
    is_report = event is MessageEvent.COLLECTED
    message.confidential = None if is_report else subjects.is_confidential(headers.subject, stated=False)


def answered_by(session: Session, headers: MessageHeaders) -> Response | None:
    """Return the response of ours that a MESH report is about: by its message id, else by its local id.

    MESH gives a response an id even when it refuses it, and then reports on that id as well.
    """
    if headers.linked_message_id:
        named = or_(
            Response.sent_message_id == headers.linked_message_id,
            Response.refused_message_id == headers.linked_message_id,
        )
        found = session.scalars(select(Response).where(named).limit(1)).one_or_none()
        if found is not None:
            return found
    if not headers.local_id:
        return None
    return session.scalars(select(Response).where(Response.local_id == headers.local_id)).one_or_none()


def claim(database: Database, now: datetime) -> Claimed | None:
    """Take the oldest message that waits to be judged or matched; None for none."""
    row = database.at_once(_CLAIM, {"now": now, "until": now + _LEASE})
    if row is None:
        return None
    with database.snapshot() as session:
        body = read_body(session, row.mesh_message_id)
    return Claimed(**row._asdict() | {"state": MessageState(row.state), "body": body})


def reclaim(session: Session, claimed: Claimed) -> Message:
    """Return the claimed message for changing; raises LeaseLost when it is another process's by now."""
    message = session.get_one(Message, claimed.mesh_message_id, with_for_update=True)
    if message.lease_until != claimed.lease_until:
        raise LeaseLost(f"the lease of message {claimed.mesh_message_id} ended before its step did")
    return message


def read_body(session: Session, mesh_message_id: str) -> bytes:
    """Return the bytes of a message as they came; empty when none are kept."""
    return session.scalars(_BODY, {"mesh_message_id": mesh_message_id}).one_or_none() or b""


def has_body(session: Session, mesh_message_id: str) -> bool:
    """Say whether the bytes of a message are here; of a message left in MESH there is a record only."""
    return bool(session.scalar(select(exists().where(MessageBody.mesh_message_id == mesh_message_id))))


def note_identity(message: Message, message_id: str | None, sender_reference: str | None) -> None:
    """Keep what could be read of a message's ids, if they can be ids at all."""
    message.message_id = message_id if message_id and is_fhir_id(message_id) else None
    message.sender_reference = sender_reference[:_LONGEST_KEY] if sender_reference else None


def processed(session: Session, ids: Iterable[tuple[str, str | None]], sender_mailbox: str | None) -> set[str]:
    """Return the kinds of those (kind, value) ids that earned 20013 before, from this mailbox (decision 27)."""
    # earlier releases kept an id as it came
    written = [(kind, key(each)) for kind, value in ids for each in {normal_form(value), value or ""} - {""}]
    if not written:
        return set()
    query = select(ProcessedId.kind).where(
        or_(*(and_(ProcessedId.kind == kind, ProcessedId.value == value) for kind, value in written)),
        ProcessedId.sender_mailbox == key(sender_mailbox or ""),
    )
    return set(session.scalars(query))


def mark_processed(session: Session, message: Message, keys: Iterable[tuple[str, str | None]], now: datetime) -> None:
    """Remember that these (kind, value) ids earned 20013."""
    mailbox, mesh_message_id = key(message.sender_mailbox or ""), message.mesh_message_id
    for kind, value in keys:
        if normal_form(value):
            row = ProcessedId(
                kind=kind, value=key(normal_form(value)), sender_mailbox=mailbox, mesh_message_id=mesh_message_id
            )
            row.processed_at = now
            session.add(row)


def find(session: Session, identifier: str) -> Message | None:
    """Return a message by MESH's id, or the newest with this MessageHeader.id."""
    found = session.get(Message, identifier)
    if found is not None:
        return found
    # of a report and its repetitions the one that was taken is meant
    repeated = Message.state == MessageState.DUPLICATE
    query = select(Message).where(Message.message_id == identifier).order_by(repeated, Message.received_at.desc())
    return session.scalars(query.limit(1)).one_or_none()

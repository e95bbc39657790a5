"""The messages that MESH held for us: kept once, claimed by one process at a time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Final

from sqlalchemy import bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from registered_receiver import ledger, subjects
from registered_receiver.id_tables import PROCESSED_KINDS, ProcessedId, key
from registered_receiver.ledger import LeaseLost
from registered_receiver.states import MessageEvent, MessageState
from registered_receiver.tables import Message, MessageBody, Response
from shared.db import Database, is_one_of
from shared.inserts import insert_rows
from shared.itk3.naming import normal_form
from shared.itk3.primitives import is_fhir_id
from shared.mesh.messages import IncomingMessage, MessageHeaders

# judging and filing take a second or two; a process that died must not hold a message for long
_FOR_ONE: Final = timedelta(seconds=60)
# the others that were claimed with it begin within half a minute
_LEASE: Final = _FOR_ONE + timedelta(seconds=30)
# a claim costs the database a commit
_TOGETHER: Final = 5
_LONGEST_KEY: Final = 255

_DUE: Final = (
    select(Message.mesh_message_id)
    .where(is_one_of(Message.state, MessageState.RECEIVED, MessageState.VALID), Message.claimable(bindparam("now")))
    .order_by(Message.received_at, Message.mesh_message_id)
    .limit(_TOGETHER)
    .with_for_update(skip_locked=True)
    .cte("due")
)
# not with the bodies: they may be large, and SQLite would copy them into a file of its own to sort by age
_CLAIM: Final = (
    update(Message)
    .where(Message.mesh_message_id.in_(select(_DUE.c.mesh_message_id)))
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
_SPELLINGS: Final = 2 * len(PROCESSED_KINDS)
_PROCESSED: Final = select(ProcessedId.kind, ProcessedId.value).where(
    is_one_of(ProcessedId.kind, *PROCESSED_KINDS),
    # each of a kind may be spelt in two ways
    ProcessedId.value.in_([bindparam(f"id_{number}") for number in range(_SPELLINGS)]),
    ProcessedId.sender_mailbox == bindparam("sender_mailbox"),
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process works on until ``lease_until``; so many ``attempts`` failed before."""

    mesh_message_id: str
    state: MessageState
    sender_mailbox: str | None
    recipient: str | None = field(repr=False)
    subject: str | None = field(repr=False)
    truncated: bool
    received_at: datetime
    attempts: int
    lease_until: datetime

    def may_begin(self, now: datetime) -> bool:
        """Say whether the lease lasts until this message is dealt with, however long that takes."""
        return now + _FOR_ONE <= self.lease_until


def keep(session: Session, incoming: IncomingMessage, now: datetime) -> Message | None:
    """Store a report message; None when it is stored already, which is silently the same message (decision 8)."""
    message = keep_record(session, incoming.headers, MessageEvent.COLLECTED, now, truncated=incoming.truncated)
    if message is not None:
        body = {"mesh_message_id": message.mesh_message_id, "body": incoming.body}
        insert_rows(session, MessageBody, [body])
    return message


def keep_record(
    session: Session,
    headers: MessageHeaders,
    event: MessageEvent,
    now: datetime,
    *,
    code: str | None = None,
    truncated: bool = False,
) -> Message | None:
    """Record a message as ``event`` brings it here, and return it for reading; None when it is here already.

    Of a message that was left in MESH only the record is here. It is taken over when the message proves to be ours.
    """
    left = event is MessageEvent.LEFT_IN_MESH
    said = _said(headers, event, now) | {"truncated": truncated, "left_in_mesh": left}
    new = ledger.begin(session, {"mesh_message_id": headers.message_id} | said, event, now, code=code)
    if new is not None:
        return new
    message = session.get_one(Message, headers.message_id, with_for_update=True)
    if left or not message.left_in_mesh:
        return None
    message.pruned_at = None
    for name, value in said.items():
        setattr(message, name, value)
    ledger.advance(session, message, event, now, code=code)
    return message


def is_recorded(session: Session, mesh_message_id: str) -> bool:
    """Say whether there is a record of this MESH message, kept or left in MESH."""
    return session.get(Message, mesh_message_id) is not None


def is_kept(session: Session, mesh_message_id: str) -> bool:
    """Say whether this MESH message is here, so that MESH may forget it."""
    message = session.get(Message, mesh_message_id)
    return message is not None and not message.left_in_mesh


def _said(headers: MessageHeaders, event: MessageEvent, now: datetime) -> dict[str, Any]:
    """Return the columns that have what MESH says about a message."""
    return {
        "message_type": headers.message_type,
        "workflow_id": headers.workflow_id,
        "sender_mailbox": (headers.sender or "").strip().upper() or None,
        "recipient": headers.recipient,
        "local_id": headers.local_id,
        "linked_message_id": headers.linked_message_id,
        "subject": headers.subject,
        "status_code": headers.status_code,
        "status_description": headers.status_description,
        "received_at": now,
        # a report says it itself, once it is read
        "confidential": None
        if event is MessageEvent.COLLECTED
        else subjects.is_confidential(headers.subject, stated=False),
    }


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


def claim(database: Database, now: datetime) -> list[Claimed]:
    """Take the few oldest messages that wait to be judged or matched, the oldest first; empty for none."""
    with database.one_by_one() as connection:
        rows = connection.execute(_CLAIM, {"now": now, "until": now + _LEASE}).all()
    claimed = [Claimed(**row._asdict() | {"state": MessageState(row.state)}) for row in rows]
    return sorted(claimed, key=lambda each: (each.received_at, each.mesh_message_id))


def give_back(database: Database, claimed: Iterable[Claimed]) -> None:
    """Let others have the messages that were claimed and not begun."""
    with database.transaction() as session, suppress(LeaseLost):
        for each in claimed:
            reclaim(session, each).lease_until = None


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
    written = {(kind, key(each)) for kind, value in ids for each in {normal_form(value), value or ""} - {""}}
    if not written:
        return set()
    spellings = zip(range(_SPELLINGS), cycle(sorted({value for _, value in written})), strict=False)
    wanted = {f"id_{number}": value for number, value in spellings} | {"sender_mailbox": key(sender_mailbox or "")}
    return {kind for kind, value in session.execute(_PROCESSED, wanted) if (kind, value) in written}


def mark_processed(session: Session, message: Message, keys: Iterable[tuple[str, str | None]], now: datetime) -> None:
    """Remember that these (kind, value) ids earned 20013."""
    same = {"sender_mailbox": key(message.sender_mailbox or ""), "mesh_message_id": message.mesh_message_id}
    rows = [
        {**same, "kind": kind, "value": key(normal_form(value)), "processed_at": now}
        for kind, value in keys
        if normal_form(value)
    ]
    insert_rows(session, ProcessedId, rows)


def find(session: Session, identifier: str) -> Message | None:
    """Return a message by MESH's id, or the newest with this MessageHeader.id."""
    found = session.get(Message, identifier)
    if found is not None:
        return found
    # of a report and its repetitions the one that was taken is meant
    repeated = Message.state == MessageState.DUPLICATE
    query = select(Message).where(Message.message_id == identifier).order_by(repeated, Message.received_at.desc())
    return session.scalars(query.limit(1)).one_or_none()

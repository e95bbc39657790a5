"""What the receiver knows of earlier messages when another one is to be judged."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import inbox, ledger, worklist
from registered_receiver.tables import Message, Task
from shared.itk3.parse import Reading, read
from shared.itk3.rule import Context, Replaced
from shared.itk3.rules import REPLACEMENT_FAILED, Verdict, read_report, replaced_by

FAILED_REPLACEMENT: Final = "replacement_failed"
"""The kind of alert about a task whose replacement could not be processed (20014)."""

_FLAG: Final = "A document that was to replace this one could not be processed."


def context_of(session: Session, reading: Reading, ods_code: str, sender_mailbox: str | None) -> Context:
    """Return what a message that came from ``sender_mailbox`` is judged with."""
    original = _original(session, reading, sender_mailbox)
    return Context(
        ods_code=ods_code,
        sender_mailbox=sender_mailbox,
        message_processed=inbox.is_processed(session, "message", reading.message_id, sender_mailbox),
        payload_processed=inbox.is_processed(session, "payload", reading.payload_identifier, sender_mailbox),
        replaced=None if original is None else _as_received(session, original),
    )


def distrust(session: Session, message: Message, reading: Reading, verdict: Verdict, now: datetime) -> None:
    """Flag the task of a document whose replacement was refused: neither of the two may be relied on (20014)."""
    original = _original(session, reading, message.sender_mailbox) if verdict.code == REPLACEMENT_FAILED else None
    task = worklist.of_message(session, original.mesh_message_id) if original is not None else None
    if task is None:
        return
    task.flag = task.flag or _FLAG
    ledger.ALERTS.open(
        session,
        kind=FAILED_REPLACEMENT,
        subject_id=task.task_id,
        now=now,
        text=f"{_FLAG} {verdict.diagnostics}. The sender was told by the response {verdict.code}.",
        action=f"Do not rely on task {task.task_id} before you telephoned the sender, who has the newer document.",
        code=verdict.code,
    )


def taken_as(session: Session, identifier: str | None, sender_mailbox: str | None) -> str | None:
    """Return the MESH message id of the document with this identifier from this mailbox; None when none was taken."""
    message = _taken(session, identifier, sender_mailbox) if identifier else None
    return None if message is None else message.mesh_message_id


def _original(session: Session, reading: Reading, sender_mailbox: str | None) -> Message | None:
    """Return the message of the document that another one names as its original, None when it is not here."""
    identifier = replaced_by(reading)
    return None if identifier is None else _taken(session, identifier, sender_mailbox)


def _taken(session: Session, identifier: str, sender_mailbox: str | None) -> Message | None:
    # the guides do not say which of its ids names a document
    for kind in ("payload", "message"):
        for written in dict.fromkeys((identifier, identifier.lower(), identifier.upper())):
            key = inbox.processed_as(session, kind, written, sender_mailbox)
            if key is not None:
                return session.get(Message, key)
    return None


def _as_received(session: Session, original: Message) -> Replaced:
    chosen = select(Task.nhs_number).where(Task.mesh_message_id == original.mesh_message_id)
    numbers = set(session.scalars(chosen))
    body = inbox.read_body(session, original.mesh_message_id)
    envelope = read(body, len(body)).envelope
    # what was pruned cannot be compared any more
    if envelope is not None:
        numbers.add(read_report(envelope).patient.nhs_number)
    # what was accepted has a reference (10007)
    return Replaced(original.sender_reference or "", frozenset(map(str, numbers)))

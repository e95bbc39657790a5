"""What the receiver knows of earlier messages when another one is to be judged, and what it keeps for later ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import document_ids, inbox, replacements
from registered_receiver.tables import Message, Task
from shared.itk3.parse import Reading, read
from shared.itk3.rule import Context, Replaced
from shared.itk3.rules import REPLACEMENT_FAILED, Verdict, read_report, replaced_by


def context_of(
    session: Session,
    reading: Reading,
    ods_code: str,
    sender_mailbox: str | None,
    mesh_message_id: str | None = None,
) -> Context:
    """Return what a message that came from ``sender_mailbox`` is judged with.

    Without ``mesh_message_id`` it is judged as if it came last of all.
    """
    target, original = replaced_by(reading), None
    if target is not None:
        by = session.get(Message, mesh_message_id) if mesh_message_id else None
        original = document_ids.named(session, target, sender_mailbox, reading.sender_reference, by)
    processed = inbox.processed(session, ids_of(reading), sender_mailbox)
    return Context(
        ods_code=ods_code,
        sender_mailbox=sender_mailbox,
        message_processed="message" in processed,
        payload_processed="payload" in processed,
        replaced=None if original is None else _as_received(session, original),
    )


def ids_of(reading: Reading) -> tuple[tuple[str, str | None], ...]:
    """Return the ids, with their kinds, by which a message is known when it comes again (decision 27)."""
    return ("message", reading.message_id), ("payload", reading.payload_identifier)


def learn(session: Session, message: Message, reading: Reading, verdict: Verdict, now: datetime) -> None:
    """Keep what an accepted message is called; distrust the document whose replacement was refused (20014)."""
    target = replaced_by(reading)
    if verdict.accepted and reading.envelope is not None:
        document_ids.remember(session, message, reading.envelope, target)
    elif target is not None and verdict.code == REPLACEMENT_FAILED:
        document_ids.remember_replaced(session, message, target)
        replacements.settle(session, message, target, now)


def _as_received(session: Session, original: Message) -> Replaced:
    query = select(Task.nhs_number, Task.sender_ods_code).where(Task.mesh_message_id == original.mesh_message_id)
    filed = session.execute(query).one_or_none()
    numbers, ods_code = (set(), None) if filed is None else ({filed.nhs_number}, filed.sender_ods_code)
    body = inbox.read_body(session, original.mesh_message_id)
    envelope = read(body, len(body)).envelope
    # what was pruned cannot be compared any more
    if envelope is not None:
        numbers.add(read_report(envelope).patient.nhs_number)
        ods_code = envelope.sender_ods_code
    # what was accepted has a reference (10007)
    return Replaced(original.sender_reference or "", frozenset(map(str, numbers)), ods_code)

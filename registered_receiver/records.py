"""What people and programs see of a message, a task or a review: the contract's shapes, read from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import events, inbox, ledger, worklist
from registered_receiver.active_content import has_active_content
from registered_receiver.message_list import message_json
from registered_receiver.tables import Message, Response, Review, Task, Timeline
from shared.errors import CommandFailed
from shared.presentation import rfc3339


def task_json(task: Task) -> dict[str, Any]:
    """Return a task, its documents loaded, in the contract's shape."""
    return {
        "task_id": task.task_id,
        "subject": task.subject,
        "state": str(task.state),
        "consultation_id": task.consultation_id,
        "version": task.version,
        "nhs_number": task.nhs_number,
        "received_at": rfc3339(task.received_at),
        "superseded_by": task.superseded_by,
        "documents": [
            {
                "description": document.description,
                "content_type": document.content_type,
                "size": document.size,
                "sha256": document.sha256,
            }
            for document in task.documents
        ],
    }


def task_in_full(session: Session, task: Task) -> dict[str, Any]:
    """Return a task with what a person must know beside the contract's shape.

    Of a confidential one it does not say which practice wrote it (GPCM-SD-092).
    """
    message = session.get_one(Message, task.mesh_message_id)
    full = task_json(task)
    for entry, document in zip(full["documents"], task.documents, strict=True):
        data = None if message.pruned_at else worklist.content(session, document)
        entry["active_content"] = None if data is None else has_active_content(document.content_type, data)
    return full | {
        "confidential": task.confidential,
        "sender_ods_code": None if task.confidential else task.sender_ods_code,
        "authored_on": rfc3339(task.authored_on),
        "completed_at": rfc3339(task.completed_at),
        "flag": task.flag,
        # decision 23: the newer task says that an earlier version was dealt with already
        "supersedes": [
            {"task_id": older.task_id, "version": older.version, "completed_at": rfc3339(older.completed_at)}
            for older in worklist.supersedes(session, task)
        ],
        "pruned_at": rfc3339(message.pruned_at),
    }


def task_note(flag: str | None, *, completed_before: bool) -> str:
    """Return what a person must know about a task before they open it, empty when that is nothing."""
    notes = [flag, "An earlier version was completed already." if completed_before else None]
    return " ".join(filter(None, notes))


def review_json(review: Review) -> dict[str, Any]:
    """Return a review in the contract's shape."""
    return {
        "review_id": review.review_id,
        "mesh_message_id": review.mesh_message_id,
        "message_facts": review.facts,
        "candidates": review.candidates,
        "opened_at": rfc3339(review.opened_at),
    }


def find(session: Session, identifier: str) -> Message:
    """Return the message with this MESH message id, MessageHeader.id or task id; raises CommandFailed."""
    wanted = identifier.strip()
    message = inbox.find(session, wanted)
    task = session.get(Task, wanted) if message is None else None
    if task is not None:
        message = session.get(Message, task.mesh_message_id)
    if message is None:
        raise CommandFailed(f"there is no message {wanted}")
    return message


def story(session: Session, identifier: str) -> tuple[dict[str, Any], Sequence[Timeline]]:
    """Return a message, its responses and its task, with its whole timeline, oldest line first."""
    from registered_receiver import response_queue

    message = find(session, identifier)
    task = worklist.of_message(session, message.mesh_message_id)
    record = message_json(message, None if task is None else task.task_id)
    review = select(Review.review_id).where(Review.mesh_message_id == message.mesh_message_id)
    record |= {
        "workflow_id": message.workflow_id,
        "linked_message_id": message.linked_message_id,
        "parked_at": rfc3339(message.parked_at),
        "pruned_at": rfc3339(message.pruned_at),
        "review_id": session.scalars(review).one_or_none(),
        "responses": [_response_json(row) for row in response_queue.of_message(session, message.mesh_message_id)],
    }
    return record, ledger.timeline(session, message.mesh_message_id)


def retry(session: Session, identifier: str, now: datetime, by: str) -> None:
    """Take a parked message, or the parked responses to a message, back into work."""
    from registered_receiver import response_queue

    message = find(session, identifier)
    rows: list[Message | Response] = [message, *response_queue.of_message(session, message.mesh_message_id)]
    parked = [row for row in rows if row.parked_at is not None]
    if not parked:
        raise CommandFailed(f"neither message {identifier} nor a response to it is parked")
    if message.pruned_at is not None:
        raise CommandFailed(f"the bytes of message {identifier} and of the responses to it were pruned")
    for row in parked:
        if isinstance(row, Response) and row.post_began_at is None:
            response_queue.number_anew(row)
        row.parked_at = None
        row.release()
    message.changed_at = now
    ledger.note(session, message, "retried", now, by=by)
    for kind in ("message_parked", "response_parked"):
        subject = message.mesh_message_id
        ledger.ALERTS.close(session, subject_id=subject, kind=kind, now=now, by=by, reason="taken back by retry")
    ledger.say(session, events.WORK_RETRIED, message, by=by)


def _response_json(row: Response) -> dict[str, Any]:
    return {
        "level": str(row.level),
        "code": row.code,
        "local_id": row.local_id,
        "queued_at": rfc3339(row.queued_at),
        "sent_at": rfc3339(row.sent_at),
        "mesh_message_id": row.sent_message_id,
        "parked_at": rfc3339(row.parked_at),
    }

"""The messages as ``status`` and the web pages list them, and how many there are; all that a short look needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registered_receiver.message_tables import Message
from registered_receiver.states import MessageState
from registered_receiver.task_tables import Task
from shared.presentation import rfc3339


def message_json(message: Message, task_id: str | None) -> dict[str, Any]:
    """Return a message in the contract's shape."""
    return {
        "mesh_message_id": message.mesh_message_id,
        "message_id": message.message_id,
        "sender_mailbox": message.sender_mailbox,
        "sender_reference": message.sender_reference,
        "received_at": rfc3339(message.received_at),
        "state": str(message.state),
        "infrastructure_code": message.infrastructure_code,
        "business_code": message.business_code,
        "diagnostics": message.diagnostics,
        "task_id": task_id,
    }


def listing(
    session: Session, *, state: str | None, since: datetime | None, limit: int, skip: int = 0
) -> list[dict[str, Any]]:
    """Return messages, newest first, ``skip`` of them left out; ``limit`` 0 is all."""
    query = select(Message, Task.task_id).outerjoin(Task, Task.mesh_message_id == Message.mesh_message_id)
    query = query.order_by(Message.received_at.desc(), Message.mesh_message_id.desc())
    if state is not None:
        query = query.where(Message.state == state)
    if since is not None:
        query = query.where(Message.changed_at >= since)
    if limit:
        query = query.offset(skip).limit(limit)
    return [message_json(message, task_id) for message, task_id in session.execute(query)]


def confidence(session: Session, found: Collection[Mapping[str, Any]]) -> dict[str, bool | None]:
    """Return which of the messages ``found`` are of a confidential consultation; None is not known."""
    ids = [message["mesh_message_id"] for message in found]
    query = select(Message.mesh_message_id, Message.confidential).where(Message.mesh_message_id.in_(ids))
    return {row.mesh_message_id: row.confidential for row in session.execute(query)}


def counts(session: Session) -> dict[str, int]:
    """Return how many messages are in each state that has any."""
    query = select(Message.state, func.count()).group_by(Message.state)
    found = {str(state): number for state, number in session.execute(query)}
    return {str(state): found[state] for state in MessageState if state in found}

"""The job that gives up what was kept for long enough (decision 42): bytes and patient data, never the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from registered_receiver import events, ledger
from registered_receiver.states import MessageState, TaskState
from registered_receiver.tables import Alert, Blob, Message, MessageBody, Response, Review, Task, TaskDocument, TaskDrop
from shared.clock import Clock
from shared.db import Database, after_commit
from shared.log import emit
from shared.setting_types import Period

# small enough that nobody waits for the transaction
_BATCH: Final = 100
_FINAL: Final = (
    MessageState.REJECTED,
    MessageState.FILED,
    MessageState.UNMATCHED,
    MessageState.DUPLICATE,
    MessageState.IGNORED,
)


@dataclass(frozen=True)
class Prune:
    """Prunes one small batch at a time: what nothing happened to for ``retention`` since it was finished."""

    database: Database
    clock: Clock
    retention: Period

    def step(self) -> int:
        """Prune the messages that were finished the longest ago; return how many."""
        now = self.clock()
        try:
            finished_by = now - self.retention
        except (OverflowError, ValueError):
            # before there were dates: everything is kept
            return 0
        with self.database.transaction() as session:
            messages = _due(session, finished_by)
            if messages:
                documents = _give_up(session, [message.mesh_message_id for message in messages], now)
                for message in messages:
                    ledger.note(session, message, "pruned", now)
                line = {"messages": len(messages), "documents": documents}
                after_commit(session, lambda: emit(events.MESSAGES_PRUNED, **line))
        return len(messages)


def _due(session: Session, finished_by: datetime) -> list[Message]:
    query = (
        select(Message)
        .where(Message.pruned_at.is_(None), Message.changed_at <= finished_by, Message.state.in_(_FINAL))
        .where(~_is_unanswered(), ~_is_on_the_worklist(), ~_has_open_alert())
        .order_by(Message.changed_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Message)
    )
    return list(session.scalars(query))


def _is_unanswered() -> ColumnElement[bool]:
    """Say which messages have a response on its way; one that was set aside has an alert instead."""
    mine = Response.mesh_message_id == Message.mesh_message_id
    return exists().where(mine, Response.sent_at.is_(None), Response.parked_at.is_(None))


def _is_on_the_worklist() -> ColumnElement[bool]:
    return exists().where(Task.mesh_message_id == Message.mesh_message_id, Task.state == TaskState.OPEN)


def _has_open_alert() -> ColumnElement[bool]:
    """Say which messages have an open alert of their own, of their task or of their review."""
    task = select(Task.task_id).where(Task.mesh_message_id == Message.mesh_message_id)
    review = select(Review.review_id).where(Review.mesh_message_id == Message.mesh_message_id)
    subjects = or_(
        Alert.subject_id == Message.mesh_message_id,
        Alert.subject_id == task.correlate(Message).scalar_subquery(),
        Alert.subject_id == review.correlate(Message).scalar_subquery(),
    )
    return exists().where(Alert.closed_at.is_(None), subjects)


def _give_up(session: Session, mesh_ids: list[str], now: datetime) -> int:
    """Delete bytes and blank patient data of these messages; return how many documents nobody has any more.

    Ids, states, codes, times, timeline and audit stay, and so do the keys of duplicates (decision 27).
    """
    tasks = list(session.scalars(select(Task.task_id).where(Task.mesh_message_id.in_(mesh_ids))))
    documents = TaskDocument.task_id.in_(tasks)
    hashes = set(session.scalars(select(TaskDocument.sha256).where(documents)))
    statements = (
        delete(MessageBody).where(MessageBody.mesh_message_id.in_(mesh_ids)),
        update(Response).where(Response.mesh_message_id.in_(mesh_ids)).values(body=b""),
        update(Review).where(Review.mesh_message_id.in_(mesh_ids)).values(facts={}, candidates=[]),
        delete(TaskDrop).where(TaskDrop.task_id.in_(tasks), TaskDrop.dropped_at.is_(None)),
        delete(TaskDocument).where(documents),
        update(Task).where(Task.task_id.in_(tasks)).values(subject=""),
        update(Message)
        .where(Message.mesh_message_id.in_(mesh_ids))
        .values(subject=None, recipient=None, pruned_at=now),
    )
    for statement in statements:
        session.execute(statement, execution_options={"synchronize_session": False})
    unused = ~exists().where(TaskDocument.sha256 == Blob.sha256)
    gone = delete(Blob).where(Blob.sha256.in_(hashes), unused).returning(Blob.sha256)
    return len(session.execute(gone, execution_options={"synchronize_session": False}).all())

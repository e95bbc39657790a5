"""The tasks that are to be laid into the drop directory: queued with the task, tried until they are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import events, export, ledger, worklist
from registered_receiver.ledger import LeaseLost
from registered_receiver.tables import Message, Task, TaskDrop
from shared.audit import actor

FAILED: Final = "drop_failed"
"""The kind of alert about tasks that cannot be laid into the directory."""
DIRECTORY: Final = "TASK_DROP_DIR"
"""What that alert is about when it is not a single task."""

# a share may be slow, and a report as large as MESH lets one be
_LEASE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ClaimedDrop:
    """A task that this process lays into the directory until ``lease_until``."""

    task_id: str
    files: dict[str, bytes] = field(repr=False)
    lease_until: datetime


def claim(session: Session, now: datetime) -> ClaimedDrop | None:
    """Take the task that waits longest and is due, with its files; None for none."""
    query = (
        select(TaskDrop)
        .where(TaskDrop.dropped_at.is_(None), TaskDrop.claimable(now))
        .order_by(TaskDrop.queued_at, TaskDrop.task_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(query).one_or_none()
    if row is None:
        return None
    row.lease(now, _LEASE)
    return ClaimedDrop(row.task_id, export.task_files(session, worklist.find(session, row.task_id)), now + _LEASE)


def mark_dropped(session: Session, claimed: ClaimedDrop, now: datetime, *, adopted: bool) -> None:
    """Record that the folder is there, in timeline and audit, and settle what was open about it. Raises LeaseLost."""
    row, task, message = _reclaim(session, claimed)
    row.release()
    row.dropped_at = now
    ledger.note(session, message, "task_dropped", now, detail=task.task_id)
    ledger.AUDIT.record(session, actor(), "task_dropped", now, subject_id=task.task_id, nhs_number=task.nhs_number)
    for subject in (DIRECTORY, task.task_id):
        reason = "a task was laid into the directory"
        ledger.ALERTS.close(session, subject_id=subject, kind=FAILED, now=now, by=ledger.DAEMON, reason=reason)
    ledger.say(session, events.TASK_DROPPED, message, task_id=task.task_id, adopted=adopted or None)


def postpone(session: Session, claimed: ClaimedDrop, subject_id: str, error: str, now: datetime) -> None:
    """Leave the task to be tried again, later and later, and tell a person once. Raises LeaseLost.

    ``error`` holds no patient data.
    """
    row, task, message = _reclaim(session, claimed)
    row.back_off(now)
    extra = {"attempts": row.attempts, "next_attempt_at": str(row.next_attempt_at)}
    ledger.say(session, events.DROP_POSTPONED, message, task_id=task.task_id, error=error, **extra)
    ledger.ALERTS.open(
        session,
        kind=FAILED,
        subject_id=subject_id,
        now=now,
        text=f"Tasks cannot be laid into the drop directory: {error}.",
        action="Mend it (`check` looks at the directory); it is tried again by itself. `tasks` has every task.",
        code=None,
    )


def _reclaim(session: Session, claimed: ClaimedDrop) -> tuple[TaskDrop, Task, Message]:
    row = session.get_one(TaskDrop, claimed.task_id, with_for_update=True)
    if row.lease_until != claimed.lease_until:
        raise LeaseLost(f"the lease of task {claimed.task_id} ended before it was dropped")
    task = session.get_one(Task, claimed.task_id)
    return row, task, session.get_one(Message, task.mesh_message_id)

"""What happens to a message: its state, the timeline, the alerts and the log, in one transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from registered_receiver import events
from registered_receiver.states import (
    INITIAL,
    MESSAGE_TRANSITIONS,
    TASK_TRANSITIONS,
    MessageEvent,
    MessageState,
    TaskEvent,
    TaskState,
)
from registered_receiver.tables import Alert, Audit, Message, Response, Task, Timeline, WebLockout, WebSession, WebUser
from shared.alerts import AlertBook
from shared.audit import AuditBook
from shared.db import after_commit
from shared.errors import MessagingError
from shared.inserts import insert_last, insert_once
from shared.log import Event, emit
from shared.states import next_state
from shared.tables import ClaimColumns
from shared.web.tables import Accounts

DAEMON: Final = "registered-receiver"
MOST_ATTEMPTS: Final = 10

ALERTS: Final = AlertBook(Alert)
AUDIT: Final = AuditBook(Audit)
ACCOUNTS: Final = Accounts(WebUser, WebSession, WebLockout)

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class LeaseLost(MessagingError):
    """Another process took the row over, because this one was too slow; what it was about to do is not done."""


def ids(message: Message) -> dict[str, object]:
    """Return the ids that every log line about a message carries."""
    return {
        "mesh_message_id": message.mesh_message_id,
        "message_id": if_uuid(message.message_id),
        "sender_mailbox": message.sender_mailbox,
        "sender_reference": if_uuid(message.sender_reference),
    }


def if_uuid(chosen: str | None) -> str | None:
    """Return an id that the other side chose if it looks like a UUID: anything else may be patient data."""
    return chosen if chosen and _UUID.fullmatch(chosen) else None


def begin(
    session: Session, columns: Mapping[str, Any], event: MessageEvent, now: datetime, *, code: str | None = None
) -> Message | None:
    """Add a message with these ``columns`` in its first state, and the first line of its timeline.

    Returns it for reading alone, or None when a message with its id is here already: then nothing is done.
    """
    values = {**columns, "attempts": 0, "state": INITIAL[event], "changed_at": now}
    if not insert_once(session, Message, **values):
        return None
    message = Message(**values)
    note(session, message, event, now, to=message.state, code=code)
    _log(session, message, event, code=code)
    return message


def advance(
    session: Session,
    message: Message,
    event: MessageEvent,
    now: datetime,
    *,
    by: str = DAEMON,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Let ``event`` happen to ``message``. Raises UnexpectedEvent when its state does not allow that.

    ``detail`` holds no patient data.
    """
    before = MessageState(message.state)
    message.state, message.changed_at = next_state(MESSAGE_TRANSITIONS, before, event), now
    note(session, message, event, now, by=by, was=before, to=message.state, code=code, detail=detail)
    _log(session, message, event, code=code, diagnostics=detail)


def advance_task(session: Session, task: Task, event: TaskEvent, now: datetime, *, by: str = DAEMON) -> None:
    """Let ``event`` happen to ``task``. Raises UnexpectedEvent when its state does not allow that."""
    message = session.get_one(Message, task.mesh_message_id)
    before = TaskState(task.state)
    task.state = next_state(TASK_TRANSITIONS, before, event)
    message.changed_at = now
    note(session, message, event, now, by=by, was=before, to=task.state)
    fields = ids(message) | {"task_id": task.task_id, "change": str(event), "state": str(task.state), "by": by}
    after_commit(session, lambda: emit(events.TASK_CHANGED, **fields))


def note(
    session: Session,
    message: Message,
    event: str,
    now: datetime,
    *,
    by: str = DAEMON,
    was: str | None = None,
    to: str | None = None,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a line to the timeline of ``message``; without ``was`` and ``to`` no state changes."""
    line = {"mesh_message_id": message.mesh_message_id, "at": now, "event": str(event), "by": by}
    line |= {"from_state": was, "to_state": to, "code": code, "detail": detail}
    # nobody changes it any more, so no object need stand for it
    insert_last(session, Timeline, line)


def timeline(session: Session, mesh_message_id: str) -> list[Timeline]:
    """Return the timeline of a message, the oldest line first."""
    query = select(Timeline).where(Timeline.mesh_message_id == mesh_message_id).order_by(Timeline.id)
    return list(session.scalars(query))


def say(session: Session, event: Event, message: Message, **fields: object) -> None:
    """Log ``event`` about ``message`` once the transaction is durable."""
    line = ids(message) | fields
    after_commit(session, lambda: emit(event, **line))


def postpone(session: Session, message: Message, row: ClaimColumns, now: datetime, error: str) -> bool:
    """Give ``row`` (the message, or a response to it) back after a failure; park it after too many.

    Returns whether it was parked, with an alert. ``error`` holds no patient data.
    """
    row.back_off(now)
    if row.attempts >= MOST_ATTEMPTS:
        park(session, message, row, now, error, code=None)
        return True
    return False


def park(
    session: Session,
    message: Message,
    row: ClaimColumns,
    now: datetime,
    error: str,
    *,
    code: str | None,
    advice: str = "",
) -> None:
    """Leave ``row`` alone until a person takes it back (decision 41), and open an alert.

    ``advice`` is what that person does first.
    """
    row.lease_until, row.parked_at = None, now
    mesh_id = message.mesh_message_id
    what, failed = "message", f"MESH message {mesh_id} could not be dealt with"
    if isinstance(row, Response):
        what, failed = "response", f"The {row.level} response {row.code} to MESH message {mesh_id} could not be sent"
    note(session, message, f"{what}_parked", now, code=code, detail=error)
    say(session, events.WORK_PARKED, message, error=error, attempts=row.attempts)
    ALERTS.open(
        session,
        kind=f"{what}_parked",
        subject_id=mesh_id,
        now=now,
        text=f"{failed}: {error}",
        action=f"{advice} See `show {mesh_id}`, mend the cause, then `retry {mesh_id}`.".lstrip(),
        code=code,
    )


def _log(session: Session, message: Message, event: MessageEvent, **more: object) -> None:
    line = events.MESSAGE_EVENTS[event]
    fields = {"workflow_id": message.workflow_id, "linked_message_id": message.linked_message_id} | more
    say(session, line, message, **{name: value for name, value in fields.items() if name in line.fields})

"""The states of a message and of a task, what can happen to them, and what follows.

received ──accepted──▶ valid ──matched──▶ filed
   │                     │ └──nearly matched──▶ review ──a person decides──▶ filed | unmatched
   │                     └──not matched──▶ unmatched
   └──refused──▶ rejected   ──repeated──▶ duplicate   ──a response──▶ ignored

ignored, because it was left in MESH ──ours after all──▶ received

open ──completed──▶ completed ──superseded──▶ superseded ◀──superseded── open
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MessageState(StrEnum):
    """Where a message stands (the contract's table)."""

    RECEIVED = "received"
    REJECTED = "rejected"
    VALID = "valid"
    REVIEW = "review"
    FILED = "filed"
    UNMATCHED = "unmatched"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


class MessageEvent(StrEnum):
    """What can happen to a message."""

    COLLECTED = "collected"
    """MESH gave us the message and it is stored; only then MESH is told to forget it."""
    LEFT_IN_MESH = "left_in_mesh"
    """The message is for neither daemon; it was looked at and not acknowledged (decision 31).

    Other settings or a later version may find that it is ours: then it is collected.
    """
    REPORT_COLLECTED = "report_collected"
    """MESH's own word about one of our responses."""
    IS_RESPONSE = "is_response"
    """The message is itself a response, and no response is ever answered (decision 15)."""
    REFUSED = "refused"
    """A rule does not hold; a negative infrastructure response is queued (GPCM-SD-066)."""
    REPEATED = "repeated"
    """The report was accepted before; 20007 or 20008 is queued (decision 8)."""
    ACCEPTED = "accepted"
    """Every rule holds; 20013 is queued and the patient is looked for."""
    MATCHED = "matched"
    """The patient was found, by rule or by a person; there is a task."""
    NEARLY_MATCHED = "nearly_matched"
    """A near miss: a person decides."""
    NOT_MATCHED = "not_matched"
    """Nobody here, or no longer here; 30002 or 30003 is queued."""


class TaskState(StrEnum):
    """Where a task of the workflow list stands."""

    OPEN = "open"
    COMPLETED = "completed"
    SUPERSEDED = "superseded"


class TaskEvent(StrEnum):
    """What can happen to a task."""

    COMPLETED = "task_completed"
    """A person dealt with the report."""
    SUPERSEDED = "task_superseded"
    """A later version of the same consultation was filed (decision 9)."""


INITIAL: Mapping[MessageEvent, MessageState] = {
    MessageEvent.COLLECTED: MessageState.RECEIVED,
    MessageEvent.LEFT_IN_MESH: MessageState.IGNORED,
    MessageEvent.REPORT_COLLECTED: MessageState.IGNORED,
}
"""How a message comes to be."""

MESSAGE_TRANSITIONS: Mapping[MessageState, Mapping[MessageEvent, MessageState]] = {
    MessageState.RECEIVED: {
        MessageEvent.IS_RESPONSE: MessageState.IGNORED,
        MessageEvent.REFUSED: MessageState.REJECTED,
        MessageEvent.REPEATED: MessageState.DUPLICATE,
        MessageEvent.ACCEPTED: MessageState.VALID,
    },
    MessageState.VALID: {
        MessageEvent.MATCHED: MessageState.FILED,
        MessageEvent.NEARLY_MATCHED: MessageState.REVIEW,
        MessageEvent.NOT_MATCHED: MessageState.UNMATCHED,
    },
    MessageState.REVIEW: {
        MessageEvent.MATCHED: MessageState.FILED,
        MessageEvent.NOT_MATCHED: MessageState.UNMATCHED,
    },
    MessageState.REJECTED: {},
    MessageState.FILED: {},
    MessageState.UNMATCHED: {},
    MessageState.DUPLICATE: {},
    MessageState.IGNORED: {
        MessageEvent.COLLECTED: MessageState.RECEIVED,
        MessageEvent.REPORT_COLLECTED: MessageState.IGNORED,
    },
}

TASK_TRANSITIONS: Mapping[TaskState, Mapping[TaskEvent, TaskState]] = {
    TaskState.OPEN: {TaskEvent.COMPLETED: TaskState.COMPLETED, TaskEvent.SUPERSEDED: TaskState.SUPERSEDED},
    TaskState.COMPLETED: {TaskEvent.SUPERSEDED: TaskState.SUPERSEDED},
    TaskState.SUPERSEDED: {},
}

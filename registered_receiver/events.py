"""The receiver's log lines; ``docs/logs.md`` is written from this catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from registered_receiver.states import MessageEvent
from shared.log import Event

_IDS = ("mesh_message_id", "message_id", "sender_mailbox", "sender_reference")

MESSAGE_COLLECTED = Event(
    "message.collected", "info", (*_IDS,), "A message is stored; MESH is told so afterwards and forgets its copy."
)
MESSAGE_LEFT = Event(
    "message.left",
    "warning",
    (*_IDS, "workflow_id"),
    "A message in the mailbox is for neither daemon; it stays in MESH, unacknowledged.",
    "Find out who uses this mailbox for that workflow, or ask MESH to take the workflow off the mailbox.",
)
REPORT_COLLECTED = Event(
    "message.mesh_report",
    "warning",
    (*_IDS, "linked_message_id", "code"),
    "MESH could not deliver one of our responses; an alert is open.",
    "See the alert.",
)
MESSAGE_IGNORED = Event(
    "message.ignored", "warning", (*_IDS,), "A message with the workflow of reports is itself a response: not answered."
)
MESSAGE_REJECTED = Event(
    "message.rejected",
    "warning",
    (*_IDS, "code", "diagnostics"),
    "A message breaks a rule; the negative response is queued and nothing is filed.",
    "Nothing: the sender is told. `explain` lists every rule that fails.",
)
MESSAGE_DUPLICATE = Event(
    "message.duplicate", "info", (*_IDS, "code"), "A report that was accepted before came again; nothing is filed."
)
MESSAGE_ACCEPTED = Event("message.accepted", "info", (*_IDS, "code"), "Every rule holds; 20013 is queued.")
MESSAGE_FILED = Event("message.filed", "info", (*_IDS, "code"), "The patient was found; the report is on the worklist.")
MESSAGE_REVIEW = Event(
    "message.review",
    "warning",
    (*_IDS,),
    "The patient was nearly found; the report waits for a person.",
    "`reviews` shows it; `reviews match` or `reviews reject` decides.",
)
MESSAGE_UNMATCHED = Event(
    "message.unmatched", "info", (*_IDS, "code"), "The patient is not, or no longer, here; the sender is told."
)
RESPONSE_QUEUED = Event("response.queued", "debug", (*_IDS, "local_id", "code"), "A response is built and stored.")
RESPONSE_SENT = Event(
    "response.sent", "info", (*_IDS, "local_id", "code", "sent_message_id", "adopted"), "MESH has the response."
)
RESPONSE_POSTPONED = Event(
    "response.postponed",
    "info",
    (*_IDS, "local_id", "code", "error", "attempts", "next_attempt_at"),
    "A response could not be sent now; it is tried again at `next_attempt_at`.",
)
WORK_POSTPONED = Event(
    "work.postponed",
    "warning",
    (*_IDS, "error", "attempts", "next_attempt_at"),
    "A message could not be processed for an unforeseen reason; it is tried again at `next_attempt_at`.",
    "If it repeats, report it with this line.",
)
WORK_PARKED = Event(
    "work.parked",
    "error",
    (*_IDS, "local_id", "error", "attempts"),
    "A message or a response was tried too often, or refused by MESH; it is left alone and an alert is open.",
    "See the alert; `retry` takes the record back.",
)
WORK_RETRIED = Event("work.retried", "info", (*_IDS, "by"), "A person took a parked record back.")
TASK_DROPPED = Event(
    "task.dropped",
    "info",
    (*_IDS, "task_id", "adopted"),
    "A task lies in the drop directory as a folder. `adopted`: it was there already, from an attempt that broke off.",
)
DROP_POSTPONED = Event(
    "task.drop_postponed",
    "warning",
    (*_IDS, "task_id", "error", "attempts", "next_attempt_at"),
    "A task could not be laid into the drop directory; it is tried again at `next_attempt_at`, and an alert is open.",
    "See the alert; the task itself is on the worklist.",
)
MESSAGES_PRUNED = Event(
    "messages.pruned",
    "info",
    ("messages", "documents"),
    "Messages were finished longer ago than RETENTION: their bytes and documents are given up, their records stay.",
)
TASK_CHANGED = Event(
    "task.changed", "info", (*_IDS, "task_id", "change", "state", "by"), "A task was completed or superseded."
)
PATIENTS_IMPORTED = Event(
    "patients.imported", "info", ("patients", "left", "by"), "The patient index was brought up to date."
)

MESSAGE_EVENTS: Mapping[MessageEvent, Event] = {
    MessageEvent.COLLECTED: MESSAGE_COLLECTED,
    MessageEvent.LEFT_IN_MESH: MESSAGE_LEFT,
    MessageEvent.REPORT_COLLECTED: REPORT_COLLECTED,
    MessageEvent.IS_RESPONSE: MESSAGE_IGNORED,
    MessageEvent.REFUSED: MESSAGE_REJECTED,
    MessageEvent.REPEATED: MESSAGE_DUPLICATE,
    MessageEvent.ACCEPTED: MESSAGE_ACCEPTED,
    MessageEvent.MATCHED: MESSAGE_FILED,
    MessageEvent.NEARLY_MATCHED: MESSAGE_REVIEW,
    MessageEvent.NOT_MATCHED: MESSAGE_UNMATCHED,
}
"""The log line of each thing that can happen to a message."""

EVENTS = (
    *MESSAGE_EVENTS.values(),
    *(RESPONSE_QUEUED, RESPONSE_SENT, RESPONSE_POSTPONED),
    *(WORK_POSTPONED, WORK_PARKED, WORK_RETRIED, TASK_CHANGED, PATIENTS_IMPORTED),
    *(TASK_DROPPED, DROP_POSTPONED, MESSAGES_PRUNED),
)

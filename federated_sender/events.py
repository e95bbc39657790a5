"""The sender's log lines; ``docs/logs.md`` is written from this catalogue."""

from __future__ import annotations

from shared.log import Event

_IDS = ("report_id", "consultation_id", "version", "message_id", "mesh_message_id", "local_id")

REPORT_CHANGED = Event(
    "report.changed",
    "info",
    (*_IDS, "change", "state", "code"),
    "Something happened to a report; `change` says what, `state` where it stands now.",
)
REPORT_INVALID = Event(
    "report.invalid",
    "warning",
    (*_IDS, "faults"),
    "A consultation cannot be sent as it is; `faults` is how many things are wrong with it.",
    "See `show` for the faults, correct the row in the clinical system; it is picked up again by itself.",
)
OUTBOX_REFUSED = Event(
    "outbox.refused",
    "warning",
    ("consultation_id", "rule"),
    "A row of the outbox went back in time and was left out of account.",
    "Ask the clinical system's supplier why `updated_at` went back.",
)
SEND_POSTPONED = Event(
    "send.postponed",
    "info",
    (*_IDS, "error", "attempts", "next_attempt_at"),
    "A report could not be sent now; it is tried again at `next_attempt_at`.",
)
SEND_AMBIGUOUS = Event(
    "send.ambiguous",
    "warning",
    (*_IDS, "error"),
    "The connection broke while MESH may have taken the report; it is looked up before it is sent again.",
)
WORK_PARKED = Event(
    "work.parked",
    "error",
    (*_IDS, "error", "attempts"),
    "A record failed again and again for an unforeseen reason and was set aside; the others go on.",
    "Mend the cause, then `retry` the record.",
)
INBOX_COLLECTED = Event(
    "inbox.collected",
    "info",
    ("mesh_message_id", "message_type", "linked_message_id"),
    "A response or a MESH report was downloaded and stored.",
)
INBOX_LEFT = Event(
    "inbox.left",
    "info",
    ("mesh_message_id", "message_type", "workflow_id"),
    "A message in the mailbox is not the sender's and stays there. Said once for each message.",
    "Nothing, when another system reads this mailbox; otherwise find out who sends it.",
)
INBOX_FAILED = Event(
    "inbox.failed",
    "error",
    ("mesh_message_id", "error"),
    "What a collected message says could not be applied; the others go on, it is tried again later and later.",
    "Nothing yet: after ten times an alert says what to do.",
)
RESPONSE_READ = Event(
    "response.read",
    "info",
    (*_IDS, "response_mesh_message_id", "code"),
    "A response or a MESH report was correlated with a report.",
)
RESPONSE_FOR_NOBODY = Event(
    "response.for_nobody",
    "warning",
    ("mesh_message_id", "code"),
    "A response or MESH report answers nothing that this sender knows of.",
    "See the alert.",
)
REPORT_TRACKED = Event(
    "report.tracked",
    "info",
    (*_IDS, "tracking"),
    "MESH said for the first time, or otherwise than before, what became of a report that nobody answered.",
)
TRACKING_FAILED = Event(
    "tracking.failed",
    "warning",
    ("mesh_message_id", "error"),
    "MESH was asked what became of a report and gave no answer that can be used; it is asked again another day.",
)
BODIES_PRUNED = Event(
    "bodies.pruned",
    "info",
    ("reports", "responses", "documents"),
    "What was kept for `RETENTION` was deleted, one line a batch; ids, codes, times and timelines stay.",
)

EVENTS = (
    REPORT_CHANGED,
    REPORT_INVALID,
    OUTBOX_REFUSED,
    SEND_POSTPONED,
    SEND_AMBIGUOUS,
    WORK_PARKED,
    INBOX_COLLECTED,
    INBOX_LEFT,
    INBOX_FAILED,
    RESPONSE_READ,
    RESPONSE_FOR_NOBODY,
    REPORT_TRACKED,
    TRACKING_FAILED,
    BODIES_PRUNED,
)

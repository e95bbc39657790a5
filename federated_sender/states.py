"""The states of a report, what can happen to it, and what follows: everything about states lives here.

waiting ──due──▶ queued ──taken──▶ sent ──infrastructure 20013──▶ accepted ──business 3000x──▶ delivered
   ▲                │ ▲              │                                │
   └── updated ─────┘ └── resent ────┴── negative, unroutable ──▶ failed ◀─┘
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a report stands (the contract's table)."""

    WAITING = "waiting"
    NOT_REQUIRED = "not_required"
    INVALID = "invalid"
    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a report."""

    UPDATED = "updated"
    """The clinical system changed the consultation before a version was stored; the delay restarts."""
    FOUND_INVALID = "found_invalid"
    """The consultation cannot be sent as it is."""
    REVERTED = "reverted"
    """The consultation is again what was sent already: there is nothing to send."""
    DUE = "due"
    """The delay is over (GPCM-SD-096)."""
    NOT_ELIGIBLE = "not_eligible"
    """GPCM-SD-083 to 085 say that nothing is sent."""
    BUILT = "built"
    """The version's bytes are stored; from here on they never change."""
    TAKEN = "taken"
    """MESH took the message."""
    REFUSED = "refused"
    """MESH refused the message for good."""
    INFRASTRUCTURE_POSITIVE = "infrastructure_positive"
    """The receiver accepted the message; the business response is still missing."""
    BUSINESS_POSITIVE = "business_positive"
    """The business response came; the infrastructure response is still missing."""
    BOTH_POSITIVE = "both_positive"
    """The response that completes the exchange."""
    NEGATIVE = "negative"
    """A response that says the report was not filed (GPCM-SD-094)."""
    UNDELIVERABLE = "undeliverable"
    """A MESH REPORT says that the message did not arrive (GPCM-SD-075)."""
    NOTED = "noted"
    """Something arrived that changes nothing (decision 25)."""
    RETRIED = "retried"
    """A person took a report back that had been set aside."""
    RESENT = "resent"
    """A person wants the same bytes to go to MESH once more."""
    REISSUED = "reissued"
    """A person wants the next version, although the content is the same."""
    ROUTED = "routed"
    """A person named the registered practice (decision 39)."""
    WITHDRAWN = "withdrawn"
    """The consultation was deleted before this version was stored; or it was stored, MESH has it not, and what the
    clinical system said since forbids to send it."""
    NOT_RESENT = "not_resent"
    """A person wanted it sent again, and what the clinical system said since forbids that."""
    DELETED = "deleted"
    """The clinical system deleted the consultation; this version was stored already."""


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.WAITING: {
        Event.UPDATED: State.WAITING,
        Event.FOUND_INVALID: State.INVALID,
        Event.DUE: State.QUEUED,
        Event.RETRIED: State.WAITING,
        Event.ROUTED: State.WAITING,
        Event.WITHDRAWN: State.NOT_REQUIRED,
    },
    State.NOT_REQUIRED: {
        Event.UPDATED: State.WAITING,
        Event.FOUND_INVALID: State.INVALID,
        Event.REVERTED: State.NOT_REQUIRED,
        Event.REISSUED: State.WAITING,
        Event.ROUTED: State.WAITING,
        Event.WITHDRAWN: State.NOT_REQUIRED,
        # an answer proves that MESH took what it did not know when it was withdrawn
        Event.TAKEN: State.SENT,
        # a MESH REPORT: it was not delivered, and was not to be
        Event.NOTED: State.NOT_REQUIRED,
    },
    State.INVALID: {
        Event.UPDATED: State.WAITING,
        Event.FOUND_INVALID: State.INVALID,
        Event.REVERTED: State.NOT_REQUIRED,
        Event.REISSUED: State.WAITING,
        Event.ROUTED: State.WAITING,
        Event.WITHDRAWN: State.NOT_REQUIRED,
    },
    State.QUEUED: {
        Event.UPDATED: State.WAITING,
        Event.FOUND_INVALID: State.INVALID,
        Event.NOT_ELIGIBLE: State.NOT_REQUIRED,
        Event.BUILT: State.QUEUED,
        Event.RETRIED: State.QUEUED,
        Event.TAKEN: State.SENT,
        Event.REFUSED: State.FAILED,
        # only while nothing is stored
        Event.ROUTED: State.WAITING,
        Event.WITHDRAWN: State.NOT_REQUIRED,
        Event.NOT_RESENT: State.FAILED,
        # a stored version is withdrawn by the send job, which knows whether MESH has it
        Event.DELETED: State.QUEUED,
    },
    State.SENT: {
        Event.INFRASTRUCTURE_POSITIVE: State.ACCEPTED,
        Event.BUSINESS_POSITIVE: State.SENT,
        Event.BOTH_POSITIVE: State.DELIVERED,
        Event.NEGATIVE: State.FAILED,
        Event.UNDELIVERABLE: State.FAILED,
        Event.NOTED: State.SENT,
        Event.RESENT: State.QUEUED,
        Event.DELETED: State.SENT,
    },
    State.ACCEPTED: {
        Event.BOTH_POSITIVE: State.DELIVERED,
        Event.NEGATIVE: State.FAILED,
        Event.NOTED: State.ACCEPTED,
        Event.RESENT: State.QUEUED,
        Event.DELETED: State.ACCEPTED,
    },
    # decision 25: delivered is final; whatever comes later is noted, a negative one with an alert
    State.DELIVERED: {
        Event.NOTED: State.DELIVERED,
        Event.DELETED: State.DELIVERED,
    },
    # decision 25: failed by a response, then both positives: it was filed after all
    State.FAILED: {
        Event.BOTH_POSITIVE: State.DELIVERED,
        Event.NOTED: State.FAILED,
        Event.RESENT: State.QUEUED,
        Event.DELETED: State.FAILED,
    },
}

FINAL = frozenset({State.DELIVERED, State.FAILED, State.NOT_REQUIRED})
"""States in which nothing more is expected unless a person or the clinical system acts."""

AWAITING = frozenset({State.SENT, State.ACCEPTED})
"""States in which a response is missing."""

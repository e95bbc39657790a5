"""What a report's state and reason say to people at the practice, and how reports are grouped for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from federated_sender.eligibility import Reason
from federated_sender.states import State
from federated_sender.tracking import Tracked
from shared.meanings.catalogue import is_known, meaning_of


@dataclass(frozen=True, slots=True)
class Group:
    """Reports that people look at together; ``states`` empty is all of them."""

    key: str
    text: str
    states: tuple[State, ...] = ()


ALL: Final = Group("all", "All")
OVERDUE: Final = Group("overdue", "Overdue")
"""What is overdue is a question, not a state: these reports are sent or accepted, too."""
GROUPS: Final = (
    ALL,
    Group("failed", "Failed", (State.FAILED, State.INVALID)),
    OVERDUE,
    Group("waiting", "Waiting", (State.WAITING, State.QUEUED)),
    Group("sent", "Sent", (State.SENT, State.ACCEPTED)),
    Group("delivered", "Delivered", (State.DELIVERED,)),
    Group("not-required", "Not required", (State.NOT_REQUIRED,)),
)

_STATES: Final[Mapping[str, str]] = {
    State.WAITING: "It goes out when the delay is over, in case the consultation changes.",
    State.NOT_REQUIRED: "Nothing is sent.",
    State.INVALID: "It cannot be sent as it is. Correct the consultation in the clinical system.",
    State.QUEUED: "It is being checked, printed and sent.",
    State.SENT: "It is sent. The registered practice's system has not answered yet.",
    State.ACCEPTED: "The registered practice's system took it. Whether it was filed is not known yet.",
    State.DELIVERED: "It is filed at the registered practice.",
    State.FAILED: "It was not filed at the registered practice.",
}
_REASONS: Final[Mapping[str, str]] = {
    Reason.REGULAR_PATIENT: "The patient is registered at this practice.",
    Reason.OWN_PRACTICE: "The patient's registered practice is this one.",
    Reason.NOT_IN_FEDERATION: "The patient's registered practice is not in the federation.",
    Reason.DELETED: "The consultation was deleted before its report was sent.",
    Reason.UNCHANGED: "The consultation is again what was sent already.",
    Reason.CONFIDENTIAL: "The patient wants it kept confidential, and nothing may be sent then.",
    Reason.OTHER_PATIENT: "The consultation is about another patient now than this version of it.",
    "pds_superseded": "PDS says that the NHS number was replaced by another one.",
    "pds_restricted": "PDS does not show this patient's record.",
    "pds_no_practice": "PDS knows no registered practice of the patient.",
    "unsendable": "No header of MESH can carry what it says.",
    Tracked.NOT_COLLECTED: "The registered practice has not collected it from its mailbox.",
    Tracked.COLLECTED: "The registered practice's system collected it and has not answered.",
    Tracked.UNDELIVERABLE: "MESH could not deliver it.",
    Tracked.UNKNOWN_TO_MESH: "MESH knows nothing of it.",
    Tracked.UNCLEAR: "MESH knows nothing certain of it.",
}
_NOT_SENT_AGAIN: Final[Mapping[str, str]] = {
    Reason.DELETED: "The consultation was deleted since.",
    Reason.CONFIDENTIAL: "The consultation became confidential since.",
    Reason.OTHER_PATIENT: "The consultation is about another patient since.",
}
"""Why a report that a person wanted to be sent again was not; nothing else makes one of these fail."""


def group_of(key: str) -> Group:
    """Return the group that an address names; all reports for a name that there is not."""
    return next((group for group in GROUPS if group.key == key), ALL)


def how_many(group: Group, counts: Mapping[str, int], overdue: int) -> int:
    """Return how many reports are in a group."""
    if group is OVERDUE:
        return overdue
    return sum(number for state, number in counts.items() if not group.states or state in group.states)


def standing(record: Mapping[str, Any]) -> str:
    """Return how a report stands, in one or two sentences; ``reason`` names fields and rules, never a value."""
    reason, state = record["reason"], record["state"]
    if state == State.FAILED and reason in _NOT_SENT_AGAIN:
        before = "It was sent before, and" if record["was_sent"] else "It"
        return f"{before} was not sent again as asked. {_NOT_SENT_AGAIN[reason]}"
    return f"{_STATES[state]} {_reason(reason)}".strip() if reason else _STATES[state]


def which_documents(sent: bool) -> tuple[str, str]:
    """Return what to call the report's PDF and all its documents, by whether MESH ever took them."""
    if sent:
        return "The report as it was sent", "All documents that were sent"
    return "The report as it was built; it was not sent", "All documents that were built; they were not sent"


def _reason(reason: str) -> str:
    if reason in _REASONS:
        return _REASONS[reason]
    return str(meaning_of(reason)) if is_known(reason) else f"{reason}."
